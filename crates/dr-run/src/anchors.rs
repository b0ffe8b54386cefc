//! Do the ledger and the copies tell the same story?
//!
//! Each backup carries the ledger's end in its label, which this host's own key reads; the ledger names each backup. So a
//! ledger that was cut or rewritten is found by any copy that is here, and a copy that was put back to an earlier state
//! by the ledger, without any memory. Only what this ledger wrote is held to it: labels of this host, and of every host
//! that has carried an entry of this ledger. Other hosts of the school keep ledgers of their own.
//!
//! [`misfits`] decides, [`hold`] asks every copy that can be reached, and writes into the ledger when the answer is
//! another than before. What somebody has accepted is no misfit.

use std::collections::BTreeSet;

use dr_ledger::{
    Accepted, CopyOutcome, Digest, Entry, Event, Head, Misfit, MisfitKind, PlaceState, SnapshotRef, unheld,
};
use dr_media::Register;
use dr_plan::{MediumId, TargetId};
use dr_repo::{HostId, Labelled, Repository};
use jiff::{SignedDuration, Timestamp};

use crate::error::RunError;
use crate::location::{Availability, TargetLocation};
use crate::own_names::STATE;
use crate::places::private_folder;
use crate::school::School;

/// The fault that a test plants: the ledger is not held to what the copies know.
const PLANTED: &str = "ledger-unheld";
/// Where a label says how far the ledger went.
pub(crate) const TAG: &str = "ledger";
/// Without a new copy, and with a ledger that goes on from where it was, it is compared so often.
const AGAIN: SignedDuration = SignedDuration::from_hours(20);

/// What one copy knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Where.
    pub target: TargetId,
    /// On which medium.
    pub medium: Option<MediumId>,
    /// Where the ledger of whoever made its backups was then.
    pub anchors: Vec<Anchor>,
    /// Every backup that its log knows, there still or forgotten. `None` for another repository than the one that the
    /// ledger knows there: what it lacks says nothing, and what it knows of the ledger counts. Where a repository was
    /// founded and the ledger cut back to before that, nothing else may be left that tells of the cut.
    pub snapshots: Option<BTreeSet<String>>,
}

/// One backup's word about the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// Where the ledger was.
    pub head: Head,
    /// Who says so: the host as the log knows it, and as it calls itself.
    pub host: (Option<HostId>, String),
    /// Whether that is this host.
    pub own: bool,
    /// When its capture began.
    pub started: Timestamp,
    /// The backup.
    pub snapshot: SnapshotRef,
    /// Whether the backup is the ledger itself, sealed.
    pub is_state: bool,
}

impl Known {
    /// What a repository knows. `hostname`: this host's.
    #[must_use]
    pub fn of(location: &TargetLocation, repository: &Repository, hostname: &str) -> Self {
        let all = repository.labelled();
        let snapshots = Some(all.iter().map(|one| one.id.to_string()).collect());
        let anchors = all.into_iter().filter_map(|one| anchor(one, hostname)).collect();
        Self { target: location.target.clone(), medium: location.medium.clone(), anchors, snapshots }
    }
}

fn anchor(one: Labelled, hostname: &str) -> Option<Anchor> {
    let label = one.label?;
    let head = Head::parse(label.tags.get(TAG)?).filter(|head| head.n > 0)?;
    let (own, is_state) = (one.own && label.hostname == hostname, label.system == STATE);
    let started = Timestamp::from_millisecond(label.started_ms).unwrap_or(Timestamp::MAX);
    let snapshot = SnapshotRef(one.id.to_string());
    Some(Anchor { head, host: (one.host, label.hostname), own, started, snapshot, is_state })
}

/// What does not fit between a ledger, whose entries have these `hashes`, and what copies know.
#[must_use]
pub fn misfits(hashes: &[Digest], entries: &[Entry], known: &[Known]) -> Vec<Misfit> {
    let accepted = Accepted::of(entries);
    let at = |n: u64| usize::try_from(n).ok().and_then(|n| hashes.get(n.checked_sub(1)?));
    let fits = |anchor: &Anchor| at(anchor.head.n) == Some(&anchor.head.hash);
    // Whoever has once carried an entry of this ledger writes by it.
    let ours: BTreeSet<_> =
        known.iter().flat_map(|one| &one.anchors).filter(|one| fits(one)).map(|one| &one.host).collect();
    let counts = |anchor: &&Anchor| anchor.own || ours.contains(&anchor.host);
    let ends = hashes.len() as u64;
    let mut out = Vec::new();
    for one in known {
        let of = |what, entry, snapshots, snapshot| Misfit {
            target: one.target.clone(),
            medium: one.medium.clone(),
            what,
            entry,
            snapshots,
            snapshot,
        };
        let wrong =
            one.anchors.iter().filter(counts).filter(|one| !fits(one) && !accepted.allows(one.head.n, one.started));
        let (beyond, other): (Vec<_>, Vec<_>) = wrong.partition(|anchor| anchor.head.n > ends);
        let sealed = |all: &[&Anchor]| {
            let of_state = all.iter().filter(|anchor| anchor.is_state).max_by_key(|anchor| anchor.head.n);
            of_state.map(|anchor| anchor.snapshot.clone())
        };
        if let Some(newest) = beyond.iter().map(|anchor| anchor.head.n).max() {
            out.push(of(MisfitKind::LedgerEndsBefore, Some(newest), None, sealed(&beyond)));
        }
        if let Some(newest) = other.iter().map(|anchor| anchor.head.n).max() {
            out.push(of(MisfitKind::LedgerDiffers, Some(newest), None, sealed(&other)));
        }
        let missing = missing(entries, &accepted, one);
        if let Some(newest) = missing.last() {
            out.push(of(MisfitKind::SnapshotsMissing, None, Some(missing.len() as u64), Some(newest.clone())));
        }
    }
    out.sort();
    out
}

/// The backups that the ledger says were stored on a copy and its log does not know, oldest first. The log never forgets
/// that there was one: what was forgotten, pruned or erased stands in it. Nothing counts that was stored before the
/// repository was made, or before somebody accepted that it may be missing.
#[must_use]
pub fn missing(entries: &[Entry], accepted: &Accepted, known: &Known) -> Vec<SnapshotRef> {
    let Some(there) = &known.snapshots else { return Vec::new() };
    let (target, medium) = (&known.target, known.medium.as_ref());
    let before = accepted.before(target, medium);
    let (mut stored, mut place): (Vec<&SnapshotRef>, Option<&String>) = (Vec::new(), None);
    for entry in entries.iter().filter(|entry| entry.n > before) {
        match &entry.event {
            Event::Initialised { targets } if medium.is_none() && targets.contains(target) => stored.clear(),
            // Somebody founded another repository there, and that is the one that belongs there now.
            Event::TargetSeen { target: on, medium: of, state: PlaceState::Here, repository: Some(found), .. }
                if on == target && of.as_ref() == medium =>
            {
                if place.is_some_and(|before| before != found) {
                    stored.clear();
                }
                place = Some(found);
            }
            Event::MediumInitialised { medium: made, .. } if Some(made) == medium => stored.clear(),
            Event::RunFinished { copies, .. } => stored.extend(
                copies
                    .iter()
                    .filter(|copy| copy.target == *target && copy.medium.as_ref() == medium)
                    .filter(|copy| copy.outcome == CopyOutcome::Done)
                    .filter_map(|copy| copy.snapshot.as_ref()),
            ),
            Event::StateSealed { target: on, medium: of, snapshot, .. } if on == target && of.as_ref() == medium => {
                stored.push(snapshot);
            }
            _ => {}
        }
    }
    stored.into_iter().filter(|id| !there.contains(&id.0)).cloned().collect()
}

/// What came of comparing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Where the ledger ended when it was first found to lack something, or now.
    pub ends: u64,
    /// Whether it has gone on since then.
    pub went_on: bool,
    /// The copies that were asked.
    pub asked: Vec<(TargetId, Option<MediumId>)>,
    /// Those that could not be, and why.
    pub unasked: Vec<(TargetId, String)>,
    /// What does not fit, also what was found earlier on copies that could not be asked now.
    pub misfits: Vec<Misfit>,
}

/// Compares the ledger with every copy that can be reached, and writes down what came of it if that is news. Takes no
/// key that reads.
///
/// # Errors
/// If this host has no key, or the ledger cannot be read or written.
pub fn hold(school: &School) -> Result<Held, RunError> {
    let held = compare(school)?;
    let entries = school.entries()?;
    if compared(&entries).map(|(_, misfits)| misfits).unwrap_or_default() != held.misfits {
        school.record(Event::LedgerCompared { ends: held.ends, misfits: held.misfits.clone() })?;
    }
    if held.misfits.is_empty() {
        remember(school)?;
    }
    Ok(held)
}

/// Where the ledger ended when it was compared last, and what did not fit.
fn compared(entries: &[Entry]) -> Option<(u64, &[Misfit])> {
    entries.iter().rev().find_map(|entry| match &entry.event {
        Event::LedgerCompared { ends, misfits } => Some((*ends, misfits.as_slice())),
        _ => None,
    })
}

/// The same, writing nothing down.
///
/// # Errors
/// If this host has no key, or the ledger cannot be read.
pub fn compare(school: &School) -> Result<Held, RunError> {
    if dr_switch::is_planted(PLANTED) {
        return Ok(Held::default());
    }
    let key = school.host_key()?;
    // Before the copies: what another process is about to write down is in its copy's log by then.
    let entries = school.entries()?;
    let register = Register::of(&entries);
    let (mut known, mut held) = (Vec::new(), Held::default());
    for target in school.plan.targets.keys() {
        match school.reach(&register, target) {
            Availability::Here(location) => match school.open(&location, key.clone(), false) {
                Ok(repository) => known.push(Known::of(&location, &repository, &school.hostname)),
                Err(why @ RunError::OtherRepository { .. }) => {
                    let any = TargetLocation { repository: None, taken: Vec::new(), ..location };
                    if let Ok(other) = school.open(&any, key.clone(), false) {
                        known.push(Known { snapshots: None, ..Known::of(&any, &other, &school.hostname) });
                    }
                    held.unasked.push((target.clone(), why.to_string()));
                }
                Err(why) => held.unasked.push((target.clone(), why.to_string())),
            },
            Availability::Awaited { .. } => held.unasked.push((target.clone(), "no disk of it is loaded".to_owned())),
            Availability::CannotRun(why) | Availability::Gone(why) => held.unasked.push((target.clone(), why)),
        }
    }
    // And once more after them: no copy may know more than the ledger that it is compared with.
    let contents = school.ledger.read()?;
    held.ends = contents.hashes.len() as u64;
    held.misfits = if contents.verdict.is_ok() {
        misfits(&contents.hashes, &entries, &known)
    } else {
        // A broken chain is said as such; where it goes on nobody can tell.
        Vec::new()
    };
    let of_ours = known.into_iter().filter(|one| one.snapshots.is_some());
    held.asked = of_ours.map(|one| (one.target, one.medium)).collect();
    if let Some((ends, before)) = compared(&contents.entries) {
        // A ledger that was cut and goes on has another entry of that number in the end. It was cut all the same.
        let known = |misfit: &Misfit| {
            let cut = Misfit { what: MisfitKind::LedgerEndsBefore, ..misfit.clone() };
            before.contains(&cut).then_some(cut)
        };
        for misfit in held.misfits.iter_mut().filter(|one| one.what == MisfitKind::LedgerDiffers) {
            if let Some(cut) = known(misfit) {
                (*misfit, held.went_on) = (cut, true);
            }
        }
        if held.went_on {
            held.ends = ends;
        }
    }
    // What was found on a copy that is away now is not settled by that.
    let asked = |misfit: &Misfit| held.asked.iter().any(|(on, of)| *on == misfit.target && *of == misfit.medium);
    let away = unheld(&contents.entries).into_iter().filter(|misfit| !asked(misfit));
    let away: Vec<_> = away.filter(|misfit| school.plan.targets.contains_key(&misfit.target)).collect();
    held.misfits.extend(away);
    held.misfits.sort();
    held.misfits.dedup();
    Ok(held)
}

/// Whether a round should compare, though it makes no copy: the ledger does not go on from where it was, or nobody has
/// compared for a day.
#[must_use]
pub fn is_time(school: &School) -> bool {
    let now = school.clock.decided();
    let Ok(text) = dr_open::text(&school.places.compared(), 4 << 10) else { return true };
    let Some((head, at)) = text.trim_end().split_once(' ') else { return true };
    let (Some(head), Ok(at)) = (Head::parse(head), at.parse::<Timestamp>()) else { return true };
    let age = now.duration_since(at);
    if age >= AGAIN || age < SignedDuration::ZERO {
        return true;
    }
    let Ok(contents) = school.ledger.read() else { return true };
    let there = usize::try_from(head.n).ok().and_then(|n| contents.hashes.get(n.checked_sub(1)?));
    !unheld(&contents.entries).is_empty() || there != Some(&head.hash)
}

/// That it was compared now, and how far the ledger went. Losing it only means to compare once more.
fn remember(school: &School) -> Result<(), RunError> {
    let path = school.places.compared();
    let head = school.ledger.head()?;
    private_folder(&school.places.state)?;
    let text = format!("{head} {}\n", school.clock.decided());
    let write = || -> std::io::Result<()> {
        use std::io::Write as _;
        let mut file = tempfile::NamedTempFile::new_in(&school.places.state)?;
        file.write_all(text.as_bytes())?;
        file.persist(&path)?;
        Ok(())
    };
    write().map_err(RunError::local("cannot write", &path))
}

/// What does not fit, what that means and what to do, for whoever looks after the server.
#[must_use]
pub fn told(misfit: &Misfit, held: &Held) -> String {
    let place = misfit.medium.as_ref().map_or_else(|| misfit.target.to_string(), ToString::to_string);
    let entry = misfit.entry.unwrap_or_default();
    let back = match &misfit.snapshot {
        Some(state) => format!(
            "Put the newer ledger back, with the recovery key: `dr restore dr-state --snapshot {state} --target {} --to DIR`, \
             then DIR/ledger.jsonl in the place of the one in the state folder. ",
            misfit.target
        ),
        None => "No sealed copy of the newer ledger is on that copy. ".to_owned(),
    };
    let accept = |what: &str| {
        format!("Somebody who knows why it is so accepts it: `dr ledger --accept {what} --because TEXT --by PERSON`")
    };
    match misfit.what {
        MisfitKind::LedgerEndsBefore => format!(
            "the ledger {} at entry {}, and the copy on {place} knows entry {entry}: the end of the ledger is missing, \
             and with it what it said, such as a failed rehearsal or a lost disk. {back}{}",
            if held.went_on { "ended" } else { "ends" },
            held.ends,
            accept(&entry.to_string())
        ),
        MisfitKind::LedgerDiffers => format!(
            "entry {entry} of the ledger is not the one that the copy on {place} knows: the ledger was rewritten, or an \
             older one was put in its place and went on. {back}{}",
            accept(&entry.to_string())
        ),
        MisfitKind::SnapshotsMissing => {
            let count = misfit.snapshots.unwrap_or_default();
            let (backups, are) =
                if count == 1 { ("1 backup".to_owned(), "is") } else { (format!("{count} backups"), "are") };
            let newest = misfit.snapshot.as_ref().map(|id| format!(", the newest {id}")).unwrap_or_default();
            let copy = misfit.medium.as_ref().map_or_else(String::new, |medium| format!("/{medium}"));
            format!(
                "{backups} that the ledger says were stored on {place} {are} not in its log{newest}: it was put back to an \
                 earlier state, or exchanged. Other copies are not affected: `dr copy --from OTHER --to {target}` brings \
                 back what another copy has. {}",
                accept(&format!("{}{copy}", misfit.target)),
                target = misfit.target,
            )
        }
    }
}

/// Whether the ledger is known to lack something, or to be another one: then nothing may say that it ends here, neither
/// a label nor a sealed copy of it, until somebody has put it back or accepted it.
#[must_use]
pub(crate) fn is_unheld(entries: &[Entry]) -> bool {
    unheld(entries).iter().any(|misfit| misfit.what != MisfitKind::SnapshotsMissing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dr_ledger::{Authenticated, Body, Decision, RunCopy, RunId, RunOutcome};

    fn hash(n: u64) -> Digest {
        Digest::of(format!("entry {n}").as_bytes())
    }

    fn hashes(ends: u64) -> Vec<Digest> {
        (1..=ends).map(hash).collect()
    }

    fn anchor(host: u8, own: bool, n: u64, hash: Digest) -> Anchor {
        let host = (Some(HostId::named(&host.to_string())), "server".to_owned());
        let started = "2026-11-19T19:00:00Z".parse().unwrap();
        let (snapshot, is_state) = (SnapshotRef(format!("s{n}")), n.is_multiple_of(10));
        Anchor { head: Head { n, hash }, host, own, started, snapshot, is_state }
    }

    fn known(target: &str, anchors: Vec<Anchor>, snapshots: &[&str]) -> Known {
        let snapshots = Some(snapshots.iter().map(|id| (*id).to_owned()).collect());
        Known { target: TargetId::new(target).unwrap(), medium: None, anchors, snapshots }
    }

    fn entries(events: Vec<Event>) -> Vec<Entry> {
        let at: Timestamp = "2026-11-20T19:00:00Z".parse().unwrap();
        let by = Some(dr_plan::PersonId::new("oak").unwrap());
        let body = |event| Body { decided: at, real: at, by: by.clone(), authenticated: Authenticated::Login, event };
        (1..).zip(events).map(|(n, event)| body(event).numbered(n)).collect()
    }

    fn stored(snapshot: &str) -> Event {
        Event::RunFinished {
            run: RunId(snapshot.to_owned()),
            system: dr_plan::SystemId::new("mis").unwrap(),
            outcome: RunOutcome::Done,
            copies: vec![RunCopy {
                target: TargetId::new("nas").unwrap(),
                medium: None,
                outcome: CopyOutcome::Done,
                snapshot: Some(SnapshotRef(snapshot.to_owned())),
                slot: None,
                bytes_stored: 1,
                error: None,
            }],
            capture_started: None,
            entries: 1,
            bytes_read: 1,
            size: None,
            unreadable: 0,
            noticed: dr_ledger::Noticed::default(),
        }
    }

    fn kinds(misfits: &[Misfit]) -> Vec<(&str, MisfitKind, Option<u64>)> {
        misfits.iter().map(|one| (one.target.as_str(), one.what, one.entry)).collect()
    }

    #[test]
    fn a_ledger_is_held_to_what_its_own_backups_know_and_to_no_other_hosts() {
        let mine = |n| anchor(1, true, n, hash(n));
        let nas = |ends, more: Vec<Anchor>| {
            let all = [vec![mine(5), mine(10), mine(12)], more].concat();
            misfits(&hashes(ends), &[], &[known("nas", all, &[])])
        };
        assert_eq!(nas(12, vec![]), []);
        let cut = nas(8, vec![]);
        assert_eq!(kinds(&cut), [("nas", MisfitKind::LedgerEndsBefore, Some(12))]);
        assert_eq!(cut[0].snapshot, Some(SnapshotRef("s10".into())), "the sealed state that has the most of it");
        let other = nas(12, vec![anchor(1, true, 7, hash(700))]);
        assert_eq!(kinds(&other), [("nas", MisfitKind::LedgerDiffers, Some(7))]);
        // Another host with a ledger of its own, and one that wrote by this one before: a server that was replaced.
        let theirs = |n| anchor(2, false, n, hash(n + 100));
        assert_eq!(nas(12, vec![theirs(3), theirs(40)]), []);
        let before = nas(12, vec![anchor(3, false, 9, hash(9)), anchor(3, false, 20, hash(20))]);
        assert_eq!(kinds(&before), [("nas", MisfitKind::LedgerEndsBefore, Some(20))]);
        // Rewritten from its first entry on: it is this host all the same.
        let rewritten: Vec<Digest> = (1..=12).map(|n| hash(n + 500)).collect();
        let found = misfits(&rewritten, &[], &[known("nas", vec![mine(5), mine(12)], &[])]);
        assert_eq!(kinds(&found), [("nas", MisfitKind::LedgerDiffers, Some(12))]);
    }

    #[test]
    fn what_a_person_accepted_is_no_misfit_and_what_comes_after_is() {
        let accepted = |about: &str| Event::Accepted {
            decision: Decision::Approved,
            about: about.into(),
            reason: None,
            until: None,
        };
        let old = anchor(1, true, 30, hash(900));
        let of = |entries: &[Entry], anchors| misfits(&hashes(31), entries, &[known("nas", anchors, &[])]);
        assert_eq!(of(&[], vec![old.clone()]).len(), 1);
        let yes = entries(vec![accepted("ledger/30")]);
        assert_eq!(of(&yes, vec![old.clone()]), []);
        assert_eq!(of(&yes, vec![old.clone(), anchor(1, true, 32, hash(32))]).len(), 1);
        // What is backed up afterwards is held to the ledger that was taken on.
        let after = Anchor { started: "2026-11-21T19:00:00Z".parse().unwrap(), ..old };
        assert_eq!(of(&yes, vec![after]).len(), 1);
        let lost = entries(vec![stored("a"), stored("b"), accepted("copy/nas"), stored("c")]);
        assert_eq!(misfits(&[], &lost, &[known("nas", vec![], &["c"])]), []);
        assert_eq!(misfits(&[], &lost, &[known("nas", vec![], &[])])[0].snapshots, Some(1));
    }

    #[test]
    fn a_copy_is_held_to_the_backups_that_were_stored_on_it_since_it_was_made() {
        let nas = TargetId::new("nas").unwrap();
        let all = entries(vec![stored("a"), stored("b")]);
        let found = misfits(&[], &all, &[known("nas", vec![], &["a"]), known("offsite", vec![], &[])]);
        assert_eq!(kinds(&found), [("nas", MisfitKind::SnapshotsMissing, None)]);
        assert_eq!((found[0].snapshots, found[0].snapshot.clone()), (Some(1), Some(SnapshotRef("b".into()))));
        let made = entries(vec![stored("a"), Event::Initialised { targets: vec![nas] }, stored("b")]);
        assert_eq!(misfits(&[], &made, &[known("nas", vec![], &["b"])]), []);
    }
}
