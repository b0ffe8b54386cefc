//! The questions of a plan, as a driver asks them, and what a capture keeps of their answers.

use std::collections::BTreeMap;

use dr_plan::{Expect, ExpectedPage};
use serde::{Deserialize, Serialize};

use super::Check;

/// What a system is asked.
#[derive(Debug, Clone, Copy)]
pub struct Questions<'a> {
    /// The questions of the plan.
    pub expect: &'a [Expect],
    /// The pages that it expects, of a website that was restored.
    pub pages: &'a [ExpectedPage],
    /// The school's zone, for moments that are written without one.
    pub zone: &'a jiff::tz::TimeZone,
}

impl Questions<'_> {
    /// The zone as databases know it.
    pub(crate) fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }
}

/// The answers of one moment, by the beginning of a hash of what was asked: a question that was changed since is another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QuestionAnswers(BTreeMap<String, Option<String>>);

/// No answer is longer: a question asks for a number or a moment.
const ANSWER_MAX: usize = 200;

impl QuestionAnswers {
    /// Of answers in the order of the questions.
    pub(crate) fn of(questions: &Questions<'_>, answers: Vec<Option<String>>) -> Self {
        let answers = answers.into_iter().map(|answer| answer.filter(|answer| answer.len() <= ANSWER_MAX));
        Self(questions.expect.iter().map(key).zip(answers).collect())
    }

    /// Whether nothing was asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a question was answered; `None` if it was not asked.
    #[must_use]
    pub fn to(&self, question: &Expect) -> Option<Option<&str>> {
        self.0.get(&key(question)).map(Option::as_deref)
    }

    /// Holds the answers of a restored system to these, given just before the moment of its capture, and to those given just
    /// after it: equal to one of them, or between them.
    pub(crate) fn held_between(&self, after: &Self, questions: &Questions<'_>, restored: &Self) -> Vec<Check> {
        let all = self.held_to(questions, restored).into_iter().zip(questions.expect);
        let held = |(check, question): (Check, &Expect)| {
            let (then, after) = (self.to(question).flatten(), after.to(question).flatten());
            let now = restored.to(question).flatten();
            let (Some(then), Some(after)) = (then, after) else { return check };
            if then == after {
                return check;
            }
            let number = |text: Option<&str>| text.and_then(Expect::number);
            let between = match (number(Some(then)), number(Some(after)), number(now)) {
                (Some(then), Some(after), Some(now)) => (then.min(after)..=then.max(after)).contains(&now),
                _ => now == Some(then) || now == Some(after),
            };
            let shown = |answer| question.shown(answer, questions.zone);
            let expected = format!("from {} to {}, as around the capture", shown(Some(then)), shown(Some(after)));
            Check::new(&check.name, between, expected, shown(now))
        };
        all.map(held).collect()
    }

    /// Holds the answers of a restored system to these of its capture: both were given of one moment, so they are equal.
    pub(crate) fn held_to(&self, questions: &Questions<'_>, restored: &Self) -> Vec<Check> {
        let check = |question: &Expect| {
            let shown = |answer: Option<&str>| question.shown(answer, questions.zone);
            let now = restored.to(question).flatten();
            let name = format!("{}, asked again", question.say);
            match self.to(question) {
                None => Check::not_known(
                    &name,
                    "the answer at capture",
                    format!("{}; it was not asked at capture", shown(now)),
                ),
                Some(None) => Check::not_known(
                    &name,
                    "the answer at capture",
                    format!("{}; there was none at capture", shown(now)),
                ),
                Some(then) => Check::new(&name, now == then, format!("{}, as at capture", shown(then)), shown(now)),
            }
        };
        questions.expect.iter().map(check).collect()
    }
}

/// By what a question is known again.
fn key(question: &Expect) -> String {
    let kind = if question.is_moment() { "moment " } else { "" };
    blake3::hash(format!("{kind}{}", question.ask).as_bytes()).to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Verdict;

    #[test]
    fn a_restored_answer_is_equal_to_the_captured_one_or_wrong_and_what_was_not_asked_is_not_known() {
        let expect = |ask: &str| Expect {
            say: format!("say {ask}"),
            ask: ask.to_owned(),
            within: Some(50),
            at_least: None,
            equals: None,
            newer_than: None,
        };
        let all = [expect("a"), expect("b"), expect("c"), expect("d")];
        let zone = jiff::tz::TimeZone::UTC;
        let asked = Questions { expect: &all[..3], pages: &[], zone: &zone };
        let then = QuestionAnswers::of(&asked, vec![Some("450".into()), Some("7".into()), None]);
        let later = Questions { expect: &all, pages: &[], zone: &zone };
        let now =
            QuestionAnswers::of(&later, vec![Some("450".into()), Some("8".into()), Some("1".into()), Some("2".into())]);
        let checks = then.held_to(&later, &now);
        let verdicts: Vec<_> = checks.iter().map(|check| check.verdict).collect();
        assert_eq!(verdicts, [Verdict::Good, Verdict::Wrong, Verdict::NotKnown, Verdict::NotKnown]);
        assert_eq!((checks[0].expected.as_str(), checks[0].actual.as_str()), ("450, as at capture", "450"));
        let later = QuestionAnswers::of(&asked, vec![Some("448".into()), Some("9".into()), None]);
        let verdicts = |answers: [&str; 2]| {
            let now = QuestionAnswers::of(&asked, answers.map(|text| Some(text.to_owned())).to_vec());
            let checks = then.held_between(&later, &asked, &now);
            checks.iter().map(|check| check.verdict).collect::<Vec<_>>()
        };
        assert_eq!(verdicts(["449", "8"]), [Verdict::Good, Verdict::Good, Verdict::NotKnown]);
        assert_eq!(verdicts(["447", "10"]), [Verdict::Wrong, Verdict::Wrong, Verdict::NotKnown]);
        let text = serde_json::to_string(&then).unwrap();
        assert_eq!(serde_json::from_str::<QuestionAnswers>(&text).unwrap(), then);
    }
}
