//! `dr media`: the disks that people carry.

use clap::{Args, Subcommand, ValueEnum};
use dr_ledger::{Entry, Event, MediumKind};
use dr_media::{Holder, Move};
use dr_plan::{BadName, MediumId, PersonId, PlaceId, PoolId};
use dr_run::media::{self, NewMedium};
use dr_run::{RunError, School, person};
use serde_json::json;

use super::opened::{run_failure, school_unless};
use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::shown;

/// The disks that people carry: which is where, who has it, which moves are due
///
/// Acts are written down with who acts: `--by oak` names a person of the plan by id; who has a `login` there and works
/// under that account need not say so. docs/disks.md follows one disk through its life.
#[derive(Args)]
pub struct Media {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Which disk should be where next, by when, and whose turn it is
    Due,
    /// A disk is plugged in: look whether it is the one that the ledger knows
    Load(Label),
    /// A disk is taken out: it is written no more, and may be unmounted and unplugged
    Eject(Label),
    /// One person gives a disk to another
    Handover(Handover),
    /// Who carries a disk has put it where it is kept
    Receive(Receive),
    /// Nobody knows where a disk is
    Lost(Label),
    /// A lost disk turned up; it is not trusted until it is initialised again
    Found(Label),
    /// Take a new disk into the register
    Register(Register),
    /// Make a repository on an empty disk
    Init(Init),
    /// Everything that happened to a disk
    History(Label),
}

#[derive(Args)]
struct Label {
    /// The disk's label
    #[arg(value_name = "LABEL", value_parser = label)]
    label: MediumId,
}

#[derive(Args)]
struct Handover {
    #[command(flatten)]
    disk: Label,
    /// Who takes it
    #[arg(long, value_name = "PERSON")]
    to: String,
    /// Who gives it; default: who has it, else who acts
    #[arg(long, value_name = "PERSON")]
    from: Option<String>,
    /// Where it is to go
    #[arg(long, value_name = "PLACE", value_parser = place)]
    place: Option<PlaceId>,
}

#[derive(Args)]
struct Receive {
    #[command(flatten)]
    disk: Label,
    /// Where it is now; default: where it was bound for
    #[arg(long, value_name = "PLACE", value_parser = place)]
    place: Option<PlaceId>,
}

#[derive(Args)]
struct Register {
    #[command(flatten)]
    disk: Label,
    /// The pool that it is to rotate in; default: the only one
    #[arg(long, value_name = "POOL", value_parser = pool)]
    pool: Option<PoolId>,
    /// What it is
    #[arg(long, value_enum, default_value = "hdd")]
    kind: Kind,
    /// The maker's serial number
    #[arg(long, value_name = "TEXT")]
    serial: Option<String>,
    /// The school's asset number
    #[arg(long, value_name = "TEXT")]
    asset: Option<String>,
}

#[derive(Args)]
struct Init {
    #[command(flatten)]
    disk: Label,
    /// The folder below the pool's `mount` that it is mounted on; default: one called as its label
    #[arg(long, value_name = "NAME")]
    slot: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Hdd,
    Ssd,
    Stick,
    Tape,
    /// A folder that stands in for a disk
    Directory,
}

fn label(text: &str) -> Result<MediumId, BadName> {
    MediumId::new(text)
}

fn place(text: &str) -> Result<PlaceId, BadName> {
    PlaceId::new(text)
}

fn pool(text: &str) -> Result<PoolId, BadName> {
    PoolId::new(text)
}

impl Media {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let school = school_unless(matches!(self.verb, Verb::Due | Verb::History(_)), context)?;
        let done = match &self.verb {
            Verb::Due => return due(&school, context),
            Verb::History(disk) => return history(&school, &disk.label, context),
            Verb::Load(disk) => media::load(&school, &disk.label).map(|(event, _)| event),
            Verb::Eject(disk) => {
                let (event, trouble) = media::eject(&school, &disk.label).map_err(|e| run_failure(e, context))?;
                context.screen.document(&event);
                match trouble {
                    Some(trouble) => context.screen.warning(&trouble),
                    None => context.screen.mention(&format!("{} is ejected, and it is out of sight", disk.label)),
                }
                return Ok(Outcome::done());
            }
            Verb::Handover(args) => {
                let person = |name: &String| person(&school.plan, name).map_err(|e| run_failure(e, context));
                let (from, to) = (args.from.as_ref().map(person).transpose()?, person(&args.to)?);
                media::handover(&school, &args.disk.label, from, to, args.place.clone())
            }
            Verb::Receive(args) => media::receive(&school, &args.disk.label, args.place.clone()),
            Verb::Lost(disk) => media::lost(&school, &disk.label),
            Verb::Found(disk) => media::found(&school, &disk.label),
            Verb::Register(args) => media::register(&school, args.medium()),
            Verb::Init(args) => media::init(&school, &args.disk.label, args.slot.as_deref()),
        };
        let event = done.map_err(|e| run_failure(e, context))?;
        context.screen.document(&event);
        context.screen.mention(&sentence(&event));
        Ok(Outcome::done())
    }
}

impl Register {
    fn medium(&self) -> NewMedium {
        NewMedium {
            label: self.disk.label.clone(),
            pool: self.pool.clone(),
            kind: match self.kind {
                Kind::Hdd => MediumKind::Hdd,
                Kind::Ssd => MediumKind::Ssd,
                Kind::Stick => MediumKind::Stick,
                Kind::Tape => MediumKind::Tape,
                Kind::Directory => MediumKind::Directory,
            },
            serial: self.serial.clone(),
            asset: self.asset.clone(),
        }
    }
}

fn due(school: &School, context: &Context<'_>) -> Result<Outcome, Failure> {
    let moves = media::moves(school).map_err(|e| run_failure(e, context))?;
    context.screen.document(&moves);
    let now = school.clock.decided();
    for moved in &moves {
        let by = moved.by.to_zoned(school.plan.school.timezone.clone()).strftime("%a %-d %b %H:%M");
        let who = |person: &PersonId| school.plan.people.get(person).map_or(person.to_string(), |p| p.name.clone());
        let deputies: Vec<_> = moved.deputies.iter().map(who).collect();
        context.screen.say(&format!(
            "{}  {}  {} {by}  {}{}",
            moved.medium,
            way(moved, school),
            if moved.by < now { "OVERDUE since" } else { "by" },
            moved.custodian.as_ref().map_or("nobody is there to carry it".into(), who),
            if deputies.is_empty() { String::new() } else { format!(" (or {})", deputies.join(", ")) },
        ));
    }
    if moves.is_empty() {
        context.screen.mention("no disk needs to move");
    }
    Ok(Outcome::done())
}

/// From where to where a disk is to go.
fn way(moved: &Move, school: &School) -> String {
    let named = |holder: &Holder| match holder {
        Holder::Server => "the server".to_owned(),
        Holder::Place(place) => school.plan.places.get(place).map_or_else(|| place.to_string(), |at| at.name.clone()),
        Holder::Person(person) => school.plan.people.get(person).map_or_else(|| person.to_string(), |p| p.name.clone()),
    };
    match (&moved.from, &moved.to) {
        (Holder::Server, Holder::Server) => format!("beside the server: plug it in, `dr media load {}`", moved.medium),
        (from, to) => format!("{} -> {}", named(from), named(to)),
    }
}

fn history(school: &School, label: &MediumId, context: &Context<'_>) -> Result<Outcome, Failure> {
    let entries: Vec<Entry> = media::history(school, label).map_err(|e: RunError| run_failure(e, context))?;
    context.screen.document(&entries);
    for entry in &entries {
        let at = entry.decided.to_zoned(school.plan.school.timezone.clone()).strftime("%Y-%m-%d %H:%M");
        let by = entry.by.as_ref().map_or("dr", |by| by.as_str());
        context.screen.say(&format!("{:>5}  {at}  {by:<10}  {}", entry.n, sentence(&entry.event)));
    }
    Ok(Outcome::done())
}

/// One event about a disk, in words.
fn sentence(event: &Event) -> String {
    match event {
        Event::MediumRegistered { medium, pool, kind, .. } => {
            format!("{medium} ({kind}) is in the register, pool {pool}")
        }
        Event::MediumInitialised { medium, .. } => format!("{medium} has a repository of its own"),
        Event::MediumLoaded { medium } => format!("{medium} is loaded"),
        Event::MediumEjected { medium } => format!("{medium} was taken out of use in the server, to be unplugged"),
        Event::MediumHandedOver { medium, from, to, to_place } => {
            let bound = to_place.as_ref().map(|place| format!(", bound for {place}")).unwrap_or_default();
            format!("{medium} went from {from} to {to}{bound}")
        }
        Event::MediumReceived { medium, by, place } => format!("{medium} is at {place}, says {by}"),
        Event::MediumLost { medium, by } => format!("{medium} is lost, says {by}"),
        Event::MediumFound { medium, by } => format!("{medium} was found by {by}; it is not trusted yet"),
        Event::RunFinished { system, outcome, .. } => format!("a copy of {system}: {outcome}"),
        Event::Verified { what, ok, .. } => format!("{what}: {}", if *ok { "sound" } else { "DAMAGED" }),
        other => shown::name(serde_json::to_string(&json!(other)).unwrap_or_default().as_bytes()),
    }
}
