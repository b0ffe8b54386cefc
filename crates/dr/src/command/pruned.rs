//! How it is told what becomes of packs, and what a prune did.

use clap::Args;
use dr_repo::{PruneReport, Verdict};
use serde_json::{Value, json};

use super::unfinished;
use crate::exit::{Cause, Outcome};
use crate::output::Screen;
use crate::shown;

/// How a prune is asked for, with a plan and without.
#[derive(Args)]
pub struct How {
    /// Only say what would go
    #[arg(long)]
    pub dry_run: bool,
    /// The room is free on return. What was forgotten cannot be put back, and a restore that is under way may lose what it
    /// still wants to read
    #[arg(long)]
    pub now: bool,
    /// Also drop what runs left that were cut off, instead of keeping it for 50 days so that they can go on. What a living
    /// run stores stays
    #[arg(long)]
    pub unfinished: bool,
}

/// What becomes of one pack. `target`: which copy, where there are several.
pub fn verdict(screen: &Screen, verdict: &Verdict, target: Option<&str>) {
    let mut event = json!({
        "event": "verdict", "pack": verdict.pack, "keep": verdict.keep, "because": verdict.because,
        "bytes": verdict.bytes,
    });
    name(&mut event, target);
    screen.event(&event);
    if !verdict.keep || screen.is_verbose() {
        let word = if verdict.keep { "stays" } else { "goes" };
        screen.mention(&format!("{word:5}  {}  {}  {}", verdict.pack, shown::size(verdict.bytes), verdict.because));
    }
}

/// What all of it came to. `place`: where, for people; `again`: the command for this place, up to its options.
pub fn end(
    screen: &Screen,
    pruned: &PruneReport,
    place: &str,
    (target, again): (Option<&str>, &str),
    dry: bool,
) -> Outcome {
    let mut event = json!({
        "event": "summary", "packs": pruned.packs, "bytes": pruned.bytes, "live": pruned.live,
        "packs_removable": pruned.removable, "rewritten": pruned.rewritten, "deleted": pruned.deleted,
        "bytes_deleted": pruned.bytes_deleted, "bytes_stored": pruned.bytes_stored, "waiting": pruned.waiting,
        "lost": pruned.lost, "damaged": pruned.damaged, "dry_run": dry, "no_room": pruned.no_room, "held": pruned.held,
        "unfinished": unfinished::as_json(&pruned.unfinished), "dropped": unfinished::as_json(&pruned.dropped),
    });
    name(&mut event, target);
    screen.event(&event);
    let mut line = format!("{place}: {} of {} needed, ", shown::size(pruned.live), shown::size(pruned.bytes));
    let removable = format!("{} of {}", pruned.removable, shown::count(pruned.packs, "pack", "packs"));
    if dry {
        line += &format!("would delete {removable}");
    } else {
        line += &format!("{removable} not needed; {} deleted", shown::size(pruned.bytes_deleted));
        if pruned.waiting > 0 {
            line += &format!(", {} pending deletion: run prune again in 24 h", pruned.waiting);
        }
    }
    if !pruned.dropped.is_empty() {
        line += &format!("; {} of runs that were cut off dropped", shown::size(unfinished::bytes(&pruned.dropped)));
    }
    screen.mention(&line);
    unfinished::tell(screen, &pruned.unfinished, Some(place), again);
    if pruned.held > 0 {
        let held = shown::size(pruned.held);
        screen.note(&format!(
            "{place}: {held} of earlier packs stay as long as such a run is kept, which relies on them"
        ));
    }
    if pruned.no_room > 0 {
        screen.warning(&format!(
            "{place}: {} as they are, half used: there is no room to rewrite what is needed of them. Forget more, or make \
             room there, and prune again",
            shown::count(pruned.no_room, "pack stays", "packs stay")
        ));
    }
    if pruned.lost > 0 {
        screen.warning(&format!("{} chunks needed by snapshots are missing: run `dr repo check`", pruned.lost));
    }
    for pack in &pruned.damaged {
        screen.warning(&format!("{pack} stays as it is: something in it cannot be read. Run `dr repo check`"));
    }
    let partly = pruned.lost > 0 || !pruned.damaged.is_empty() || pruned.no_room > 0;
    Outcome::done().with(partly, Cause::Missing)
}

fn name(event: &mut Value, target: Option<&str>) {
    if let Some(target) = target {
        event["target"] = json!(target);
    }
}
