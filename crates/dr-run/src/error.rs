//! Why a run, a restore or a rehearsal could not even begin, or had to end.
//!
//! What goes wrong with one target or one file is no error of this kind: it stands in the report of what was done.

use std::io;
use std::path::PathBuf;

use dr_ledger::LedgerError;
use dr_media::Refusal;
use dr_plan::{MediumId, PersonId, PoolId, Problem, SystemId, TargetId};
use dr_repo::RepoError;
use dr_source::SourceError;
use dr_store::StoreError;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The clock went ahead without a round in between, and something would go for good by its age.
    #[error(
        "the clock leapt from {} to {} with nothing noted in between, so it may be wrong, and nothing was deleted. If it is right, say --yes; after a week of rounds it is believed without that",
        moment(since),
        moment(now)
    )]
    ClockLeapt {
        /// Up to when the ledger shows that time went by.
        since: jiff::Timestamp,
        /// What the clock says.
        now: jiff::Timestamp,
    },
    /// A plan that others can write tells this host what to run, so it is not read.
    #[error(
        "{} can be written by others ({why}), and whoever writes the plan decides what this host runs; nothing was done. Take that right away with: chmod go-w {}",
        path.display(), path.display()
    )]
    OthersCanWrite {
        /// The plan's file, or its folder.
        path: PathBuf,
        /// Who can.
        why: &'static str,
    },
    /// Nothing of that name is left out of backups.
    #[error(
        "no erasure called {id} leaves anything out of backups; {}",
        if known.is_empty() { "there is none that does".to_owned() } else { format!("those that do: {}", known.join(", ")) }
    )]
    NotLeftOut {
        /// What was named.
        id: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A state that others can write is not to be believed, so it is not used.
    #[error(
        "{} can be written by others ({why}): whoever does that can change what this host remembers and which key it uses; nothing was done. Look whether anything in it was changed (`dr ledger --verify` afterwards), and take that right away with: chmod -R go-w {}, or run dr as the account that owns it",
        path.display(), path.display()
    )]
    StateOpen {
        /// The state's folder, or something in it.
        path: PathBuf,
        /// Who can.
        why: &'static str,
    },
    /// The plan, or its calendar, says what cannot be meant.
    #[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Plan {
        /// All of it.
        problems: Vec<Problem>,
    },
    /// The plan names no such system.
    #[error("the plan has no system `{name}`; it has {}{instead}", list(known))]
    UnknownSystem {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<SystemId>,
        /// What was perhaps meant; empty, or the rest of the sentence.
        instead: String,
    },
    /// The plan names no such target.
    #[error("unknown target `{name}`; the plan has: {}{instead}", list(known))]
    UnknownTarget {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<TargetId>,
        /// As above.
        instead: String,
    },
    /// The plan names no such pool.
    #[error("the plan has no pool `{pool}`")]
    UnknownPool {
        /// What was asked for.
        pool: PoolId,
    },
    /// The plan names no such person.
    #[error("the plan knows nobody called {name}; it knows {}{instead}", list(known))]
    UnknownPerson {
        /// Who was named.
        name: String,
        /// Whom the plan names.
        known: Vec<PersonId>,
        /// As above.
        instead: String,
    },
    /// This host has no key yet.
    #[error("this school has no keys on this host yet: `dr init` makes them (looked in {})", path.display())]
    NotInitialised {
        /// Where the host's key would be.
        path: PathBuf,
    },
    /// The recovery key must go somewhere.
    #[error(
        "the recovery key must be kept somewhere: name a new file with --recovery-key-out FILE, on a medium that leaves this room"
    )]
    RecoveryKeyNowhere,
    /// Nothing is written over a file that may be a key.
    #[error(
        "{} is there already and was not touched; if it is this school's recovery key, name it in DR_KEY_FILE and leave --recovery-key-out out, else choose another file",
        path.display()
    )]
    RecoveryKeyThere {
        /// The file.
        path: PathBuf,
    },
    /// The recovery key was shown and not confirmed.
    #[error("the recovery key was not confirmed, so nothing was made")]
    NotConfirmed,
    /// A target holds backups, and this host knows no key of theirs.
    #[error(
        "{place} holds a repository already and this host has no key to it; nothing was made. Name the school's recovery key in DR_KEY_FILE and try again"
    )]
    ForeignRepository {
        /// Where.
        place: String,
    },
    /// Reading needs the recovery key.
    #[error(
        "this host may write backups and not read them ({why}). The recovery key that `dr init` gave out opens them: name its file in DR_KEY_FILE. It is kept apart from this host, with {holders}"
    )]
    NoReadingKey {
        /// What was looked at.
        why: String,
        /// Who keeps it, as far as the plan says.
        holders: String,
    },
    /// A target that is to be read or written now, and cannot be reached.
    #[error("{target} is not here: {why}. Nothing was changed")]
    NotHere {
        /// Which target.
        target: String,
        /// Why not.
        why: String,
    },
    /// A target that had a repository has none now.
    #[error(
        "{target}: the place for it is not there: {place} holds no repository, and this school has one there. Is the NAS or the disk on, and mounted? Nothing was written. If what was there is lost for good: `dr init --new-target {target}` makes a new one, and the copies in the old one count no more"
    )]
    Gone {
        /// Which target.
        target: TargetId,
        /// Its folder.
        place: String,
    },
    /// Another repository stands where this school has one, or the same one stands there under two names.
    #[error("{target}: {place} holds another repository than this school has there: {why}. Nothing was written")]
    OtherRepository {
        /// Which target, and medium.
        target: String,
        /// Its folder.
        place: String,
        /// Which one, and what to do.
        why: String,
    },
    /// The state is of another school.
    #[error(
        "the state in {} belongs to {has}, and this plan is of {wants}; nothing was done. Two schools never share a state: give this plan one of its own with `state = \"FOLDER\"`, --state or DR_STATE. If the school has a new name: `dr init --renamed \"{has}\"`",
        state.display()
    )]
    OtherSchool {
        /// The state.
        state: PathBuf,
        /// Whose it is.
        has: String,
        /// Whose plan this is.
        wants: String,
    },
    /// A recovery key is given out once, with the keys.
    #[error(
        "no recovery key was written to {}: {why}, and a recovery key is given out once. Leave --recovery-key-out out",
        path.display()
    )]
    NoNewKey {
        /// The file that was asked for.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// A repository said no.
    #[error("{target}: {source}{}", way_on(source))]
    Repository {
        /// Which target.
        target: String,
        /// What it said.
        #[source]
        source: RepoError,
    },
    /// A store said no.
    #[error("{target}: {source}")]
    Store {
        /// Which target.
        target: String,
        /// What it said.
        #[source]
        source: StoreError,
    },
    /// The ledger could not be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A source, or the place to restore to.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The rules of custody.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A file of this host's.
    #[error("{what} {}: {source}", path.display())]
    Local {
        /// "cannot read", …
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// There is nothing that could be restored.
    #[error("{system} cannot be brought back: {why}")]
    NoCopy {
        /// Which system.
        system: SystemId,
        /// What was tried, and what each said.
        why: String,
        /// Whether a copy is there that the key at hand does not open.
        wrong_key: bool,
        /// Whether no copy that was asked has a repository.
        no_repository: bool,
    },
    /// A snapshot that no copy holds.
    #[error("{system}: {why}")]
    NoSnapshot {
        /// Which system.
        system: SystemId,
        /// What was asked for and what there is.
        why: String,
    },
    /// Nothing of what was asked for is in the snapshot.
    #[error(
        "{system}: {}. Nothing was restored. `dr find {system} '*NAME*'` looks for a name in all snapshots",
        said.join("; ")
    )]
    NoSuchPath {
        /// Which system.
        system: SystemId,
        /// For each path that it is not there, and what is like it.
        said: Vec<String>,
    },
    /// What cannot name anything in a snapshot.
    #[error("--path {}: {why}. Nothing was restored", path.display())]
    BadPath {
        /// As it was typed.
        path: PathBuf,
        /// Why not.
        why: dr_entry::BadPath,
    },
    /// Names and contents of this system are closed to one person alone.
    #[error("{system} is marked sensitive: a second person must agree. Name them with --approved-by; nothing was read")]
    SecondPerson {
        /// Which system.
        system: SystemId,
    },
    /// Not possible for this kind of source.
    #[error("{system} cannot be restored in place: {why}; restore it with --to DIR")]
    NotInPlace {
        /// Which system.
        system: SystemId,
        /// Why not.
        why: &'static str,
    },
    /// A scratch folder where a rehearsal must not write.
    #[error("{} cannot be scratch: {why}", path.display())]
    BadScratch {
        /// Which folder.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A medium's folder is not there, or not what the register says.
    #[error("{medium}: {why}")]
    Medium {
        /// Which.
        medium: MediumId,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A status that was left on a target, or its key.
    #[error("{place}: {why}")]
    Status {
        /// Where.
        place: String,
        /// What is wrong.
        #[source]
        why: dr_repo::BadStatus,
    },
    /// Interrupted.
    #[error("interrupted; what was stored is kept and a rerun goes on from there")]
    Interrupted,
}

impl RunError {
    /// Which kind of error it is, for a log: no name of a file, a place or a person.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ClockLeapt { .. } => "clock-leapt",
            Self::OthersCanWrite { .. } => "others-can-write",
            Self::NotLeftOut { .. } => "not-left-out",
            Self::StateOpen { .. } => "state-open",
            Self::Plan { .. } => "plan",
            Self::UnknownSystem { .. } => "unknown-system",
            Self::UnknownTarget { .. } => "unknown-target",
            Self::UnknownPool { .. } => "unknown-pool",
            Self::UnknownPerson { .. } => "unknown-person",
            Self::NotInitialised { .. } => "not-initialised",
            Self::RecoveryKeyNowhere => "recovery-key-nowhere",
            Self::RecoveryKeyThere { .. } => "recovery-key-there",
            Self::NotConfirmed => "not-confirmed",
            Self::ForeignRepository { .. } => "foreign-repository",
            Self::NoReadingKey { .. } => "no-reading-key",
            Self::NotHere { .. } => "not-here",
            Self::Gone { .. } => "gone",
            Self::OtherRepository { .. } => "other-repository",
            Self::OtherSchool { .. } => "other-school",
            Self::NoNewKey { .. } => "no-new-key",
            Self::Repository { source, .. } => source.kind(),
            Self::Store { source, .. } => source.kind(),
            Self::Ledger(_) => "ledger",
            Self::Source(_) => "source",
            Self::Refused(_) => "refused",
            Self::Local { .. } => "local",
            Self::NoCopy { .. } => "no-copy",
            Self::NoSnapshot { .. } => "no-snapshot",
            Self::NoSuchPath { .. } => "no-such-path",
            Self::BadPath { .. } => "bad-path",
            Self::SecondPerson { .. } => "second-person",
            Self::NotInPlace { .. } => "not-in-place",
            Self::BadScratch { .. } => "bad-scratch",
            Self::Medium { .. } => "medium",
            Self::Status { .. } => "status",
            Self::Interrupted => "interrupted",
        }
    }

    pub(crate) fn local(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Local { what, path, source }
    }

    pub(crate) fn repository(target: impl ToString, source: RepoError) -> Self {
        match source {
            RepoError::Interrupted => Self::Interrupted,
            source => Self::Repository { target: target.to_string(), source },
        }
    }
}

/// What to do about what only a person can put right.
fn way_on(source: &RepoError) -> String {
    match source {
        RepoError::OtherHost { place, .. } => format!(
            ". If this host replaces that one, which never writes there again, somebody with the recovery key says so: \
             `dr repo take-over {place}`"
        ),
        _ => String::new(),
    }
}

fn list<T: ToString>(of: &[T]) -> String {
    if of.is_empty() { "none".to_owned() } else { of.iter().map(T::to_string).collect::<Vec<_>>().join(", ") }
}

fn moment(at: &jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
