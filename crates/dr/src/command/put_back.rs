//! How it is told what a restore did not put back, or not wholly: each thing by its name, and what many have in common in
//! one line.

use dr_entry::{EntryPath, NotSet, Part};
use dr_repo::{NotWhole, RestoreReport};
use dr_run::Naming;
use serde_json::{Value, json};

use crate::exit::{Cause, Outcome};
use crate::output::Screen;
use crate::shown;

/// More entries than these are told in one line, unless somebody wants to hear more.
const NAMED: usize = 10;

/// The name of an entry as it can be typed after `--path`.
pub fn name(naming: &Naming, path: &EntryPath) -> String {
    match naming.below_the_folder(path).as_slice() {
        b"" => ".".to_owned(),
        below => shown::name(below),
    }
}

/// Names everything that is not as it was.
pub fn tell(restored: &RestoreReport, naming: &Naming, screen: &Screen) {
    // What is not in the snapshot is told with what is like it.
    for (path, why) in restored.lost().filter(|(_, why)| *why != NotWhole::NotThere) {
        screen.warning(&format!("not restored: {}: {why}", name(naming, path)));
    }
    let not_set: Vec<(&EntryPath, &NotSet)> = restored
        .failed
        .iter()
        .filter_map(|(path, why)| match why {
            NotWhole::NotSet(not_set) => Some((path, not_set)),
            _ => None,
        })
        .collect();
    for part in [Part::Owner, Part::SetId, Part::Mode, Part::Attribute, Part::Time, Part::Link] {
        let of_part: Vec<String> = not_set
            .iter()
            .flat_map(|(path, not_set)| not_set.parts().iter().map(move |(of, what)| (*path, of, what)))
            .filter(|(_, of, _)| **of == part)
            .map(|(path, _, what)| format!("{}: {what}", name(naming, path)))
            .collect();
        tell_part(part, &of_part, screen);
    }
}

fn tell_part(part: Part, of_part: &[String], screen: &Screen) {
    let Some(first) = of_part.first() else { return };
    let count = of_part.len();
    if part == Part::Owner {
        let why = match rustix::process::geteuid().is_root() {
            true => "the place to restore to does not keep them",
            false => "you are not root",
        };
        screen.warning(&format!("owners not set: {count} ({why}; --no-owner leaves them out)"));
        if screen.is_verbose() {
            of_part.iter().for_each(|line| screen.warning(&format!("restored, but {line}")));
        }
    } else if count <= NAMED || screen.is_verbose() {
        of_part.iter().for_each(|line| screen.warning(&format!("restored, but {line}")));
    } else {
        let what = match part {
            Part::Owner => "owners",
            Part::SetId => "set-id bits",
            Part::Mode => "modes",
            Part::Attribute => "attributes",
            Part::Time => "exact times",
            Part::Link => "further names of one file",
        };
        screen.warning(&format!("{what} not set: {count} (-v names them), such as {first}"));
    }
}

/// What could not be read when the snapshot was made, and so is not in it, or not wholly: an attribute that could not be
/// read costs itself, not its file.
pub fn tell_not_in_it(count: u64, names: &[(EntryPath, String)], naming: &Naming, screen: &Screen) {
    if count == 0 {
        return;
    }
    screen.warning(&format!(
        "{} could not be read when this snapshot was made and {} not in it, or not wholly{}",
        shown::count(count, "entry", "entries"),
        if count == 1 { "is" } else { "are" },
        if names.is_empty() { "" } else { ":" },
    ));
    let told = if screen.is_verbose() { names.len() } else { NAMED.min(names.len()) };
    for (path, why) in &names[..told] {
        screen.warning(&format!("  {}: {}", name(naming, path), shown::name(why.as_bytes())));
    }
    if told < names.len() {
        screen.warning(&format!("  and {} more (-v names them)", names.len() - told));
    }
}

/// Entries and why, for a script.
pub fn as_json(failed: &[(EntryPath, NotWhole)]) -> Vec<Value> {
    failed.iter().map(|(path, why)| shown::failed(path, &why.to_string())).collect()
}

/// The same for what was never captured.
pub fn not_in_it_json(names: &[(EntryPath, String)]) -> Value {
    json!(names.iter().map(|(path, why)| shown::failed(path, why)).collect::<Vec<_>>())
}

/// The exit code: nothing came back is a failure, some of it is not.
pub fn outcome(restored: &RestoreReport) -> Outcome {
    let failed = !restored.failed.is_empty();
    Outcome::done().with(failed && restored.entries == 0, Cause::Failed).with(failed, Cause::Missing)
}
