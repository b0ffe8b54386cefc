//! Does restored mail say what it said when it was captured?

use std::path::Path;

use super::{MailFacts, probe};
use crate::driver::Check;
use crate::recorded;

/// What can be asked of the mail in a capture that was restored to `root`.
pub(super) fn checks(root: &Path) -> Vec<Check> {
    let counted = |facts: &MailFacts| format!("{} messages in {} mailboxes", facts.messages, facts.mailboxes);
    let name = "every message that was counted at capture is there";
    let facts = match probe(root) {
        Ok(facts) => facts,
        Err(_) => return vec![Check::new(name, false, "the mailboxes can be read", "they cannot")],
    };
    let count = match recorded::<MailFacts>(root) {
        Ok(then) if then.messages == 0 && facts.messages == 0 && then.mailboxes == facts.mailboxes => {
            let boxes =
                if facts.mailboxes == 1 { "1 mailbox".to_owned() } else { format!("{} mailboxes", facts.mailboxes) };
            let none = format!("no message in {boxes}, as when it was captured");
            return vec![Check::not_known(name, "at least 1 message", none)];
        }
        Ok(then) => {
            let same = (then.messages, then.mailboxes) == (facts.messages, facts.mailboxes);
            Check::new(name, same && facts.messages > 0, counted(&then), counted(&facts))
        }
        Err(_) => Check::not_known(name, "counts of the capture", "none came back"),
    };
    let newest = readable(recorded::<MailFacts>(root).ok().as_ref(), &facts);
    vec![count, newest]
}

/// Whether the newest messages read as mail, as many of them as did at capture: anybody can send one that does not.
fn readable(then: Option<&MailFacts>, now: &MailFacts) -> Check {
    let name = "the newest messages read as mail";
    let told = |facts: &MailFacts| format!("{} of {}", facts.parse, facts.asked);
    match then {
        Some(then) if then.asked > 0 && then.parse == 0 && now.parse == 0 => {
            Check::not_known(name, "at least 1", format!("none of {}, as when it was captured", now.asked))
        }
        // A capture of an earlier version asked the newest one only.
        Some(then) if then.asked > 0 => Check::new(name, now.parse >= then.parse, told(then), told(now)),
        _ => Check::new(name, now.parse > 0, format!("at least 1 of {}", now.asked), told(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Verdict;

    #[test]
    fn a_message_that_anybody_sent_decides_nothing_and_one_that_was_lost_does() {
        let facts =
            |asked, parse| MailFacts { mailboxes: 1, messages: asked, newest_parses: Some(false), asked, parse };
        let judged = |then: Option<MailFacts>, now| readable(then.as_ref(), &now).verdict;
        assert_eq!(judged(Some(facts(40, 39)), facts(40, 39)), Verdict::Good);
        assert_eq!(judged(Some(facts(40, 39)), facts(40, 38)), Verdict::Wrong);
        assert_eq!(judged(Some(facts(1, 0)), facts(1, 0)), Verdict::NotKnown);
        assert_eq!(judged(None, facts(40, 1)), Verdict::Good);
        assert_eq!(judged(Some(facts(0, 0)), facts(3, 0)), Verdict::Wrong);
    }
}
