//! How is a question of the plan asked of MariaDB? In a transaction that only reads; one that goes wrong ends nothing.
//!
//! No other session sees the moment of a dump. So at capture each question is asked just before that moment and just after
//! it, and what a restored database answers is one of the two, or lies between them (decision 0051).

use dr_plan::Expect;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::sql::identifier;
use crate::driver::{QuestionAnswers, Questions};

/// What is answered after each question.
const NEXT: &str = "#";

/// The statements for all questions of one database, for a client that goes on after an error. Each answers a line of JSON
/// or none, a moment two, and [`NEXT`].
pub(super) fn script(questions: &Questions<'_>, database: &str) -> String {
    let mut script = format!(
        "use {};\nset max_statement_time = 60;\nset default_storage_engine = InnoDB;\nstart transaction read only;\n",
        identifier(database)
    );
    for question in questions.expect {
        let text = format!("select json_array(cast((\n{}\n) as char character set utf8mb4));\n", question.ask);
        match question.is_moment() {
            false => script.push_str(&text),
            // A TIMESTAMP is shown in the session's zone, a DATETIME is what the school's clock showed: told by asking twice.
            true => {
                script.push_str(&format!("set time_zone = '+00:00';\n{text}set time_zone = '+01:00';\n{text}"));
                script.push_str("set time_zone = default;\n");
            }
        }
        script.push_str(&format!("select '{NEXT}';\n"));
    }
    script.push_str("rollback;\n");
    script
}

/// The answers in what was said to [`script`].
pub(super) fn answers(questions: &Questions<'_>, said: &str) -> QuestionAnswers {
    let mut blocks = vec![Vec::new()];
    for line in said.lines() {
        match line {
            NEXT => blocks.push(Vec::new()),
            line => blocks.last_mut().into_iter().for_each(|block| block.push(value(line))),
        }
    }
    // What comes after the last mark is no answer.
    blocks.pop();
    let mut blocks = blocks.into_iter();
    let all = questions.expect.iter().map(|question| answer(question, &blocks.next()?, questions.zone));
    QuestionAnswers::of(questions, all.collect())
}

fn answer(question: &Expect, said: &[Option<String>], zone: &TimeZone) -> Option<String> {
    match said {
        [Some(text)] if !question.is_moment() => Some(text.clone()),
        [Some(first), Some(second)] if question.is_moment() => moment(first, second, zone).map(|at| at.to_string()),
        _ => None,
    }
}

fn value(line: &str) -> Option<String> {
    let [value]: [Option<String>; 1] = serde_json::from_str(line).ok()?;
    value
}

/// A moment in seconds since 1970, as it is shown in UTC and an hour east of it.
fn moment(first: &str, second: &str, zone: &TimeZone) -> Option<i64> {
    let read = |text: &str| text.replacen(' ', "T", 1).parse::<DateTime>().ok();
    let zone = if first == second { zone.clone() } else { TimeZone::UTC };
    Some(read(first)?.to_zoned(zone).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(ask: &str, newer_than: Option<&str>) -> Expect {
        let newer_than = newer_than.map(|text| dr_plan::Period::parse(text).unwrap());
        Expect { say: ask.into(), ask: ask.into(), within: None, at_least: None, equals: None, newer_than }
    }

    #[test]
    fn a_question_without_an_answer_leaves_the_others_theirs_and_a_moment_is_of_its_zone() {
        let expect = [
            expect("a", None),
            expect("b", None),
            expect("wall", Some("26h")),
            expect("stamp", Some("26h")),
            expect("day", Some("26h")),
            expect("half", Some("26h")),
            expect("none", None),
        ];
        let zone = TimeZone::get("Europe/London").unwrap();
        let questions = Questions { expect: &expect, pages: &[], zone: &zone };
        let said = "[\"450\"]\n#\n#\n[\"2026-07-01 09:00:00\"]\n[\"2026-07-01 09:00:00\"]\n#\n[\"2026-07-01 09:00:00.5\"]\n\
                    [\"2026-07-01 10:00:00.5\"]\n#\n[\"2026-12-01\"]\n[\"2026-12-01\"]\n#\n[\"2026-07-01 09:00:00\"]\n#\n[null]\n#\n";
        let answers = answers(&questions, said);
        let all: Vec<_> = expect.iter().map(|question| answers.to(question).unwrap()).collect();
        // 09:00 in British summer time is 08:00 in UTC.
        let expected = [Some("450"), None, Some("1782892800"), Some("1782896400"), Some("1796083200"), None, None];
        assert_eq!(all, expected);
    }
}
