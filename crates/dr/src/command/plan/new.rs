//! `dr plan new`: eight questions, and a plan of the school's own that can be kept.

use std::collections::VecDeque;
use std::fs;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;
use dr_plan::{Finding, Severity, lint, parse};
use dr_run::{Clock, refuse_if_others_can_write};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;

use super::run_failure;
use crate::context::Context;
use crate::env;
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;
use dr_setup::first_plan::questions::{Asks, Question};
use dr_setup::first_plan::{machine, propose, questions, written};

/// Write a first plan from eight questions
///
/// Looks for folders, databases, mail, mounted places and disks on this machine and proposes an answer to each
/// question; Enter takes it. Writes a new file that lints without an error, and never over another. Where nobody sits
/// at a terminal, the answers are the lines of --answers or of standard input, in order: an empty line is what is
/// proposed, a line that begins with # is none.
#[derive(Args)]
pub struct New {
    /// The plan to write; default --plan, for root /etc/dr/dr.toml, else ./dr.toml
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Answers, one a line
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Look for systems and places in this folder, instead of /srv, /home, /var/www and /var/vmail
    #[arg(long, value_name = "DIR")]
    look: Vec<PathBuf>,
}

impl New {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let (screen, file) = (context.screen, self.place(context)?);
        refuse_if_useless(&file)?;
        let mut asked = self.asked(context)?;
        let only: Vec<PathBuf> = self.look.iter().filter_map(|folder| std::path::absolute(folder).ok()).collect();
        let facts = machine::look(&only);
        screen.note(&format!(
            "Eight questions, then {} is written. An empty answer takes what stands in [brackets].",
            shown::path(&file)
        ));
        screen.note(&found(propose::systems(&facts).len(), facts.mounts.len(), facts.disks.len()));
        let mut answers = questions::put(&facts, &mut asked)?;
        let (text, warnings) = loop {
            let text = written::plan(&answers);
            match judged(&text, &file) {
                Ok(warnings) => break (text, warnings),
                Err(why) if asked.again() => {
                    screen.warning(&format!(
                        "That plan could not be kept:\n{why}\nSo once more from the fifth question."
                    ));
                    questions::put_what_and_where(&facts, &mut asked, &mut answers)?;
                }
                Err(why) => {
                    return Err(Failure::usage(format!(
                        "these answers make a plan that cannot be kept, so nothing was written:\n{why}"
                    )));
                }
            }
        };
        write(&file, &text).map_err(|error| run_failure(error, context))?;
        tell(context, &file, &answers.systems, &warnings);
        Ok(Outcome::done())
    }

    fn place(&self, context: &Context<'_>) -> Result<PathBuf, Failure> {
        match (&self.file, context.global.plans.as_slice()) {
            (Some(file), []) => Ok(file.clone()),
            (None, [plan]) => Ok(plan.clone()),
            (None, []) => Ok(usual()),
            _ => Err(Failure::usage("name one file for the new plan")),
        }
    }

    fn asked<'a>(&self, context: &'a Context<'a>) -> Result<Asked<'a>, Failure> {
        let text = match &self.answers {
            Some(file) => fs::read_to_string(file)
                .map_err(|why| Failure::usage(format!("the answers in {} cannot be read: {why}", shown::path(file))))?,
            None if std::io::stdin().is_terminal() => return Ok(Asked { context, lines: None }),
            None => {
                let mut text = String::new();
                let read = std::io::stdin().read_to_string(&mut text);
                read.map_err(|why| Failure::usage(format!("the answers on standard input cannot be read: {why}")))?;
                text
            }
        };
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        Ok(Asked { context, lines: Some(lines.map(|line| line.trim().to_owned()).collect()) })
    }
}

/// Where a plan is looked for first.
fn usual() -> PathBuf {
    if rustix::process::geteuid().is_root() { "/etc/dr/dr.toml".into() } else { "dr.toml".into() }
}

fn found(systems: usize, mounts: usize, disks: usize) -> String {
    let count = |n: usize, one, many| shown::count(n as u64, one, many);
    format!(
        "Found here: {}, {} for copies, {}.\n",
        count(systems, "system to back up", "systems to back up"),
        count(mounts, "mounted place", "mounted places"),
        count(disks, "disk that can be unplugged", "disks that can be unplugged"),
    )
}

/// Before anybody answers anything.
fn refuse_if_useless(file: &Path) -> Result<(), Failure> {
    if file.symlink_metadata().is_ok() {
        return Err(Failure::usage(format!(
            "{} is there already and is not written over. Name another file, or look at it with `dr --plan {0} plan check`.",
            shown::path(file)
        )));
    }
    let folder = folder_of(file);
    match fs::metadata(folder) {
        Ok(about) if about.mode() & 0o022 != 0 => Err(Failure::usage(format!(
            "others can write to {}: a plan there would be refused, for it names what runs with your rights. Name a file in a \
             folder of your own.",
            shown::path(folder)
        ))),
        _ => Ok(()),
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The plan's warnings; or why it cannot be kept, and what to answer otherwise.
fn judged(text: &str, file: &Path) -> Result<Vec<Finding>, String> {
    let plan = parse(text, &file.to_string_lossy())
        .map_err(|problems| problems.iter().map(|problem| format!("- {problem}\n")).collect::<String>())?;
    let whole = std::path::absolute(file).map_err(|why| why.to_string())?;
    let plan = plan.resolve(folder_of(&whole));
    let today = Clock::real().decided().to_zoned(plan.school.timezone.clone()).date();
    let findings = lint(&plan, today);
    let errors: Vec<&Finding> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    if errors.is_empty() {
        return Ok(findings);
    }
    let told = |finding: &&Finding| format!("- {}\n  {}\n", finding.reason, otherwise(finding.rule));
    Err(errors.iter().map(told).collect::<String>().trim_end().to_owned())
}

/// What to answer instead.
fn otherwise(rule: &str) -> &'static str {
    match rule {
        "off-site" => {
            "Question 7: a folder outside the school. Or question 8: some disks, and question 4: who carries them."
        }
        "custodian" => "Question 4: who carries the disks. Or question 8: none.",
        "overlap" => "Questions 5 to 8: systems and places for copies must not lie inside one another.",
        _ => "Answer otherwise, or write the plan by hand.",
    }
}

/// A new file that only its owner can write, in a folder that is made if it is missing.
fn write(file: &Path, text: &str) -> Result<(), dr_run::RunError> {
    let local = |what| move |source| dr_run::RunError::Local { what, path: file.to_owned(), source };
    let folder = folder_of(file);
    fs::DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(local("cannot make the folder of"))?;
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(file);
    let mut made = made.map_err(local("cannot write"))?;
    let written = made.write_all(text.as_bytes()).and_then(|()| made.sync_all()).map_err(local("cannot write"));
    let good = written.and_then(|()| refuse_if_others_can_write(file));
    if good.is_err() {
        // Half a plan, or one that would be refused, helps nobody.
        let _ = fs::remove_file(file);
    }
    good
}

fn tell(context: &Context<'_>, file: &Path, systems: &[propose::System], warnings: &[Finding]) {
    let (screen, program) = (context.screen, env::called_as());
    let dr = if file == usual() { program } else { format!("{program} --plan {}", quoted(file)) };
    let next = [
        format!("{dr} init --recovery-key-out dr-recovery.key"),
        format!("{dr} run"),
        format!("DR_KEY_FILE=dr-recovery.key {dr} restore --rehearse"),
    ];
    let shown = shown::path(file);
    screen.document(&json!({
        "plan": shown,
        "systems": systems.iter().map(|system| json!({ "id": system.id, "source": system.source })).collect::<Vec<_>>(),
        "findings": warnings.iter().map(|f| json!({ "rule": f.rule, "system": f.system, "reason": f.reason })).collect::<Vec<_>>(),
        "next": next,
    }));
    screen.say(&format!("{shown} is written: {}.", shown::count(systems.len() as u64, "system", "systems")));
    for finding in warnings {
        screen.say(&format!("To think about: {} [{}]", finding.reason, finding.rule));
    }
    screen.say("Next: the keys and the repositories; a first backup; the proof that it comes back.");
    next.iter().for_each(|command| screen.say(&format!("  {command}")));
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    dr_process::quoted(&path.to_string_lossy())
}

/// Somebody at the terminal, or lines.
struct Asked<'a> {
    context: &'a Context<'a>,
    lines: Option<VecDeque<String>>,
}

impl Asked<'_> {
    /// Whether the same can be asked once more.
    fn again(&self) -> bool {
        self.lines.is_none()
    }
}

impl Asks for Asked<'_> {
    type End = Failure;

    fn ask(&mut self, question: &Question) -> Result<String, Failure> {
        let screen = self.context.screen;
        for line in wrapped(&format!("{}. {}", question.number, question.text), "") {
            screen.note(&line);
        }
        for line in wrapped(&question.because, "   ") {
            screen.note(&line);
        }
        if let Some(proposed) = &question.proposed {
            // A list of systems is read line by line, whatever their length.
            screen.note(&format!("   [{}]", proposed.replace(", ", ",\n    ")));
        }
        match &mut self.lines {
            None => typed(self.context),
            Some(lines) => {
                let line = lines.pop_front().unwrap_or_default();
                screen.note(&format!("> {line}\n"));
                Ok(line)
            }
        }
    }

    fn wrong(&mut self, question: &Question, why: &str) -> Result<(), Failure> {
        if self.lines.is_some() {
            return Err(Failure::usage(format!(
                "question {}, {} The answer does not do: {why}. Nothing was written.",
                question.number, question.text
            )));
        }
        self.context.screen.warning(why);
        Ok(())
    }
}

/// Lines of at most 80 columns.
fn wrapped(text: &str, indent: &str) -> Vec<String> {
    let mut lines = vec![indent.to_owned()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if line.trim().is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= 80 {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(format!("{indent}{word}"));
        }
    }
    lines
}

/// A line from the terminal. A signal from elsewhere, or Ctrl-C, ends the asking.
fn typed(context: &Context<'_>) -> Result<String, Failure> {
    let failed = |why: rustix::io::Errno| {
        Failure::new(Cause::Failed, format!("the terminal cannot be asked: {why}. Nothing was written."))
    };
    let stdin = rustix::stdio::stdin();
    let mut line = Vec::new();
    loop {
        if context.signals.stopped() {
            return Err(Failure::new(context.signals.cause(), "interrupted, as asked. Nothing was written."));
        }
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 200_000_000 })) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(why) => return Err(failed(why)),
        }
        let mut byte = [0];
        match rustix::io::read(stdin, &mut byte) {
            Ok(0) if line.is_empty() => {
                return Err(Failure::usage("there are no more answers. Nothing was written."));
            }
            Ok(1) if byte[0] != b'\n' => line.push(byte[0]),
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(why) => return Err(failed(why)),
        }
    }
    let text = String::from_utf8(line).map_err(|_| Failure::usage("that answer is not text. Nothing was written."))?;
    context.screen.note("");
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_questions_are_broken_at_80_columns_and_paths_are_quoted_for_a_shell() {
        let lines = wrapped(&"word ".repeat(40), "   ");
        assert!(lines.len() > 2 && lines.iter().all(|line| line.len() <= 80 && line.starts_with("   ")));
        assert_eq!(quoted(Path::new("/etc/dr/dr.toml")), "/etc/dr/dr.toml");
        assert_eq!(quoted(Path::new("/srv/St Ann's/dr.toml")), r"'/srv/St Ann'\''s/dr.toml'");
    }
}
