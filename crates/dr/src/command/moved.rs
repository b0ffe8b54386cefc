//! How it is told what became of each snapshot of a copy.

use dr_repo::{CopyReport, Fate, Repository, SnapshotId};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::exit::{Cause, Outcome};
use crate::output::Screen;
use crate::shown;

/// Says of each snapshot what became of it.
pub struct Told<'a> {
    screen: &'a Screen,
    /// When each was captured.
    times: BTreeMap<SnapshotId, i64>,
}

impl<'a> Told<'a> {
    pub fn new(screen: &'a Screen, from: &Repository) -> Self {
        let times = from.snapshots().into_iter().filter_map(|s| Some((s.id, s.label?.started_ms))).collect();
        Self { screen, times }
    }

    /// What became of one.
    pub fn fate(&self, id: SnapshotId, fate: &Fate) {
        let time = self.times.get(&id).copied();
        let mut event = json!({
            "event": "snapshot", "snapshot": id.to_string(), "outcome": word(fate),
            "time": time.and_then(shown::rfc3339),
        });
        if let Fate::Refused(missing) = fate {
            event["missing"] = missing.iter().map(|m| shown::failed(&m.path, &m.why)).collect();
        }
        self.screen.event(&event);
        let at = time.map(|time| format!(" of {}", shown::local(time))).unwrap_or_default();
        let named = format!("{}{at}", &id.to_string()[..8]);
        match fate {
            Fate::Copied => self.screen.mention(&format!("copied {named}")),
            Fate::There if self.screen.is_verbose() => self.screen.mention(&format!("there already: {named}")),
            Fate::There => {}
            Fate::Forgotten => self.screen.note(&format!("not copied: {named} was forgotten there")),
            Fate::Refused(missing) => {
                self.screen.warning(&format!("not copied: {named} is not whole here"));
                for missing in missing {
                    let name = if missing.path.is_root() { ".".to_owned() } else { missing.path.to_string() };
                    self.screen.warning(&format!("  {name}: {}", missing.why));
                }
            }
        }
    }

    /// What became of all. `by_name`: each was asked for by its id.
    pub fn end(&self, copied: &CopyReport, to: &Repository, by_name: bool) -> Outcome {
        let count = |is: fn(&Fate) -> bool| copied.snapshots.iter().filter(|(_, fate)| is(fate)).count() as u64;
        let refused: Vec<_> = copied
            .snapshots
            .iter()
            .filter(|(_, f)| matches!(f, Fate::Refused(_)))
            .map(|(id, _)| id.to_string())
            .collect();
        let (new, there) = (count(|fate| *fate == Fate::Copied), count(|fate| *fate == Fate::There));
        let forgotten = count(|fate| *fate == Fate::Forgotten);
        self.note_latest(copied, to);
        self.screen.event(&self.summary(copied, new, there, forgotten, &refused));
        let mut line = format!(
            "{} copied: {} in {}, {} stored",
            shown::count(new, "snapshot", "snapshots"),
            shown::size(copied.bytes_moved),
            shown::count(copied.frames, "frame", "frames"),
            shown::size(copied.bytes_stored),
        );
        if there > 0 {
            line += &format!("; {there} there already");
        }
        if !refused.is_empty() {
            line += &format!("; {} not, as named above", refused.len());
        }
        self.screen.mention(&line);
        Outcome::done().with(!refused.is_empty() || (by_name && forgotten > 0), Cause::Missing)
    }

    fn summary(&self, copied: &CopyReport, new: u64, there: u64, forgotten: u64, refused: &[String]) -> Value {
        json!({
            "event": "summary", "copied": new, "there": there, "forgotten": forgotten, "refused": refused,
            "frames": copied.frames, "bytes_moved": copied.bytes_moved, "bytes_stored": copied.bytes_stored,
            "objects": copied.objects, "adopted_packs": copied.adopted,
        })
    }

    /// `latest` is what was committed last, which after a copy need not be what was captured last.
    fn note_latest(&self, copied: &CopyReport, to: &Repository) {
        if copied.snapshots.iter().all(|(_, fate)| *fate != Fate::Copied) {
            return;
        }
        let there = to.snapshots();
        let started = |snapshot: &dr_repo::Snapshot| snapshot.label.as_ref().map(|label| label.started_ms);
        let (last, newest) = (there.last().and_then(started), there.iter().filter_map(started).max());
        if last < newest {
            self.screen.note("`latest` there is now an older capture than another that it holds: name snapshots by id");
        }
    }
}

fn word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Copied => "copied",
        Fate::There => "there",
        Fate::Forgotten => "forgotten",
        Fate::Refused(_) => "refused",
    }
}
