//! How is what a program writes captured, whole or not at all?
//!
//! The program is started when its contents are opened, its output is read while it runs, without a copy on disk, and its
//! exit status is asked for before the entry counts. Whatever goes wrong ends the whole capture: a dump that was cut off
//! looks like a dump.

use std::any::Any;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use dr_entry::{Body, Content, Entry, EntryPath, Kind, Piece, Profile, Settled, Time};
use dr_process::{Finished, ProcessError, Program, Stream, StreamError};

use crate::{SourceError, facts};

/// A program that is waited for is read in such pieces.
const FRONT: usize = 4 << 10;
/// So much of what a program says is told to a person.
const SAID_MAX: usize = 400;

/// Why a capture that had begun must not be kept, and how it is ended.
#[derive(Clone)]
pub struct Broken {
    why: Arc<Mutex<Option<SourceError>>>,
    stop: Arc<AtomicBool>,
}

impl Broken {
    /// Of a capture that ends when `stop` is set.
    #[must_use]
    pub fn new(stop: &Arc<AtomicBool>) -> Self {
        Self { why: Arc::default(), stop: Arc::clone(stop) }
    }

    /// The reason, if there is one.
    #[must_use]
    pub fn take(&self) -> Option<SourceError> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends the capture. The first reason is the one.
    pub(crate) fn set(&self, why: SourceError) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Ends the capture for want of a part of it, unless it had been ended before.
    pub(crate) fn missing(&self, program: &str, why: &str) {
        if !self.stop.load(Ordering::Relaxed) {
            self.set(SourceError::Program { program: program.to_owned(), why: why.to_owned() });
        }
    }

    /// Ends the capture unless somebody had ended it before.
    fn broke(&self, program: &str, why: &StreamError) -> io::Error {
        if !matches!(why, StreamError::Stopped) {
            self.set(failed(program, why));
        }
        io::Error::other(why.to_string())
    }
}

/// What a program writes, as the contents of a file.
pub struct Output {
    /// What is run.
    pub program: Program,
    /// Whether it may write nothing.
    pub may_be_empty: bool,
    /// What is told if it fails.
    pub broken: Broken,
    /// Who looks at it while it passes.
    pub watch: Option<Box<dyn OutputWatch>>,
    /// Who waits for it to have ended well, and for the number of its bytes.
    pub waiting: Option<Sender<u64>>,
    /// What must stay until it has ended: a file that it reads, a session that it needs.
    pub kept: Option<Arc<dyn Any + Send + Sync>>,
}

/// Looks at what a program writes while it passes.
pub trait OutputWatch: Send {
    /// The next piece.
    fn passes(&mut self, bytes: &[u8]);

    /// Whether the moment is fixed of which the program writes.
    fn has_begun(&self) -> bool;

    /// The program ended well, and that was all.
    ///
    /// # Errors
    /// Why it is not whole.
    fn ended(self: Box<Self>) -> Result<(), String>;
}

/// An entry at `path` for what a program writes.
#[must_use]
pub fn entry(path: EntryPath, profile: Profile, at: Time, output: Output) -> Entry {
    held(path, profile, at, Box::new(output))
}

fn held(path: EntryPath, profile: Profile, at: Time, body: Box<dyn Body>) -> Entry {
    let mut meta = facts::ours(Kind::File, 0o600);
    meta.mtime = at;
    Entry { path, meta, stamp: None, profile, body: Some(body) }
}

/// The same for a program that runs already: it is read until its moment is fixed, so that whatever is read after this is
/// not older. Then it waits until somebody reads on.
pub(crate) fn begun(path: EntryPath, profile: Profile, at: Time, output: Output) -> Result<Entry, SourceError> {
    let name = named(&output.program);
    let stop = Arc::clone(&output.broken.stop);
    let mut running = output.run().map_err(|why| failed(&name, &why))?;
    while !running.watch.as_ref().is_none_or(|watch| watch.has_begun()) {
        let mut buffer = vec![0; FRONT];
        let Some(stream) = &mut running.running else { break };
        match stream.read(&mut buffer, &stop).map_err(|why| failed(&name, &why))? {
            // Why it ended is asked for when it was read.
            0 => break,
            count => {
                running.passed(&buffer[..count]);
                running.front.extend_from_slice(&buffer[..count]);
            }
        }
    }
    Ok(held(path, profile, at, Box::new(running)))
}

/// The name of a program without its folder.
#[must_use]
pub(crate) fn named(program: &Program) -> String {
    let name = program.args.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Why there is nothing of a program.
pub(crate) fn failed(program: &str, why: &StreamError) -> SourceError {
    let why = match why {
        StreamError::Process(ProcessError::NotStarted { why, .. }) => format!("it could not be started: {why}"),
        other => other.to_string(),
    };
    SourceError::Program { program: program.to_owned(), why }
}

/// That a program ended well, and if not what it said last.
pub(crate) fn ended_well(program: &str, finished: &Finished) -> Result<(), SourceError> {
    if finished.status.success() {
        return Ok(());
    }
    let why = format!("it failed ({}){}", finished.status, said(&finished.stderr.bytes));
    Err(SourceError::Program { program: program.to_owned(), why })
}

/// The last lines of what a program said about itself, in one.
pub(crate) fn said(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(3)..].join("; ");
    let start = last.char_indices().rev().nth(SAID_MAX - 1).map_or(0, |(at, _)| at);
    let shown = dr_entry::shown_without(&last.as_bytes()[start..], |c| c.is_control() || dr_plan::is_hidden(c));
    if shown.is_empty() { String::new() } else { format!(", and said: {shown}") }
}

impl Output {
    fn run(self) -> Result<Running, StreamError> {
        let Self { program, may_be_empty, broken, watch, waiting, kept } = self;
        let name = named(&program);
        let running = Some(Stream::start(program)?);
        Ok(Running { name, running, front: Vec::new(), may_be_empty, broken, watch, waiting, _kept: kept, bytes: 0 })
    }
}

impl Body for Output {
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        let (name, broken) = (named(&self.program), self.broken.clone());
        if broken.stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(Box::new(self.run().map_err(|why| broken.broke(&name, &why))?))
    }
}

impl Body for Running {
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        Ok(self)
    }
}

/// What a program that runs writes.
struct Running {
    name: String,
    running: Option<Stream>,
    /// What was read before anybody asked.
    front: Vec<u8>,
    may_be_empty: bool,
    broken: Broken,
    watch: Option<Box<dyn OutputWatch>>,
    waiting: Option<Sender<u64>>,
    _kept: Option<Arc<dyn Any + Send + Sync>>,
    bytes: u64,
}

impl Running {
    fn passed(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if let Some(watch) = &mut self.watch {
            watch.passes(bytes);
        }
    }
}

impl Content for Running {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        if !self.front.is_empty() {
            let count = self.front.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.front[..count]);
            self.front.drain(..count);
            return Ok(Piece::Data(count));
        }
        let Some(running) = &mut self.running else { return Ok(Piece::End) };
        match running.read(buffer, &self.broken.stop) {
            Ok(0) => Ok(Piece::End),
            Ok(count) => {
                self.passed(&buffer[..count]);
                Ok(Piece::Data(count))
            }
            Err(why) => Err(self.broken.broke(&self.name, &why)),
        }
    }

    fn settle(&mut self) -> io::Result<Settled> {
        let Some(running) = self.running.take() else { return Ok(Settled::Unchanged) };
        let finished = running.finish(&self.broken.stop).map_err(|why| self.broken.broke(&self.name, &why))?;
        let well = ended_well(&self.name, &finished).and_then(|()| match self.bytes {
            0 if !self.may_be_empty => {
                let why = format!("it wrote nothing, though it ended without an error{}", said(&finished.stderr.bytes));
                Err(SourceError::Program { program: self.name.clone(), why })
            }
            _ => Ok(()),
        });
        let well = well.and_then(|()| match self.watch.take() {
            Some(watch) => watch.ended().map_err(|why| SourceError::Program { program: self.name.clone(), why }),
            None => Ok(()),
        });
        if let Err(why) = well {
            let told = why.to_string();
            self.broken.set(why);
            return Err(io::Error::other(told));
        }
        if let Some(waiting) = self.waiting.take() {
            // Nobody waits any more where the capture was given up.
            let _ = waiting.send(self.bytes);
        }
        Ok(Settled::Unchanged)
    }
}
