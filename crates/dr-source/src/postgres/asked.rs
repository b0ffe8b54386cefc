//! How is a question of the plan asked of PostgreSQL? In the transaction that counts, so that its answer is of the same moment;
//! one that goes wrong ends nothing.

use dr_plan::Expect;

use super::rights::literal;
use crate::driver::Questions;

/// What is answered after each question.
pub(super) const NEXT: &str = "#";

/// The statements for all questions, within a transaction that is open. Each answers a line of JSON, or none, and [`NEXT`].
pub(super) fn script(questions: &Questions<'_>) -> String {
    let zone = literal(questions.zone_name());
    let mut script = String::from("\\set ON_ERROR_STOP 0\n");
    for question in questions.expect {
        script.push_str(&format!(
            "savepoint dr_question;\n\
             set local search_path = public; set local timezone = {zone}; set local statement_timeout = '60s';\n\
             {}\n\
             rollback to savepoint dr_question;\nselect '{NEXT}';\n",
            statement(question)
        ));
    }
    script.push_str("\\set ON_ERROR_STOP 1\n");
    script
}

/// One value, whatever it is, as a text.
fn statement(question: &Expect) -> String {
    let ask = &question.ask;
    match question.is_moment() {
        true => format!("select json_build_array(floor(extract(epoch from (\n{ask}\n)::timestamptz))::bigint::text);"),
        false => format!("select json_build_array((\n{ask}\n)::text);"),
    }
}

/// What one line answers.
pub(super) fn answer(line: &str) -> Option<String> {
    let [answer]: [Option<String>; 1] = serde_json::from_str(line).ok()?;
    answer
}

/// The answers in what was said to [`script`] alone.
pub(super) fn answers(said: &str, count: usize) -> Vec<Option<String>> {
    let mut all = Vec::new();
    let mut last = None;
    for line in said.lines() {
        match line {
            NEXT => all.push(last.take()),
            line => last = answer(line),
        }
    }
    all.resize(count, None);
    all
}

#[cfg(test)]
mod tests {
    use super::answers;

    #[test]
    fn a_question_without_an_answer_leaves_the_others_theirs() {
        let said = "[\"450\"]\n#\n#\n[null]\n#\n[\"a\\nb\"]\n#\n";
        let expected = [Some("450".to_owned()), None, None, Some("a\nb".to_owned()), None];
        assert_eq!(answers(said, 5), expected);
    }
}
