//! What was done, where can it be looked at, and what can be typed next? One screen of 24 lines and 80 columns.

use std::path::Path;

use dr_process::quoted;

use super::life::{stored, worked};
use super::place::{Letter, Lived, Night};
use crate::shown;

/// Terminals have at least so many columns.
const WIDTH: usize = 80;
/// And so many lines.
const HEIGHT: usize = 24;

/// The screen, for a school in `dir`, as `program` was called.
#[must_use]
pub fn lines(lived: &Lived, dir: &Path, program: &str) -> Vec<String> {
    let mut lines = done(lived);
    lines.push(String::new());
    lines.extend(places(lived, dir));
    let end = end(lived, dir);
    for command in commands(lived, dir, program) {
        if lines.len() + command.len() + end.len() <= HEIGHT {
            lines.extend(command);
        }
    }
    lines.extend(end);
    lines
}

fn done(lived: &Lived) -> Vec<String> {
    let day = |date: &jiff::civil::Date| date.strftime("%a %-d %b").to_string();
    let (first, second) = (day(&lived.thursday), day(&lived.friday));
    let row = |when: &str, what: &str, said: String| fitted(format!("{when:<11}{what:<13}{said}"));
    let night = |night: &Night| {
        let systems = shown::count(night.systems, "system", "systems");
        format!("{systems}, {} read in {:.1} s", shown::size(night.bytes_read), night.seconds)
    };
    let (lost, rehearsal) = (&lived.lost, &lived.rehearsal);
    let rotated = match &lived.rotation {
        Some(disks) => format!("{} to the annexe with R. Elm, {} into the server", disks.gone, disks.come),
        None => "no disk had to move".to_owned(),
    };
    let (files, bytes) = (shown::count(lived.school.files, "file", "files"), shown::size(lived.school.bytes));
    let back = format!("{} and {}", shown::count(rehearsal.files, "file", "files"), shown::size(rehearsal.bytes));
    let quiet = match lived.quiet_nights {
        0 => String::new(),
        nights => format!("after {} ", shown::count(nights, "quiet night", "quiet nights")),
    };
    let entries = shown::count(lived.ledger_entries, "entry", "entries");
    vec![
        "Sample school: all copies are on this computer.".to_owned(),
        fitted(format!("An invented school, Hazel Bank ({files}, {bytes}), lived two days in {:.0} s:", lived.seconds)),
        row(&first, "backed up", night(&lived.first_night)),
        row("", "stored", stored(&lived.first_night)),
        row(&second, "lost", fitted_path(&lost.path)),
        row(
            "",
            "brought back",
            format!("{} from {} in {:.1} s, the same bytes", shown::size(lost.bytes), lost.target, lost.seconds),
        ),
        row("", "worked", worked(&lived.work)),
        row("", "rotated", rotated),
        row("", "backed up", format!("{} in {:.1} s", stored(&lived.second_night), lived.second_night.seconds)),
        row(
            "",
            "rehearsed",
            format!("{} at {}, {back} back in {:.1} s", rehearsal.verdict, rehearsal.level, rehearsal.seconds),
        ),
        row("", "letter", said(&lived.letter)),
        row("now", "status", format!("{quiet}{}, {entries} in the ledger", word(&lived.status))),
    ]
}

/// What a letter says, without the school's name.
fn said(letter: &Letter) -> String {
    let gist = letter.subject.rsplit(" \u{2013} ").next().unwrap_or_default();
    format!("{}, {gist}", word(&letter.status))
}

/// A status as people see it.
fn word(status: &str) -> String {
    status.to_uppercase().replace('-', " ")
}

fn places(lived: &Lived, dir: &Path) -> Vec<String> {
    let at = |name: &Path| shown::path(&dir.join(name));
    vec![
        format!("The letter    {}", at(&lived.letter.page)),
        format!("The evidence  {}", at(&lived.rehearsal.page)),
        format!("The plan      {}  (and runbook/ beside it)", at(Path::new("dr.toml"))),
        String::new(),
    ]
}

/// What can be typed, the most useful first.
fn commands(lived: &Lived, dir: &Path, program: &str) -> Vec<Vec<String>> {
    let program = quoted(program);
    let plan = quoted(&dir.join("dr.toml").to_string_lossy());
    let key = quoted(&dir.join("recovery.key").to_string_lossy());
    let to = format!("--to {}", quoted(&dir.join("mis-again").to_string_lossy()));
    let again = quoted(&dir.to_string_lossy());
    // What was lived ahead of the clock is asked about at its own time.
    // An option and its value are one word here, so that no line ends between them.
    let at = format!("--at {}", lived.last.strftime("%Y-%m-%dT%H:%MZ"));
    let then = if lived.ahead { vec![at.as_str()] } else { Vec::new() };
    let plan = format!("--plan {plan}");
    let about = [program.as_str(), &plan];
    let key = format!("DR_KEY_FILE={key}");
    [
        [&about[..], &then, &["status"]].concat(),
        [&[key.as_str()], &about[..], &["restore", "mis", &to]].concat(),
        [&about[..], &then, &["media", "due"]].concat(),
        [&about[..], &["ledger", "--verify"]].concat(),
        vec![&program, "quickstart", &again, "--again"],
    ]
    .iter()
    .map(|words| folded(words))
    .collect()
}

fn end(lived: &Lived, dir: &Path) -> Vec<String> {
    let key = shown::path(&dir.join("recovery.key"));
    let days = match lived.ahead {
        true => "These days lie ahead of this machine's clock, so dr says \"clock moved\".",
        false => "These days were chosen and not waited for, so dr says \"clock moved\".",
    };
    vec![days.to_owned(), format!("Real schools keep the recovery key elsewhere; here: {key}")]
}

/// A command on as many lines as it needs, each but the last ended so that a shell reads on.
fn folded(words: &[&str]) -> Vec<String> {
    let mut lines = vec![String::from(" ")];
    for word in words {
        let last = lines.len() - 1;
        // Room for the backslash.
        if lines[last].chars().count() + 1 + word.chars().count() + 2 > WIDTH && !lines[last].trim().is_empty() {
            lines[last].push_str(" \\");
            lines.push(String::from("   "));
        }
        let last = lines.len() - 1;
        lines[last].push(' ');
        lines[last].push_str(word);
    }
    lines
}

/// A path of the school, its end if it is long.
fn fitted_path(path: &Path) -> String {
    let (shown, room) = (shown::path(path), WIDTH - 24);
    match shown.chars().count().checked_sub(room) {
        Some(over) if over > 0 => format!("...{}", shown.chars().skip(over + 3).collect::<String>()),
        _ => shown,
    }
}

/// No wider than the screen.
fn fitted(line: String) -> String {
    match line.chars().count() > WIDTH {
        true => format!("{}...", line.chars().take(WIDTH - 3).collect::<String>()),
        false => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_commands_are_folded_so_that_a_shell_reads_them_as_one() {
        assert_eq!(folded(&["dr", "status"]), ["  dr status"]);
        let (program, plan) = ("p".repeat(40), "q".repeat(40));
        let long = [program.as_str(), "--plan", &plan, "status"];
        let lines = folded(&long);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with(" \\") && lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
        let unfolded = lines.join("\n").replace(" \\\n", " ");
        assert_eq!(unfolded.split_whitespace().collect::<Vec<_>>(), long);
    }
}
