//! One program from start to end.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

pub(crate) use crate::event::Event;
use crate::streams::{Output, collect, feed, taken};

/// Where programs are looked for unless the caller gives a `PATH`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How long a program has between being asked to end and being made to.
const GRACE: Duration = Duration::from_secs(5);
/// How long outputs may stay open after the program itself has ended: something it started still holds them.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// What to run. Its `Debug` shows the program's name only.
#[derive(Clone)]
pub struct Program {
    /// The program and its arguments. A name without `/` is looked for in `PATH`.
    pub args: Vec<OsString>,
    /// Its whole environment; `PATH` is given a usual value if it is not among these.
    pub env: Vec<(OsString, OsString)>,
    /// What it reads; `None`: nothing, its input is empty.
    pub stdin: Option<Vec<u8>>,
    /// How long it may take.
    pub timeout: Duration,
    /// How many bytes of each output are kept. The rest is read and dropped.
    pub output_max: usize,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl Program {
    /// The program's name as it may be shown.
    pub(crate) fn name(&self) -> String {
        self.args.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// A program that ended by itself, well or not.
#[derive(Debug)]
pub struct Finished {
    /// Its exit status or the signal that ended it.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: Output,
    /// What it wrote to standard error.
    pub stderr: Output,
}

/// Why there is no exit status.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The argument list is empty.
    #[error("no program was named")]
    NoProgram,
    /// It could not be started.
    #[error("{program} could not be started: {why}")]
    NotStarted {
        /// Its name.
        program: String,
        /// What the operating system said.
        #[source]
        why: io::Error,
    },
    /// It took too long and was ended, with everything in its process group.
    #[error("{program} was ended because it was not done after {} s", after.as_secs_f32())]
    TimedOut {
        /// Its name.
        program: String,
        /// The timeout it was given.
        after: Duration,
        /// The first of what it wrote to standard error until then. It may hold secrets.
        stderr: Output,
    },
    /// It was started, but the operating system does not tell how it ended.
    #[error("nobody knows how {program} ended: {why}")]
    Lost {
        /// Its name.
        program: String,
        /// What the operating system said.
        #[source]
        why: io::Error,
    },
}

/// Runs a program to its end.
///
/// # Errors
/// [`ProcessError`]; an exit status other than 0 is no error here.
pub fn run(program: Program) -> Result<Finished, ProcessError> {
    let name = program.name();
    let lost = |why| ProcessError::Lost { program: name.clone(), why };
    let (mut child, group) = start(&program)?;
    let (events, happened) = channel();
    if let (Some(to), Some(bytes)) = (child.stdin.take(), program.stdin) {
        feed(to, bytes);
    }
    let no_pipe = || lost(io::Error::other("it has no output"));
    let stdout = collect(child.stdout.take().ok_or_else(no_pipe)?, program.output_max, events.clone());
    let stderr = collect(child.stderr.take().ok_or_else(no_pipe)?, program.output_max, events.clone());
    watch(group, events.clone());

    let timer = Timer::start(program.timeout, events.clone());
    let (mut ended, mut open) = (false, 2_u32);
    let mut in_time = true;
    while !ended {
        match happened.recv() {
            Ok(Event::Ended) => ended = true,
            Ok(Event::Closed) => open -= 1,
            Ok(Event::TimeUp) | Err(_) => {
                in_time = false;
                break;
            }
        }
    }
    drop(timer);
    if !in_time {
        end(group, ended, &mut open, &happened, &events);
    }
    let status = child.wait().map_err(lost)?;
    wait_for_outputs(open, &happened, events);
    if !in_time {
        return Err(ProcessError::TimedOut { program: name, after: program.timeout, stderr: taken(&stderr) });
    }
    Ok(Finished { status, stdout: taken(&stdout), stderr: taken(&stderr) })
}

#[expect(clippy::disallowed_methods, reason = "this crate is the one place where programs are started")]
pub(crate) fn start(program: &Program) -> Result<(Child, Pid), ProcessError> {
    let (name, args) = program.args.split_first().ok_or(ProcessError::NoProgram)?;
    let child = Command::new(name)
        .args(args)
        .env_clear()
        .env("PATH", PATH)
        .envs(program.env.iter().map(|(key, value)| (key, value)))
        .stdin(if program.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|why| ProcessError::NotStarted { program: program.name(), why })?;
    let group = Pid::from_child(&child);
    Ok((child, group))
}

/// Tells when the program has ended, without reaping it: until the caller does, nobody gets its number.
pub(crate) fn watch(child: Pid, events: Sender<Event>) {
    thread::spawn(move || {
        while let Err(rustix::io::Errno::INTR) =
            waitid(WaitId::Pid(child), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        {}
        let _ = events.send(Event::Ended);
    });
}

/// Asks the whole group to end, and makes it after a while.
pub(crate) fn end(group: Pid, mut ended: bool, open: &mut u32, happened: &Receiver<Event>, events: &Sender<Event>) {
    let _ = kill_process_group(group, Signal::TERM);
    let timer = Timer::start(GRACE, events.clone());
    while !ended {
        match happened.recv() {
            Ok(Event::Ended) => ended = true,
            Ok(Event::Closed) => *open -= 1,
            Ok(Event::TimeUp) | Err(_) => break,
        }
    }
    drop(timer);
    // Also when the program itself has ended: what it started may not have.
    let _ = kill_process_group(group, Signal::KILL);
}

pub(crate) fn wait_for_outputs(mut open: u32, happened: &Receiver<Event>, events: Sender<Event>) {
    let _timer = Timer::start(LINGER, events);
    while open > 0 {
        match happened.recv() {
            Ok(Event::Closed) => open -= 1,
            Ok(Event::Ended) => {}
            Ok(Event::TimeUp) | Err(_) => break,
        }
    }
}

/// Sends [`Event::TimeUp`] after a while, unless it is dropped first. So no clock is read here.
pub(crate) struct Timer {
    stop: Option<Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Timer {
    pub(crate) fn start(after: Duration, events: Sender<Event>) -> Self {
        let (stop, stopped) = channel::<()>();
        let thread = thread::spawn(move || {
            if stopped.recv_timeout(after) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let _ = events.send(Event::TimeUp);
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
