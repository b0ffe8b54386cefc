//! When was a system last brought back as a test, and how did the newest try go?

use dr_ledger::{CLOCK_SLACK, Digest, History, Rehearsal, RehearsalVerdict, RehearsedSystem};
use dr_plan::{Cadence, Calendar, System, show_source};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// What rehearsals proved about one system. Only those count that brought data back (L2 and above).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proof {
    /// When it was last brought back and found right.
    pub proved: Option<Timestamp>,
    /// The moment whose data came back then.
    pub recovery_point: Option<Timestamp>,
    /// How long that restore took.
    pub took: Option<SignedDuration>,
    /// When a picked few of its files were last brought back and found right: that shows less, and proves no system.
    pub sampled: Option<Timestamp>,
    /// Whether what the plan says of its source is not what it said when that came back.
    pub is_of_another_source: bool,
    /// The newest try, if that did not go well.
    pub newest_bad: Option<(Timestamp, RehearsalVerdict)>,
}

impl Proof {
    pub(super) fn of(history: &History, system: &System) -> Self {
        let mut proof = Self::default();
        let source = Digest::of(show_source(system).as_bytes());
        for rehearsal in history.rehearsals().iter().filter(|rehearsal| brings_data_back(rehearsal)) {
            // Only of files a few can be picked; everything else comes back whole.
            let few = rehearsal.picked.is_some() && system.source.may_be_sampled();
            for part in rehearsal.systems.iter().filter(|part| part.system == system.id) {
                if !part.was_tried() {
                    continue;
                }
                if part.verdict == RehearsalVerdict::Verified && is_stale(rehearsal.at, part.recovery_point, system) {
                    continue;
                }
                if few && part.verdict == RehearsalVerdict::Verified {
                    proof.sampled = Some(rehearsal.at);
                } else {
                    proof.take(rehearsal.at, part, source);
                }
            }
        }
        proof
    }

    fn take(&mut self, at: Timestamp, part: &RehearsedSystem, source: Digest) {
        match part.verdict {
            RehearsalVerdict::Verified => {
                let took = SignedDuration::try_from_secs_f64(part.seconds).ok();
                // That it came back is proved; of when it is, if its clock was ahead, nobody knows.
                let recovery_point = part.recovery_point.filter(|point| point.duration_since(at) <= CLOCK_SLACK);
                let is_of_another_source = part.source_blake3.is_some_and(|was| was != source);
                *self =
                    Self { proved: Some(at), recovery_point, took, is_of_another_source, newest_bad: None, ..*self };
            }
            RehearsalVerdict::Failed => self.newest_bad = Some((at, part.verdict)),
            // A failure stands until it is passed: that nothing could be learnt later does not undo it.
            RehearsalVerdict::CouldNotVerify => {
                if !matches!(self.newest_bad, Some((_, RehearsalVerdict::Failed))) {
                    self.newest_bad = Some((at, part.verdict));
                }
            }
            RehearsalVerdict::Skipped | RehearsalVerdict::Simulated => {}
        }
    }

    /// The last day on which the proof still holds; `None` if it never lapses, or there is none.
    #[must_use]
    pub fn lapses_after(&self, cadence: Cadence, calendar: &Calendar, zone: &TimeZone) -> Option<Date> {
        let proved = self.proved?.to_zoned(zone.clone()).date();
        let days = |days: i64| proved.checked_add(days.days()).ok();
        match cadence {
            Cadence::Never => None,
            Cadence::Weekly => days(7),
            Cadence::Monthly => days(31),
            Cadence::Yearly => days(366),
            // Once in each term: it lapses with the first term that began after it and saw no other.
            Cadence::Termly => {
                let next = calendar.terms.iter().find(|term| term.from > proved);
                next.map(|term| term.until).or_else(|| days(17 * 7))
            }
        }
    }
}

/// Whether what came back was older than the promise allows a copy to be: that an old copy comes back proves nothing
/// about tonight's. Disks are away for weeks, and a copy fetched from one is not stale for that.
fn is_stale(at: Timestamp, point: Option<Timestamp>, system: &System) -> bool {
    let longest = system.copies.iter().map(|copy| copy.schedule.interval()).max().unwrap_or_default();
    let allowed = system.rpo.longest().max(longest).saturating_mul(DISK_TURNS);
    point.is_some_and(|point| at.duration_since(point) > allowed)
}

/// So many turns of its rarest copy may lie between a copy and the rehearsal that fetched it.
const DISK_TURNS: i32 = 8;

fn brings_data_back(rehearsal: &Rehearsal) -> bool {
    matches!(rehearsal.level.as_str(), "L2" | "L3" | "L4")
}
