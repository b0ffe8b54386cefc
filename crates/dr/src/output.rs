//! The screen: the one place that prints. Answers go to standard output, everything else to standard error.

use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Stdout, Write};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::env;
use crate::exit::{Cause, Failure};
use crate::options::{Color, Global};
use crate::shown;

/// Where a command says what it has to say.
pub struct Screen {
    json: bool,
    quiet: bool,
    verbose: bool,
    /// Standard error has lines of the log, which a line that changes would cross.
    logs: bool,
    color: bool,
    out: Mutex<Out>,
}

struct Out {
    to: To,
    /// Standard output takes no more: the reader has gone away, which is his right, or something is wrong.
    closed: Option<io::Error>,
}

/// Where answers go.
enum To {
    Stdout(BufWriter<Stdout>),
    /// To whoever typed the command inside dr.
    Kept(Vec<u8>),
}

impl Write for To {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::Kept(kept) => kept.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::Kept(_) => Ok(()),
        }
    }
}

impl Screen {
    pub fn new(global: &Global) -> Self {
        Self::with(global, To::Stdout(BufWriter::new(io::stdout())))
    }

    /// One that keeps answers for [`Screen::into_kept`]; everything else goes to standard error as ever.
    pub fn kept(global: &Global) -> Self {
        Self::with(global, To::Kept(Vec::new()))
    }

    /// The answers so far.
    pub fn into_kept(self) -> Vec<u8> {
        match self.out.into_inner().unwrap_or_else(PoisonError::into_inner).to {
            To::Stdout(_) => Vec::new(),
            To::Kept(bytes) => bytes,
        }
    }

    fn with(global: &Global, to: To) -> Self {
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => io::stderr().is_terminal() && env::path("NO_COLOR").is_none(),
        };
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose > 0,
            logs: global.verbose > 1,
            color,
            out: Mutex::new(Out { to, closed: None }),
        }
    }

    /// Whether answers are to be JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether more is wanted than usual.
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Whether progress is to be shown at all.
    pub fn shows_progress(&self) -> bool {
        !self.quiet && !self.json && !self.logs
    }

    /// A line of an answer for a person; nothing where the answer is JSON.
    pub fn say(&self, line: &str) {
        if !self.json {
            self.print(shown::line(line).as_bytes());
            self.print(b"\n");
        }
    }

    /// As [`Screen::say`], and nothing with `--quiet`: what one may like to know of something that went well.
    pub fn mention(&self, line: &str) {
        if !self.quiet {
            self.say(line);
        }
    }

    /// The whole answer as one document; nothing where the answer is for a person.
    pub fn document(&self, value: &impl Serialize) {
        if self.json {
            self.json_line(value);
        }
    }

    /// One JSON object on a line of its own, seen at once; nothing where the answer is for a person.
    pub fn event(&self, value: &impl Serialize) {
        if self.json {
            self.json_line(value);
            self.flush();
        }
    }

    fn json_line(&self, value: &impl Serialize) {
        match serde_json::to_vec(value) {
            Ok(mut line) => {
                line.push(b'\n');
                self.print(&line);
            }
            Err(why) => self.out().closed = Some(why.into()),
        }
    }

    /// Bytes of an answer as they are.
    pub fn print(&self, bytes: &[u8]) {
        let out = &mut *self.out();
        if out.closed.is_none() {
            out.closed = out.to.write_all(bytes).err();
        }
    }

    fn flush(&self) {
        let out = &mut *self.out();
        if out.closed.is_none() {
            out.closed = out.to.flush().err();
        }
    }

    /// Whether nobody reads on, so that a long answer can end.
    pub fn is_closed(&self) -> bool {
        self.out().closed.is_some()
    }

    /// Ends the answer. A reader who has gone away had what he wanted.
    ///
    /// # Errors
    /// If a part of the answer could not be written.
    pub fn close(&self) -> io::Result<()> {
        self.flush();
        match self.out().closed.take() {
            Some(why) if why.kind() != ErrorKind::BrokenPipe => Err(why),
            _ => Ok(()),
        }
    }

    /// Something on the way; nothing with `--quiet`.
    pub fn note(&self, line: &str) {
        if !self.quiet {
            self.tell("", "", line);
        }
    }

    /// Something that is not as it should be, though the command goes on.
    pub fn warning(&self, line: &str) {
        self.tell("\x1b[33m", "warning: ", line);
    }

    /// Why the command does not do what was asked.
    pub fn error(&self, line: &str) {
        self.tell("\x1b[31m", "error: ", line);
    }

    /// A failure, for a person and for a script.
    pub fn failure(&self, failure: &Failure) {
        self.error(&failure.message);
        self.event(&error_object(failure.cause, &failure.message));
    }

    fn tell(&self, color: &str, prefix: &str, line: &str) {
        let end = if self.color && !color.is_empty() { "\x1b[0m" } else { "" };
        let color = if self.color { color } else { "" };
        // If standard error is gone, there is nobody to tell that.
        let _ = writeln!(io::stderr().lock(), "{color}{prefix}{end}{}", shown::line(line));
    }

    fn out(&self) -> std::sync::MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a script gets where something failed.
fn error_object(cause: Cause, message: &str) -> serde_json::Value {
    serde_json::json!({ "event": "error", "code": cause.code(), "message": message })
}

/// The command line could not be read. Whoever asked for JSON gets an object as for every other failure.
pub fn usage_for_scripts(message: &str) {
    let asked = |word: &std::ffi::OsString| word == "--json";
    if std::env::args_os().take_while(|word| word != "--").any(|word| asked(&word)) {
        let _ = writeln!(io::stdout().lock(), "{}", error_object(Cause::Usage, message.trim_end()));
    }
}

/// For who asked for a closed room, before there is a screen.
pub fn no_room(why: &str) {
    let _ = writeln!(io::stderr().lock(), "{why}");
}

/// Lines of the log are lost; what dr does goes on.
pub fn tell_of_a_lost_log(why: &io::Error) {
    let _ = writeln!(io::stderr().lock(), "warning: the log cannot be written: {why}; dr goes on without it");
}

/// A fault of ours is one sentence, not a screen full of frames.
pub fn tell_of_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
        let what = panic.payload_as_str().unwrap_or("no reason given");
        let _ = writeln!(
            io::stderr().lock(),
            "error: dr has met a fault of its own{at}: {what}. What was stored before is still there; please report this."
        );
    }));
}
