//! `dr repo backup`: keeps what some paths hold, what comes in on standard input, or what a program writes.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::{Args, ValueEnum};
use dr_entry::{Entries, Entry, EntryPath, Profile, Time, Unread};
use dr_process::Program;
use dr_repo::{BackupOptions, BackupReport, Label, RepoError, Shape, Tally, backup, new_snapshot_id};
use dr_run::clock;
use dr_source::files::{self, Options, Roots};
use dr_source::output::{self, Broken, Output};
use serde_json::{Value, json};

use super::stdin;
use crate::cache::Cache;
use crate::command::look::paths;
use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::failure_text::{self, Operation};
use crate::place::{self, Access, Place};
use crate::{env, observe, shown};

/// Back up paths, or standard input
///
/// One directory: its contents, restored as the contents of another. Several paths or a file: each under its
/// absolute path. What cannot be read is named and left out, and the exit code is then 3; so are attributes, without
/// which the rest is kept. If nothing can be read, no snapshot is made. Not kept: inode flags (`chattr`), and times of
/// creation and of inode change.
#[derive(Args)]
pub struct Backup {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    /// What to back up; with --stdin NAME a program and its arguments, after `--`
    #[arg(value_name = "PATH", required_unless_present = "stdin")]
    paths: Vec<PathBuf>,
    /// Leave out, as a .gitignore would: a name (`*.tmp`), a place below PATH (`/cache`, `profile/cache`), that place
    /// anywhere (`**/profile/cache`); or a whole path that begins as PATH does
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Keep directories where another file system is mounted, but not what is in them
    #[arg(long)]
    one_file_system: bool,
    /// Something to find the snapshot by
    #[arg(long = "tag", value_name = "K=V", value_parser = tag)]
    tags: Vec<(String, String)>,
    /// Back up standard input as a file of this name; or, with `-- PROGRAM ARG…` behind it, what that program writes: it
    /// is kept only if the program ends without an error and wrote something
    #[arg(long, value_name = "NAME", conflicts_with_all = ["exclude", "one_file_system"])]
    stdin: Option<String>,
    /// Keep it also if nothing comes in; without this that is a failure
    #[arg(long, requires = "stdin")]
    allow_empty: bool,
    /// Chunk size profile (default: by each file's size and type)
    #[arg(long, value_name = "PROFILE")]
    profile: Option<Cut>,
    /// `auto`, or a level of zstd from 1 (fast) to 19 (small)
    #[arg(long, value_name = "LEVEL", default_value = "auto", value_parser = level)]
    compression: Level,
}

/// A profile, as it is typed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cut {
    /// 64 KiB on average
    Std,
    /// 16 KiB: dumps, mail, large files that are edited in place
    Fine,
    /// 1 MiB: media that does not compress
    Coarse,
}

/// zstd's level, if it is to be fixed. A type of its own, because clap takes an `Option` for an optional flag.
#[derive(Debug, Clone, Copy)]
struct Level(Option<i32>);

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a tag is a name, `=` and a value, as in why=before-upgrade".into()),
    }
}

/// None: as the target's speed asks for.
fn level(text: &str) -> Result<Level, String> {
    match (text, text.parse()) {
        ("auto", _) => Ok(Level(None)),
        (_, Ok(level @ 1..=19)) => Ok(Level(Some(level))),
        _ => Err("it is `auto` or a level from 1 to 19".into()),
    }
}

/// Entries to be kept, and what they are to be called.
struct StartedCapture {
    entries: Entries<'static>,
    shape: Shape,
    paths: Vec<Vec<u8>>,
    left_out: Option<std::sync::Arc<files::Tally>>,
    /// The repository lies inside of what is backed up, and no pattern says so.
    itself: bool,
    /// What standard input is to be called, whose first bytes are awaited once the repository is open.
    stdin: Option<EntryPath>,
}

fn time_of(started: jiff::Timestamp) -> Time {
    Time { seconds: started.as_second(), nanos: u32::try_from(started.subsec_nanosecond()).unwrap_or(0) }
}

impl Backup {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let started = clock::now();
        let mut taken = self.take(started)?;
        let mut repository = self.place.open(Access::Write, context)?;
        failure_text::single_writer(repository.store(), context.screen);
        let hostname = place::hostname();
        let cache = Cache::of(repository.id(), context.screen);
        let scratch = env::scratch_folder();
        let file_cache = match self.stdin {
            Some(_) => None,
            None => cache.files(&self.described(&hostname, &taken)),
        };
        let label = Label {
            system: String::new(),
            hostname,
            paths: taken.paths.clone(),
            tags: self.tags.iter().cloned().collect::<BTreeMap<_, _>>(),
            started_ms: started.as_millisecond(),
            ..Label::default()
        };
        let tally = Tally::default();
        let capture = BackupOptions {
            snapshot: new_snapshot_id(),
            label,
            shape: taken.shape,
            cache: file_cache.as_deref(),
            journal: cache.journal(),
            scratch: &scratch,
            level: self.compression.0,
            workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            clock: &|| clock::now().as_millisecond(),
            stop: context.signals.stop(),
            tally: &tally,
            prove: false,
        };
        let mut broken = None;
        if let Some(path) = taken.stdin.take() {
            let entry = match self.paths.is_empty() {
                true => self.standard_input(path, context, started)?,
                false => {
                    let broken = broken.insert(Broken::new(context.signals.stop()));
                    self.written_by_a_program(path, started, broken.clone())
                }
            };
            taken.entries = Box::new(std::iter::once(Ok(entry)));
        }
        let entries = std::mem::replace(&mut taken.entries, Box::new(std::iter::empty()));
        let summary = observe::while_shown(context.screen, &tally, observe::backing_up, || {
            backup(&mut repository, entries, &capture)
        })
        .map_err(|e| {
            if let Some(why) = broken.as_ref().and_then(Broken::take) {
                // That was for this backup alone.
                context.signals.stop().store(false, Ordering::Relaxed);
                return Failure::new(Cause::Failed, why.to_string());
            }
            if let RepoError::NothingRead(unread) = &e {
                self.not_backed_up(unread, &taken, context);
            }
            self.failed(&e, context)
        })?;
        for idle in files::idle(&self.exclude, &self.paths) {
            context.screen.note(&format!("--exclude {}: {}", idle.pattern, idle.why));
        }
        if taken.itself {
            let said = "it lies inside of what is backed up, and was left out of it";
            context.screen.note(&format!("{}: {said}", self.place.shown()));
        }
        self.tell(&summary, &taken, context);
        let whole = summary.unreadable.is_empty() && summary.partial.is_empty();
        Ok(Outcome::done().with(!whole, Cause::Missing))
    }

    fn profile(&self) -> Profile {
        match self.profile {
            None => Profile::Auto,
            Some(Cut::Std) => Profile::Std,
            Some(Cut::Fine) => Profile::Fine,
            Some(Cut::Coarse) => Profile::Coarse,
        }
    }

    /// Standard input as an entry. An empty one is what a program leaves that failed, so it is not a backup.
    fn standard_input(
        &self,
        path: EntryPath,
        context: &Context<'_>,
        started: jiff::Timestamp,
    ) -> Result<Entry, Failure> {
        let first = stdin::first(&context.signals).map_err(|why| match context.signals.stopped() {
            true => self.failed(&RepoError::Interrupted, context),
            false => {
                Failure::new(Cause::Failed, format!("standard input cannot be read: {why}. Nothing was backed up."))
            }
        })?;
        if first.is_empty() && !self.allow_empty {
            return Err(Failure::new(
                Cause::Failed,
                "nothing came in on standard input: the program before the pipe probably failed. Nothing was backed up, \
                 and earlier snapshots are untouched. If it may be empty, say --allow-empty.",
            ));
        }
        Ok(stdin::entry(path, self.profile(), time_of(started), context.signals.clone(), first))
    }

    /// What a program writes, whole or not at all.
    fn written_by_a_program(&self, path: EntryPath, started: jiff::Timestamp, broken: Broken) -> Entry {
        let program = Program {
            args: self.paths.iter().map(|word| word.clone().into_os_string()).collect(),
            env: env::to_pass_on(),
            stdin: None,
            // Whoever started it ends it.
            timeout: Duration::MAX,
            output_max: 64 << 10,
        };
        let output = Output { program, may_be_empty: self.allow_empty, broken, watch: None, waiting: None, kept: None };
        output::entry(path, self.profile(), time_of(started), output)
    }

    fn take(&self, started: jiff::Timestamp) -> Result<StartedCapture, Failure> {
        let (at, profile) = (time_of(started), self.profile());
        if let Some(name) = &self.stdin {
            let path = EntryPath::root().join(name.as_bytes()).map_err(|_| {
                Failure::usage(format!(
                    "--stdin {name}: it is the name of a file, without any `/`. Nothing was backed up."
                ))
            })?;
            return Ok(StartedCapture {
                entries: Box::new(std::iter::empty()),
                shape: Shape::Absolute,
                paths: vec![name.as_bytes().to_vec()],
                left_out: None,
                itself: false,
                stdin: Some(path),
            });
        }
        if self
            .paths
            .iter()
            .all(|path| path.symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound))
        {
            let names: Vec<_> = self.paths.iter().map(|path| shown::path(path)).collect();
            return Err(Failure::new(
                Cause::Failed,
                format!(
                    "there is no {}. Nothing was backed up; earlier snapshots are untouched.",
                    names.join(" and no ")
                ),
            ));
        }
        let roots = Roots::of(&self.paths);
        let (places, itself) = self.ours()?;
        let options = Options { exclude: self.exclude.clone(), places, one_file_system: self.one_file_system };
        let captured =
            files::capture(&roots, &options, at).map_err(|e| failure_text::source(&e, Operation::BackingUp))?;
        let shape = match roots {
            Roots::Directory(_) => Shape::Directory,
            Roots::Paths(_) => Shape::Absolute,
        };
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let paths = self.paths.iter().map(|path| absolute(path).as_os_str().as_bytes().to_vec()).collect();
        let entries = captured.entries.map(move |entry| {
            entry.map(|mut entry| {
                entry.profile = profile;
                entry
            })
        });
        Ok(StartedCapture {
            entries: Box::new(entries),
            shape,
            paths,
            left_out: Some(captured.tally),
            itself,
            stdin: None,
        })
    }

    /// What dr itself writes inside of what is backed up, which would grow with each backup; and whether the repository is
    /// among it though no pattern says so.
    fn ours(&self) -> Result<(Vec<PathBuf>, bool), Failure> {
        let repository = self.place.address().folder().map(files::resolved);
        let roots: Vec<PathBuf> = self.paths.iter().map(|path| files::resolved(path)).collect();
        let holds = |root: &&PathBuf| repository.as_ref().is_some_and(|repository| root.starts_with(repository));
        if let Some(inside) = roots.iter().find(holds) {
            return Err(Failure::usage(format!(
                "{} is the repository itself, or lies inside it. Nothing was backed up.",
                shown::path(inside)
            )));
        }
        let cache = env::cache_folder().map(|cache| files::resolved(&cache));
        let inside = |place: &PathBuf| roots.iter().any(|root| place != root && place.starts_with(root));
        let itself = repository.as_ref().filter(|repository| inside(repository)).is_some_and(|repository| {
            let patterns = Options { exclude: self.exclude.clone(), ..Options::default() };
            !files::leaves_out(&self.paths, &patterns, repository).unwrap_or(false)
        });
        let elsewhere = |place: &PathBuf| !roots.contains(place);
        Ok((repository.into_iter().chain(cache).filter(elsewhere).collect(), itself))
    }

    /// What the file cache is of: a table in path order serves one set of paths, taken in one way.
    fn described<'a>(&'a self, hostname: &'a str, taken: &'a StartedCapture) -> Vec<&'a [u8]> {
        let profile: &[u8] = match self.profile {
            None => b"auto",
            Some(Cut::Std) => b"std",
            Some(Cut::Fine) => b"fine",
            Some(Cut::Coarse) => b"coarse",
        };
        let mut words = vec![hostname.as_bytes(), profile, if self.one_file_system { b"one" } else { b"all" }];
        words.extend(taken.paths.iter().map(Vec::as_slice));
        words.push(b"");
        words.extend(self.exclude.iter().map(String::as_bytes));
        words
    }

    fn failed(&self, error: &RepoError, context: &Context<'_>) -> Failure {
        let Failure { cause, message } = failure_text::repo(error, Operation::BackingUp, &context.signals);
        Failure::new(cause, format!("backup to {}: {message}", self.place.shown()))
    }

    fn name(&self, path: &EntryPath, taken: &StartedCapture) -> Vec<u8> {
        match self.stdin {
            Some(_) => path.as_bytes().to_vec(),
            None => paths::on_the_machine(path, &taken.paths, taken.shape),
        }
    }

    fn not_backed_up(&self, unread: &[Unread], taken: &StartedCapture, context: &Context<'_>) {
        for Unread { path, why } in unread {
            context.screen.warning(&format!("not backed up: {}: {why}", shown::name(&self.name(path, taken))));
        }
    }

    fn tell(&self, summary: &BackupReport, taken: &StartedCapture, context: &Context<'_>) {
        let screen = context.screen;
        let excluded = taken.left_out.as_ref().map(|tally| tally.excluded()).unwrap_or_default();
        let mounts = taken.left_out.as_ref().map(|tally| tally.mounts()).unwrap_or_default();
        let name = |path: &EntryPath| self.name(path, taken);
        self.not_backed_up(&summary.unreadable, taken, context);
        for partial in &summary.partial {
            screen.warning(&format!("not wholly backed up: {}: {}", shown::name(&name(&partial.path)), partial.why));
        }
        if let Some(why) = &summary.cache_failed {
            screen.warning(&format!("the backup is whole, but the next one will read every file again: {why}"));
        }
        if let Some(fault) = &summary.distrusted {
            let place = self.place.shown();
            screen.warning(&format!(
                "{} in {place}: {}; so nothing of what was there was relied on, and this backup took the room of a first \
                 one. `dr repo repair {place}` with the recovery key ends that",
                fault.object, fault.what
            ));
        }
        if !summary.lacking.is_empty() {
            screen.warning(&format!(
                "{} that earlier snapshots may rely on: missing or damaged. This snapshot is whole: what was lost of it was stored again. `dr repo check` says what it costs earlier ones, `dr repo repair` mends what can be mended",
                shown::count(summary.lacking.len() as u64, "pack", "packs")
            ));
        }
        if screen.is_verbose() {
            for lacking in &summary.lacking {
                screen.note(&format!("{}: {}", lacking.object, lacking.what));
            }
            for path in &mounts {
                screen.note(&format!("another file system, not gone into: {}", shown::name(&name(path))));
            }
            for path in &summary.unsettled {
                screen.note(&format!("changed while it was read: {}", shown::name(&name(path))));
            }
        }
        let details = |unread: &[Unread]| -> Vec<Value> {
            unread.iter().map(|unread| shown::with_why(&name(&unread.path), &unread.why)).collect()
        };
        screen.event(&json!({
            "event": "summary",
            "snapshot": summary.snapshot.to_string(),
            "entries": summary.entries,
            "files": summary.files,
            "bytes": summary.bytes,
            "bytes_read": summary.bytes_read,
            "bytes_stored": summary.bytes_stored,
            "objects": summary.objects,
            "unreadable": summary.unreadable.iter().map(|unread| shown::text(&name(&unread.path))).collect::<Vec<_>>(),
            "unreadable_details": details(&summary.unreadable),
            "partial": details(&summary.partial),
            "changed_while_read": summary.unsettled.len(),
            "changed": summary.unsettled.iter().map(|path| shown::text(&name(path))).collect::<Vec<_>>(),
            "excluded": excluded,
            "mounts": mounts.iter().map(|path| shown::text(&name(path))).collect::<Vec<_>>(),
            "adopted_packs": summary.adopted,
            "lacking_packs": summary.lacking.iter().map(|one| &one.object).collect::<Vec<_>>(),
            "distrusted": summary.distrusted.as_ref().map(|fault| json!({ "object": fault.object, "what": fault.what })),
        }));
        let mut line = format!(
            "snapshot {}: {}, {}; {} read, {} stored",
            &summary.snapshot.to_string()[..8],
            shown::count(summary.entries, "entry", "entries"),
            shown::size(summary.bytes),
            shown::size(summary.bytes_read),
            shown::size(summary.bytes_stored),
        );
        if summary.adopted > 0 {
            line += &format!("; {} of an interrupted run taken up", shown::count(summary.adopted, "pack", "packs"));
        }
        if excluded > 0 {
            line += &format!("; {} left out as asked", shown::count(excluded, "name", "names"));
        }
        if !mounts.is_empty() {
            line += &format!("; {} not gone into, as asked", shown::count(mounts.len() as u64, "mount", "mounts"));
        }
        if !summary.unsettled.is_empty() {
            line += &format!("; {} changed while read", shown::count(summary.unsettled.len() as u64, "file", "files"));
        }
        match summary.unreadable.len() {
            0 => {}
            1 => line += "; 1 entry could not be read and is not in it",
            many => line += &format!("; {many} entries could not be read and are not in it"),
        }
        if !summary.partial.is_empty() {
            let entries: BTreeSet<_> = summary.partial.iter().map(|partial| &partial.path).collect();
            line += &format!("; {} not wholly in it", shown::count(entries.len() as u64, "entry", "entries"));
        }
        screen.mention(&line);
    }
}
