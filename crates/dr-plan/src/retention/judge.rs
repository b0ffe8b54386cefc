//! Is this snapshot kept? Asks each rule in turn and adds up the reasons.
//!
//! Pure: nothing is deleted here. Two things hold whatever the rules say: with no keep rule at
//! all everything is kept, and only `max-age` ever takes the newest snapshot.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Retention, last, periodic, within};

/// A snapshot as far as its keeping is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub id: String,
    /// When its capture began.
    pub time: Timestamp,
    /// Where it stands in the order in which they were made: of two at the same moment the later one is the newer.
    pub number: u64,
}

/// Whether one snapshot is kept, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The snapshot's id.
    pub id: String,
    /// Whether it stays.
    pub keep: bool,
    /// Why, in words for people.
    pub because: String,
}

/// Judges every snapshot of one system on one target, newest first.
///
/// Days, weeks and months are those of `zone`. Snapshots from after `now` are kept: the clock is
/// wrong, and that is no reason to delete.
#[must_use]
pub fn judge(snapshots: &[Snapshot], retention: &Retention, now: Timestamp, zone: &TimeZone) -> Vec<Verdict> {
    let mut newest_first: Vec<&Snapshot> = snapshots.iter().collect();
    newest_first.sort_by(|a, b| (b.time, b.number, &b.id).cmp(&(a.time, a.number, &a.id)));
    let (future, past): (Vec<_>, Vec<_>) = newest_first.into_iter().partition(|snapshot| snapshot.time > now);
    let times: Vec<Timestamp> = past.iter().map(|snapshot| snapshot.time).collect();

    let mut reasons: Vec<Vec<String>> = vec![Vec::new(); times.len()];
    let mut rules: Vec<Vec<Option<String>>> = vec![last::keep(&times, retention.last)];
    for (kind, count) in periodic::kinds(retention) {
        rules.push(periodic::keep(&times, kind, count, zone));
    }
    rules.push(within::keep(&times, retention.within, now, zone));
    for rule in rules {
        for (reasons, reason) in reasons.iter_mut().zip(rule) {
            reasons.extend(reason);
        }
    }

    let no_rule = Retention { max_age: None, ..retention.clone() } == Retention::default();
    let oldest_kept = retention.max_age.map(|age| (age, age.before(now, zone)));
    let ahead = future.into_iter().map(|snapshot| Verdict {
        id: snapshot.id.clone(),
        keep: true,
        because: "its time is in the future".to_owned(),
    });
    let judged = past.iter().zip(reasons).enumerate().map(|(place, (snapshot, reasons))| {
        let (keep, because) = match oldest_kept {
            Some((age, oldest)) if snapshot.time < oldest => (false, format!("older than max-age {age}")),
            _ if no_rule => (true, "no rule says otherwise".to_owned()),
            _ if reasons.is_empty() && place == 0 => (true, "the newest there is".to_owned()),
            _ if reasons.is_empty() => (false, "no rule keeps it".to_owned()),
            _ => (true, reasons.join(", ")),
        };
        Verdict { id: snapshot.id.clone(), keep, because }
    });
    ahead.chain(judged).collect()
}
