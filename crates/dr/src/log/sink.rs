//! Where do lines go, and what if they cannot?

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use tracing::level_filters::LevelFilter;

use super::line::{Line, Style};
use crate::output;

/// One place that takes lines.
pub struct Sink {
    to: To,
    /// What goes there at most.
    pub most: LevelFilter,
    style: Style,
    state: Mutex<State>,
}

enum To {
    File(File),
    Stderr,
}

#[derive(Default)]
struct State {
    /// The last line is not whole.
    torn: bool,
    /// It was said that lines are lost.
    said: bool,
}

impl Sink {
    /// Everything, into a file that is added to.
    pub fn file(file: File) -> Self {
        Self { to: To::File(file), most: LevelFilter::DEBUG, style: Style::Json, state: Mutex::default() }
    }

    /// Standard error.
    pub fn stderr(most: LevelFilter, style: Style) -> Self {
        Self { to: To::Stderr, most, style, state: Mutex::default() }
    }

    /// Adds a line, in one write so that lines of several processes do not mix. What cannot be written is lost, and that
    /// is said once: nobody's backup ends for a log. Once there is room again, it goes on.
    pub fn add(&self, line: &Line<'_>) {
        let mut bytes = line.written(self.style);
        let state = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.torn {
            bytes.insert(0, b'\n');
        }
        let done = match &self.to {
            To::File(file) => (&*file).write_all(&bytes),
            To::Stderr => io::stderr().lock().write_all(&bytes),
        };
        state.torn = done.is_err();
        if let (Err(why), To::File(_), false) = (done, &self.to, state.said) {
            state.said = true;
            output::tell_of_a_lost_log(&why);
        }
    }
}
