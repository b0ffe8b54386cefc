//! How it is told what is left of runs that never came to their end, and what ends that.

use dr_repo::{Life, Unfinished};
use serde_json::{Value, json};

use crate::output::Screen;
use crate::shown;

/// One line for each. `place`: where, if that is not clear; `prune`: the command that drops it, up to its options.
pub fn tell(screen: &Screen, left: &[Unfinished], place: Option<&str>, prune: &str) {
    let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
    for one in left {
        screen.mention(&format!("{place}{}", line(one, prune)));
    }
}

fn line(one: &Unfinished, prune: &str) -> String {
    let (size, on) = (shown::size(one.bytes), one.since_ms.map(|ms| format!(" on {}", shown::local(ms))));
    let on = on.unwrap_or_default();
    match one.life {
        Life::Running => format!("{size} of a run that is going on"),
        Life::CutOff => format!(
            "{size} of a run that was cut off{on}; kept for 50 days so that it can go on. `{prune} --now --unfinished` \
             drops it"
        ),
        Life::MayBeRunning => format!(
            "{size} of a run of {}, last heard of{on}, that may be going on: kept for 50 days. After a day of silence \
             `{prune} --now --unfinished` drops it",
            if one.own { "this host".to_owned() } else { format!("host {}", one.host) }
        ),
    }
}

/// The same as JSON.
pub fn as_json(left: &[Unfinished]) -> Value {
    let one = |one: &Unfinished| {
        json!({
            "host": one.host.to_string(), "own": one.own, "packs": one.packs, "bytes": one.bytes,
            "since": one.since_ms.and_then(shown::rfc3339),
            "state": match one.life {
                Life::Running => "running",
                Life::CutOff => "cut-off",
                Life::MayBeRunning => "may-be-running",
            },
        })
    };
    Value::Array(left.iter().map(one).collect())
}

/// Bytes of all of it.
pub fn bytes(left: &[Unfinished]) -> u64 {
    left.iter().map(|one| one.bytes).sum()
}
