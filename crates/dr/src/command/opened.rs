//! Which plan, state and person a command is about: found the way the interface says, and opened.

use std::path::{Path, PathBuf};

use dr_ledger::{Authenticated, Ledger, LedgerError};
use dr_media::Refusal;
use dr_plan::Plan;
use dr_repo::RepoError;
use dr_run::{Actor, Clock, Closed, KeyEnv, Places, RunError, School, read_plan};
use dr_runbook::Runbook;
use dr_source::SourceError;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::named::no_time;
use crate::context::Context;
use crate::env;
use crate::exit::{Cause, Failure, Outcome};
use crate::moment::{Side, Toward, moment};
use crate::place::hostname;

/// Opens the one school that the command is about, to do something that is written down: at no time beyond tomorrow.
///
/// # Errors
/// [`Failure`], for a person to read.
pub fn school(context: &Context<'_>) -> Result<School, Failure> {
    let school = question(context)?;
    not_beyond_tomorrow(&school, context)?;
    Ok(school)
}

/// Opens the one school that the command is about, to ask something that writes nothing down: `--at` may be any time.
///
/// # Errors
/// [`Failure`], for a person to read.
pub fn question(context: &Context<'_>) -> Result<School, Failure> {
    school_of(context, &the_plan(context)?)
}

/// As [`school`], unless the command is only to say what it would do.
///
/// # Errors
/// [`Failure`], for a person to read.
pub fn school_unless(dry_run: bool, context: &Context<'_>) -> Result<School, Failure> {
    if dry_run { question(context) } else { school(context) }
}

/// As [`school`], for one that may have had another name until now.
///
/// # Errors
/// As [`school`].
pub fn school_renamed(context: &Context<'_>, old: Option<&str>) -> Result<School, Failure> {
    let Some(old) = old else { return school(context) };
    let school = unasked(context, &the_plan(context)?)?;
    not_beyond_tomorrow(&school, context)?;
    dr_run::renamed(&school.places.state, old, &school.plan.school.name)
        .map_err(|error| run_failure(error, context))?;
    Ok(school)
}

fn the_plan(context: &Context<'_>) -> Result<PathBuf, Failure> {
    match context.global.plans.as_slice() {
        [] => found(),
        [plan] => Ok(plan.clone()),
        _ => Err(Failure::usage("this command is about one plan: give --plan once")),
    }
}

/// What is written down for a day that has not come counts for nothing, and one that was mistyped stays in the record. A
/// sample school, and tests, live at chosen times.
fn not_beyond_tomorrow(school: &School, context: &Context<'_>) -> Result<(), Failure> {
    let Some(at) = &context.global.at else { return Ok(()) };
    let now = school.now();
    let clock = now.real.to_zoned(school.plan.school.timezone.clone());
    let after = clock.date().checked_add(2.days()).ok();
    let end = after.and_then(|day| day.to_zoned(clock.time_zone().clone()).ok()).map(|day| day.timestamp());
    if now.moved_counts || end.is_none_or(|end| now.decided < end) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "--at {} is beyond tomorrow, and this command writes down what it does: the clock says {}. Nothing was done. Leave \
         --at out, or set the clock if it is wrong; what only asks may look further ahead, such as `dr status --at` and \
         `dr plan next`",
        crate::shown::name(at.as_bytes()),
        clock.strftime("%a %-d %b %Y %H:%M"),
    )))
}

/// Opens the school of one plan, whose state must be its own, to ask something that writes nothing down.
///
/// # Errors
/// [`Failure`], for a person to read.
pub fn school_of(context: &Context<'_>, file: &Path) -> Result<School, Failure> {
    let school = unasked(context, file)?;
    dr_run::refuse_other_school(&school.places.state, &school.plan.school.name)
        .map_err(|error| run_failure(error, context))?;
    Ok(school)
}

/// Opens the school of one plan, whosever the state is.
fn unasked(context: &Context<'_>, file: &Path) -> Result<School, Failure> {
    let (plan, calendar) = read_plan(file).map_err(|error| run_failure(error, context))?;
    let state = match (&context.global.state, &plan.state) {
        (Some(state), _) | (None, Some(state)) => state.clone(),
        (None, None) => default_state()?,
    };
    let state = std::path::absolute(&state)
        .map_err(|why| Failure::usage(format!("{} cannot hold the state: {why}", state.display())))?;
    dr_run::refuse_open_state(&state).map_err(|error| run_failure(error, context))?;
    let cache = env::cache_folder().unwrap_or_else(|| state.join("cache"));
    let clock = match &context.global.at {
        None => Clock::real(),
        Some(at) => Clock::moved_to(stated(at, &plan.school.timezone)?),
    };
    let actor = actor(context, &plan)?;
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(8);
    Ok(School {
        calendar,
        places: Places { plan: file.to_owned(), state: state.clone(), cache },
        ledger: Ledger::in_state(&state),
        clock,
        actor,
        runtime: context.runtime.clone(),
        hostname: hostname(),
        variable: env::var,
        workers,
        plan,
    })
}

/// The state of the plan that is meant, if there is one that may be used: for commands that need no plan.
pub fn state_of_plan(context: &Context<'_>) -> Option<PathBuf> {
    let plan = the_plan(context).ok().and_then(|file| read_plan(&file).ok()).map(|(plan, _)| plan);
    let named = context.global.state.clone().or_else(|| plan.as_ref()?.state.clone());
    // Without a plan there may still be the state that its host has.
    let state = std::path::absolute(named.or_else(|| default_state().ok())?).ok()?;
    dr_run::refuse_open_state(&state).is_ok().then_some(state)
}

/// The plan that is meant if nobody says.
fn found() -> Result<PathBuf, Failure> {
    if let Some(plan) = env::path("DR_PLAN") {
        return Ok(plan);
    }
    let (here, etc) = (PathBuf::from("dr.toml"), PathBuf::from("/etc/dr/dr.toml"));
    let order = if rustix::process::geteuid().is_root() { [etc, here] } else { [here, etc] };
    order.into_iter().find(|plan| plan.exists()).ok_or_else(|| {
        Failure::usage(
            "there is no plan: none in ./dr.toml or /etc/dr/dr.toml, and neither --plan nor DR_PLAN names one. `dr plan new` \
             writes a first one from a few questions; `dr quickstart` shows everything on an invented school",
        )
    })
}

fn default_state() -> Result<PathBuf, Failure> {
    if let Some(state) = env::path("DR_STATE") {
        return Ok(state);
    }
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/dr"));
    }
    env::path("XDG_STATE_HOME")
        .filter(|folder| folder.is_absolute())
        .or_else(|| env::path("HOME").map(|home| home.join(".local/state")))
        .map(|folder| folder.join("dr"))
        .ok_or_else(|| Failure::usage("there is no place for state: name one with --state, DR_STATE or in the plan"))
}

/// The time of --at: with its offset, or else in this zone. A day alone is its first moment.
///
/// # Errors
/// A sentence that says how to write it.
pub fn stated(text: &str, zone: &TimeZone) -> Result<Timestamp, Failure> {
    moment(text, zone, dr_run::clock::now(), Side::Begin, Toward::Past).ok_or_else(|| no_time(text))
}

/// Says which copies were not asked, and what that means for the exit code. `alone`: there is no other copy.
pub fn away(closed: Vec<Closed>, alone: bool, context: &Context<'_>) -> Outcome {
    let mut outcome = Outcome::done();
    for closed in closed {
        let line = format!("{} was not asked: {}", closed.target, closed.why);
        if let Some(error) = closed.error {
            context.screen.warning(&line);
            outcome = outcome.with(true, if alone { run_failure(error, context).cause } else { Cause::Missing });
        } else {
            context.screen.note(&line);
        }
    }
    outcome
}

/// Who acts: whom `--by` names, else whose login this is.
fn actor(context: &Context<'_>, plan: &Plan) -> Result<Actor, Failure> {
    let login = uzers::get_user_by_uid(uzers::get_current_uid());
    let own = login.and_then(|user| plan.person_for_login(user.name().to_str()?).cloned());
    match &context.global.by {
        Some(by) => {
            let person = dr_run::person(plan, by).map_err(|e| run_failure(e, context))?;
            let authenticated =
                if own.as_ref() == Some(&person) { Authenticated::Login } else { Authenticated::NamedNotAuthenticated };
            Ok(Actor { by: Some(person), authenticated })
        }
        None => Ok(Actor { by: own, authenticated: Authenticated::Login }),
    }
}

/// What the environment says about keys.
pub fn key_env() -> KeyEnv<'static> {
    KeyEnv { key_file: env::path("DR_KEY_FILE"), variable: Some(&env::var) }
}

/// The plan's runbook.
pub fn runbook(school: &School, context: &Context<'_>) -> Option<Runbook> {
    let path = school.plan.runbook.as_ref()?;
    let text = match dr_open::text_named(path, 16 << 20) {
        Ok(text) => text,
        Err(why) => {
            context.screen.warning(&format!("the runbook {} cannot be read: {why}", path.display()));
            return None;
        }
    };
    let read = dr_runbook::parse(&text, &path.to_string_lossy());
    read.map_err(|problems| problems.iter().for_each(|problem| context.screen.warning(&problem.to_string()))).ok()
}

/// How a fault of the conductor is told, and which exit code it means.
pub fn run_failure(error: RunError, context: &Context<'_>) -> Failure {
    let cause = match &error {
        RunError::Interrupted => context.signals.cause(),
        RunError::OthersCanWrite { .. }
        | RunError::StateOpen { .. }
        | RunError::NotLeftOut { .. }
        | RunError::Plan { .. }
        | RunError::UnknownSystem { .. }
        | RunError::UnknownTarget { .. }
        | RunError::UnknownPool { .. }
        | RunError::UnknownPerson { .. }
        | RunError::RecoveryKeyNowhere
        | RunError::RecoveryKeyThere { .. }
        | RunError::OtherSchool { .. }
        | RunError::NoNewKey { .. }
        | RunError::SecondPerson { .. }
        | RunError::NotInPlace { .. }
        | RunError::BadPath { .. }
        | RunError::BadScratch { .. }
        | RunError::Source(SourceError::NotEmpty { .. })
        | RunError::Refused(
            Refusal::Nobody { .. }
            | Refusal::UnknownPerson { .. }
            | Refusal::UnknownPlace { .. }
            | Refusal::Unregistered { .. },
        ) => Cause::Usage,
        RunError::Local { source, path, .. } if *path == PathBuf::new() || is_plan_missing(source, path, context) => {
            Cause::Usage
        }
        RunError::ForeignRepository { .. }
        | RunError::NoReadingKey { .. }
        | RunError::NoCopy { wrong_key: true, .. } => Cause::WrongKey,
        RunError::Gone { .. } | RunError::NotInitialised { .. } | RunError::NoCopy { no_repository: true, .. } => {
            Cause::NoRepository
        }
        RunError::Repository { source, .. } => match source {
            RepoError::WrongKey(_) | RepoError::CannotRead => Cause::WrongKey,
            RepoError::NoRepository(_) => Cause::NoRepository,
            _ => Cause::Failed,
        },
        _ => Cause::Failed,
    };
    let next = match &error {
        RunError::Ledger(LedgerError::Io { source, .. }) => next_for_state(source),
        RunError::Local { source, path, .. } if path.starts_with("/") && is_closed(source) => next_for_state(source),
        _ => "",
    };
    Failure::new(cause, format!("{error}{next}"))
}

fn is_closed(why: &std::io::Error) -> bool {
    matches!(why.kind(), std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::StorageFull)
}

/// What to do where this host can write nothing down.
fn next_for_state(why: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match why.kind() {
        ReadOnlyFilesystem => {
            ". What cannot be written down is not done, and what was stored before is safe. Look why that disk is read only \
             (`dmesg` tells of a fault), mount it writable (`mount -o remount,rw`), and run again; `dr snapshots`, `restore` \
             and `check` need no writable disk"
        }
        StorageFull | QuotaExceeded => {
            ". What cannot be written down is not done, and what was stored before is safe. Make room there and run again"
        }
        PermissionDenied => ". Run dr as the account that ran `dr init`",
        _ => ". What cannot be written down is not done. See to that disk, and run again",
    }
}

/// Whether the plan that was named is not there.
fn is_plan_missing(why: &std::io::Error, path: &Path, context: &Context<'_>) -> bool {
    why.kind() == std::io::ErrorKind::NotFound && context.global.plans.iter().any(|plan| plan == path)
}
