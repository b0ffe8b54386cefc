//! A program whose output is read while it runs, without a copy anywhere, and whose end is asked for before that counts.

use std::io;
use std::os::fd::AsFd as _;
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::process::Pid;

use crate::input::Input;
use crate::pipe::LOOK;
pub(crate) use crate::pipe::{Waited, wait};
use crate::program::{Event, Finished, LINGER, ProcessError, Program, Timer, end, start, wait_for_outputs, watch};
use crate::streams::{Output, Shared, collect, taken};

/// A program that runs. Dropped before it ended, it is ended with everything in its process group.
pub struct Stream {
    name: String,
    timeout: Duration,
    child: Child,
    group: Pid,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: Shared,
    events: Sender<Event>,
    happened: Receiver<Event>,
    timer: Option<Timer>,
    /// It ended, and may not be reaped yet.
    ended: bool,
    /// Outputs that are collected and still open.
    open: u32,
    time_up: bool,
    done: bool,
}

/// Why there is nothing more to read, or no exit status.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// Somebody wanted it to end.
    #[error("it was ended because somebody wanted that")]
    Stopped,
    /// As for every program.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It ended, and its output was not closed.
    #[error("{program} ended, and something that it had started still held its output")]
    Held {
        /// Its name.
        program: String,
    },
    /// Its output cannot be read, or its input not written.
    #[error("what {program} says cannot be read: {why}")]
    Pipe {
        /// Its name.
        program: String,
        /// What the operating system said.
        #[source]
        why: io::Error,
    },
}

impl Stream {
    /// Starts a program. If it has something to read, its input stays open after that until [`Stream::hang_up`].
    ///
    /// # Errors
    /// As [`crate::run`], and if it does not take what it has to read.
    pub fn start(program: Program) -> Result<Self, StreamError> {
        let name = program.name();
        let (mut child, group) = start(&program)?;
        let (events, happened) = channel();
        let no_pipe = || ProcessError::Lost { program: name.clone(), why: io::Error::other("it has no output") };
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or_else(no_pipe)?;
        let stderr = child.stderr.take().ok_or_else(no_pipe)?;
        let stderr = collect(stderr, program.output_max, events.clone());
        watch(group, events.clone());
        let timer = Some(Timer::start(program.timeout, events.clone()));
        let mut stream = Self {
            name,
            timeout: program.timeout,
            child,
            group,
            stdin,
            stdout,
            stderr,
            events,
            happened,
            timer,
            ended: false,
            open: 1,
            time_up: false,
            done: false,
        };
        if let Some(first) = program.stdin {
            stream.say(&first)?;
        }
        Ok(stream)
    }

    /// Writes to its input, which must not be more than it reads before it answers.
    ///
    /// # Errors
    /// If it does not take it.
    pub fn say(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        use std::io::Write as _;
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        let written = stdin.write_all(bytes).and_then(|()| stdin.flush());
        written.map_err(|why| StreamError::Pipe { program: self.name.clone(), why })
    }

    /// Its input, for who writes it piece by piece; closed when that is dropped.
    ///
    /// # Errors
    /// If it has none any more.
    pub fn input(&mut self, stop: &Arc<AtomicBool>) -> Result<Input, StreamError> {
        let none = || io::Error::other("its input is closed");
        let pipe = self.stdin.take().ok_or_else(none).and_then(|pipe| Input::new(pipe, Arc::clone(stop)));
        pipe.map_err(|why| StreamError::Pipe { program: self.name.clone(), why })
    }

    /// Closes its input.
    pub fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// Reads on; 0 at the end. Looks up now and then whether `stop` was set.
    ///
    /// # Errors
    /// [`StreamError`]; it should be dropped then.
    pub fn read(&mut self, buffer: &mut [u8], stop: &AtomicBool) -> Result<usize, StreamError> {
        let mut quiet = Duration::ZERO;
        loop {
            self.look(stop)?;
            let pipe = |why: Errno| StreamError::Pipe { program: self.name.clone(), why: why.into() };
            match wait(self.stdout.as_fd(), PollFlags::IN).map_err(pipe)? {
                Waited::Ready => {}
                Waited::Quiet if self.ended => {
                    quiet += LOOK;
                    if quiet >= LINGER {
                        return Err(StreamError::Held { program: self.name.clone() });
                    }
                    continue;
                }
                Waited::Quiet | Waited::Interrupted => continue,
            }
            match rustix::io::read(self.stdout.as_fd(), &mut *buffer) {
                Err(Errno::INTR) => {}
                other => return other.map_err(pipe),
            }
        }
    }

    /// Waits for its end and says how it ended; its output is not read any more.
    ///
    /// # Errors
    /// If its time was up, somebody wanted it to end, or nobody knows how it ended.
    pub fn finish(mut self, stop: &AtomicBool) -> Result<Finished, StreamError> {
        self.end(stop)
    }

    /// As [`Stream::finish`], for who cannot give it away; nothing is to be read after that.
    ///
    /// # Errors
    /// As there.
    pub fn end(&mut self, stop: &AtomicBool) -> Result<Finished, StreamError> {
        self.stdin = None;
        while !self.ended {
            self.look(stop)?;
            match self.happened.recv_timeout(LOOK) {
                Ok(event) => self.note(&event),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        self.timer = None;
        self.done = true;
        let lost = |why| ProcessError::Lost { program: self.name.clone(), why };
        let status = self.child.wait().map_err(lost)?;
        wait_for_outputs(self.open, &self.happened, self.events.clone());
        Ok(Finished { status, stdout: Output::default(), stderr: taken(&self.stderr) })
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        while let Ok(event) = self.happened.try_recv() {
            self.note(&event);
        }
        self.ended
    }

    fn look(&mut self, stop: &AtomicBool) -> Result<(), StreamError> {
        while let Ok(event) = self.happened.try_recv() {
            self.note(&event);
        }
        if stop.load(Ordering::Relaxed) {
            return Err(StreamError::Stopped);
        }
        if self.time_up {
            let stderr = taken(&self.stderr);
            let (program, after) = (self.name.clone(), self.timeout);
            return Err(ProcessError::TimedOut { program, after, stderr }.into());
        }
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Ended => self.ended = true,
            Event::Closed => self.open = self.open.saturating_sub(1),
            Event::TimeUp => self.time_up = true,
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        self.timer = None;
        self.stdin = None;
        end(self.group, self.ended, &mut self.open, &self.happened, &self.events);
        let _ = self.child.wait();
    }
}
