//! Asking somebody at the terminal for a password, without showing it.
//!
//! The terminal gives us every key as it is pressed, also Ctrl-C, so that however this ends the terminal is put
//! back as it was. It is asked five times a second, so that a signal from elsewhere ends the asking too.

use std::fs::File;
use std::io::{Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::exit::{Cause, Failure};
use crate::signals::Signals;

const LENGTH_MAX: usize = 4096;

/// Asks. `None`: there is no terminal.
///
/// # Errors
/// If whoever was asked wants to end dr instead, or the terminal fails.
pub fn ask(question: &str, signals: &Signals) -> Result<Option<Zeroizing<String>>, Failure> {
    let Ok(terminal) = File::options().read(true).write(true).open("/dev/tty") else { return Ok(None) };
    let failed = |why: std::io::Error| {
        Failure::new(Cause::Failed, format!("the terminal cannot be asked: {why}. Nothing was changed."))
    };
    let Ok(quiet) = Quiet::begin(&terminal) else { return Ok(None) };
    (&terminal).write_all(question.as_bytes()).map_err(failed)?;
    let answer = read(&terminal, signals);
    drop(quiet);
    (&terminal).write_all(b"\n").map_err(failed)?;
    let interrupted = |cause| Failure::new(cause, "interrupted, as asked. Nothing was changed.");
    match answer.map_err(failed)? {
        Answer::Line(bytes) => {
            let text = std::str::from_utf8(&bytes).map_err(|_| failed(std::io::ErrorKind::InvalidData.into()))?;
            Ok(Some(Zeroizing::new(text.to_owned())))
        }
        Answer::CtrlC => Err(interrupted(Cause::Interrupted)),
        Answer::Signal => Err(interrupted(signals.cause())),
    }
}

enum Answer {
    Line(Zeroizing<Vec<u8>>),
    CtrlC,
    Signal,
}

fn read(mut terminal: &File, signals: &Signals) -> std::io::Result<Answer> {
    let mut line = Zeroizing::new(Vec::with_capacity(LENGTH_MAX));
    loop {
        if signals.stopped() {
            return Ok(Answer::Signal);
        }
        let mut byte = [0];
        if terminal.read(&mut byte)? == 0 {
            continue;
        }
        match byte[0] {
            b'\r' | b'\n' | 4 => return Ok(Answer::Line(line)),
            3 => return Ok(Answer::CtrlC),
            // Backspace takes a whole character with it.
            8 | 127 => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            21 => line.clear(),
            byte if line.len() < LENGTH_MAX => line.push(byte),
            _ => {}
        }
    }
}

/// A terminal that shows nothing, until this is dropped.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl Quiet<'_> {
    fn begin(terminal: &File) -> rustix::io::Result<Quiet<'_>> {
        let before = tcgetattr(terminal)?;
        let mut now = before.clone();
        now.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        now.special_codes[SpecialCodeIndex::VMIN] = 0;
        // Tenths of a second.
        now.special_codes[SpecialCodeIndex::VTIME] = 2;
        tcsetattr(terminal, OptionalActions::Flush, &now)?;
        Ok(Quiet { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}
