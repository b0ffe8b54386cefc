//! How does a school do that this host cannot see into? Read from the status that it leaves beside its backups.

use std::path::PathBuf;

use dr_repo::{BadStatus, RepoError};
use dr_run::{RunError, SealedStatus, read_status_at, read_status_key};
use dr_store::Credentials;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::opened::stated;
use crate::context::Context;
use crate::exit::{Cause, Failure};
use crate::{place, shown};

/// One school's document, and what it means for the exit code.
pub type Told = (Value, Vec<Cause>);

/// Reads and shows each of `places`. One that cannot be read hides no other.
///
/// # Errors
/// If the keys do not fit the places, or an address or a key's file is none.
pub fn read(context: &Context<'_>, places: &[String], keys: &[PathBuf]) -> Result<Vec<Told>, Failure> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    if keys.len() != places.len() && keys.len() != 1 {
        return Err(Failure::usage("name one --status-key for all of --sealed, or one for each in the same order"));
    }
    let now = match &context.global.at {
        Some(text) => stated(text, &TimeZone::UTC)?,
        None => dr_run::clock::now(),
    };
    let mut told = Vec::new();
    for (at, address) in places.iter().enumerate() {
        let place = place::parse(address).map_err(Failure::usage)?;
        let key = keys.get(at).or_else(|| keys.first()).ok_or_else(|| Failure::usage("--status-key is missing"))?;
        let key = read_status_key(key).map_err(|why| Failure::usage(why.to_string()))?;
        let (document, causes) = match read_status_at(place.address(), &Credentials::default(), &key, &context.runtime)
        {
            Ok(Some(found)) => judged(&found, address, now),
            Ok(None) => (unknown(address, "no status was left there"), vec![Cause::Unverified]),
            Err(why) => (unknown(address, &why.to_string()), vec![cause(&why), Cause::Unverified]),
        };
        say(context, &document);
        told.push((document, causes));
    }
    Ok(told)
}

fn cause(why: &RunError) -> Cause {
    match why {
        RunError::Status { why: BadStatus::Sealed, .. } => Cause::WrongKey,
        RunError::Repository { source: RepoError::NoRepository(_), .. } => Cause::NoRepository,
        _ => Cause::Failed,
    }
}

/// What was read, as it counts now: what is old says nothing.
fn judged(found: &SealedStatus, address: &str, now: Timestamp) -> Told {
    let mut document = found.status.clone();
    if !document.is_object() {
        return (unknown(address, "what was left there is no status"), vec![Cause::Failed, Cause::Unverified]);
    }
    let word = document["overall"].as_str().unwrap_or("not-known").to_owned();
    let old = !found.is_current(now);
    document["sealed"] =
        json!({ "place": address, "at": found.at.to_string(), "old": old, "said": word, "closed": found.closed });
    let word = if old { "not-known".to_owned() } else { word };
    document["overall"] = word.as_str().into();
    let causes = match word.as_str() {
        "green" | "amber" => vec![],
        "red" => vec![Cause::Failed],
        _ => vec![Cause::Unverified],
    };
    (document, causes)
}

fn unknown(address: &str, why: &str) -> Value {
    json!({ "school": address, "overall": "not-known", "systems": [], "sealed": { "place": address, "error": why } })
}

/// On the screen nothing of a stranger's document is believed to be plain text.
fn say(context: &Context<'_>, document: &Value) {
    let text = |value: &Value| shown::name(value.as_str().unwrap_or_default().as_bytes());
    let (sealed, screen) = (&document["sealed"], context.screen);
    let word = text(&document["overall"]).to_uppercase().replace('-', " ");
    let since = match (sealed["error"].as_str(), sealed["old"].as_bool()) {
        (Some(why), _) => shown::name(why.as_bytes()),
        (None, Some(true)) => {
            format!("its last word, {}, is of {}: too old to say anything", text(&sealed["said"]), text(&sealed["at"]))
        }
        _ => format!("as of {}", text(&sealed["at"])),
    };
    screen.say(&format!("{word:<10} {}  {since}", text(&document["school"])));
    if sealed["closed"].as_u64().is_some_and(|closed| closed > 0) {
        screen.warning(
            "newer status objects there do not open with this key: somebody else wrote them, or they were changed",
        );
    }
    for system in document["systems"].as_array().into_iter().flatten() {
        screen.mention(&format!("  {:<16} {}", text(&system["id"]), text(&system["status"])));
    }
}
