//! `dr repo forget`: which snapshots are kept, and why.

use std::collections::BTreeMap;

use clap::Args;
use dr_plan::{Period, Retention, Snapshot as Judged, judge};
use dr_repo::{ForgetPlan, ForgetVerdict, RepoError, Repository, Snapshot, rewritten_same};
use dr_run::clock;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::snapshots::log_is_damaged;
use crate::command::look::View;
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::failure_text::{self, Operation};
use crate::place::{self, Access, Place};

/// Take snapshots off the list
///
/// By id, or by rules that say which to keep; what any rule keeps stays, and without a rule nothing goes. Snapshots of
/// different systems, hosts and paths are counted apart. Their room is given back by `dr repo prune`, and until then
/// `--undo` puts them back.
#[derive(Args)]
pub struct Forget {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    /// Only these: an id, or its first 8 digits or more
    #[arg(value_name = "ID", conflicts_with_all = RULES)]
    ids: Vec<String>,
    /// Put the snapshots ID back that were forgotten
    #[arg(long, requires = "ids")]
    undo: bool,
    /// Keep the newest N
    #[arg(long, value_name = "N", default_value_t)]
    keep_last: u32,
    /// Keep the newest of each of N hours that have one
    #[arg(long, value_name = "N", default_value_t)]
    keep_hourly: u32,
    /// Keep the newest of each of N days that have one
    #[arg(long, value_name = "N", default_value_t)]
    keep_daily: u32,
    /// Keep the newest of each of N weeks that have one
    #[arg(long, value_name = "N", default_value_t)]
    keep_weekly: u32,
    /// Keep the newest of each of N months that have one
    #[arg(long, value_name = "N", default_value_t)]
    keep_monthly: u32,
    /// Keep the newest of each of N years that have one
    #[arg(long, value_name = "N", default_value_t)]
    keep_yearly: u32,
    /// Keep everything younger than this, such as `30d` or `6mo`
    #[arg(long, value_name = "PERIOD", value_parser = period)]
    keep_within: Option<Period>,
    /// Keep what has this tag, such as `term=autumn`; may be given again
    #[arg(long, value_name = "K=V")]
    keep_tag: Vec<String>,
    /// Keep nothing older than this, whatever the other rules say
    #[arg(long, value_name = "PERIOD", value_parser = period)]
    max_age: Option<Period>,
    /// Only say what would be forgotten
    #[arg(long)]
    dry_run: bool,
}

const RULES: [&str; 9] = [
    "keep_last",
    "keep_hourly",
    "keep_daily",
    "keep_weekly",
    "keep_monthly",
    "keep_yearly",
    "keep_within",
    "keep_tag",
    "max_age",
];

fn period(text: &str) -> Result<Period, String> {
    Period::parse(text).ok_or_else(|| "it is a number and a unit, such as `26h`, `30d`, `8w`, `6mo` or `7y`".to_owned())
}

impl Forget {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let access = if self.dry_run { Access::Read } else { Access::Write };
        let mut repository = self.place.open(access, context)?;
        let told = |error: RepoError| failure_text::repo(&error, Operation::Forgetting, &context.signals);
        if repository.behind().is_none() && log_is_damaged(&repository) {
            return Err(Failure::new(
                Cause::Failed,
                format!(
                    "a log entry of {} cannot be read, so there may be snapshots that are not known here. Nothing was \
                 forgotten. Run `dr repo check`.",
                    self.place.shown()
                ),
            ));
        }
        let now = clock::now();
        if self.undo {
            return self.put_back(&mut repository, now, context);
        }
        let plan = if self.ids.is_empty() { self.judge(&repository, now) } else { self.named(&repository, context)? };
        for ForgetVerdict { id, keep, because } in plan.verdicts() {
            context.screen.event(&json!({
                "event": "verdict", "snapshot": id.to_string(), "keep": keep, "because": because,
            }));
            let word = if *keep { "keep" } else { "forget" };
            context.screen.mention(&format!("{word:6}  {}  {because}", &id.to_string()[..8]));
        }
        let kept = plan.verdicts().len() as u64 - plan.removes();
        let forgotten = match self.dry_run {
            true => plan.removes(),
            false => plan.execute(&mut repository, now.as_millisecond()).map_err(told)?.forgotten,
        };
        context.screen.event(&json!({
            "event": "summary", "kept": kept, "forgotten": forgotten, "dry_run": self.dry_run,
        }));
        let would = if self.dry_run { "would be " } else { "" };
        context.screen.mention(&format!("{forgotten} {would}forgotten, {kept} kept"));
        Ok(Outcome::done())
    }

    fn named(&self, repository: &Repository, context: &Context<'_>) -> Result<ForgetPlan, Failure> {
        let view = View::local(repository, context);
        let find = |name: &String| repository.find(name).map(|one| one.id).map_err(|e| view.told(e));
        Ok(ForgetPlan::named(&self.ids.iter().map(find).collect::<Result<Vec<_>, _>>()?))
    }

    fn retention(&self) -> Retention {
        Retention {
            last: self.keep_last,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
            yearly: self.keep_yearly,
            within: self.keep_within,
            max_age: self.max_age,
        }
    }

    fn judge(&self, repository: &Repository, now: Timestamp) -> ForgetPlan {
        let (snapshots, retention, zone) = (repository.snapshots(), self.retention(), TimeZone::system());
        let rewritten_same = rewritten_same(&snapshots);
        let mut apart: BTreeMap<_, Vec<&Snapshot>> = BTreeMap::new();
        let mut out = Vec::new();
        for snapshot in &snapshots {
            let kept = |because: &str| ForgetVerdict { id: snapshot.id, keep: true, because: because.to_owned() };
            match &snapshot.label {
                None => out.push(kept("its label does not open, so nobody knows when it was made")),
                Some(_) if snapshot.held_until_ms.is_some_and(|until| until > now.as_millisecond()) => {
                    out.push(kept("it is held"));
                }
                Some(_) if rewritten_same.contains(&snapshot.id) => {
                    out.push(kept("an erasure rewrote it and was cut off: run it again"));
                }
                Some(label) if self.keep_tag.iter().any(|tag| has_tag(label, tag)) => {
                    out.push(kept("it has a tag that is kept"))
                }
                Some(label) => {
                    let key = (label.system.clone(), label.hostname.clone(), label.paths.clone());
                    apart.entry(key).or_default().push(snapshot);
                }
            }
        }
        for of_one in apart.into_values() {
            let judged: Vec<Judged> = of_one
                .iter()
                .map(|snapshot| Judged {
                    id: snapshot.id.to_string(),
                    time: snapshot
                        .label
                        .as_ref()
                        .and_then(|label| Timestamp::from_millisecond(label.started_ms).ok())
                        .unwrap_or(now),
                    number: snapshot.number,
                })
                .collect();
            for verdict in judge(&judged, &retention, now, &zone) {
                if let Some(snapshot) = of_one.iter().find(|snapshot| snapshot.id.to_string() == verdict.id) {
                    out.push(ForgetVerdict { id: snapshot.id, keep: verdict.keep, because: verdict.because });
                }
            }
        }
        ForgetPlan::new(out)
    }

    fn put_back(&self, repository: &mut Repository, now: Timestamp, context: &Context<'_>) -> Result<Outcome, Failure> {
        let find = |name: &String| repository.find_forgotten(name).map(|snapshot| snapshot.id);
        let ids: Result<Vec<_>, RepoError> = self.ids.iter().map(find).collect();
        let told = |error: RepoError| failure_text::repo(&error, Operation::Forgetting, &context.signals);
        let ids = ids.map_err(told)?;
        if !self.dry_run {
            repository.unforget(&ids, now.as_millisecond()).map_err(told)?;
        }
        for id in &ids {
            context.screen.event(&json!({
                "event": "verdict", "snapshot": id.to_string(), "keep": true, "because": "it was put back",
            }));
            context.screen.mention(&format!("back    {}", &id.to_string()[..8]));
        }
        Ok(Outcome::done())
    }
}

fn has_tag(label: &dr_repo::Label, tag: &str) -> bool {
    label.tags.iter().any(|(name, value)| format!("{name}={value}") == tag)
}
