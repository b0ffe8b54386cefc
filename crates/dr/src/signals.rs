//! What happens when somebody wants dr to end: asked once it ends in order, asked twice at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Cause;

/// Whether somebody wants dr to end.
#[derive(Clone, Default)]
pub struct Signals(Arc<State>);

#[derive(Default)]
struct State {
    stop: Arc<AtomicBool>,
    code: AtomicU8,
}

impl Signals {
    /// For loops that are to end early.
    pub fn stop(&self) -> &Arc<AtomicBool> {
        &self.0.stop
    }

    pub fn stopped(&self) -> bool {
        self.0.stop.load(Ordering::Relaxed)
    }

    /// Which signal it was.
    pub fn cause(&self) -> Cause {
        match self.0.code.load(Ordering::Relaxed) {
            129 => Cause::HungUp,
            143 => Cause::Terminated,
            _ => Cause::Interrupted,
        }
    }

    fn got(&self, cause: Cause) {
        self.0.code.store(cause.code(), Ordering::Relaxed);
        if self.0.stop.swap(true, Ordering::Relaxed) {
            at_once(cause);
        }
    }
}

/// Listens from now on.
///
/// # Errors
/// If the operating system lets us not.
pub fn listen(runtime: &Handle) -> std::io::Result<Signals> {
    let signals = Signals::default();
    let _inside = runtime.enter();
    let mut heard = vec![(SignalKind::interrupt(), Cause::Interrupted), (SignalKind::terminate(), Cause::Terminated)];
    // Whoever began dr with `nohup` wants it to outlive the terminal.
    if !hang_up_is_ignored() {
        heard.push((SignalKind::hangup(), Cause::HungUp));
    }
    for (kind, cause) in heard {
        let (mut received, signals) = (signal(kind)?, signals.clone());
        runtime.spawn(async move {
            while received.recv().await.is_some() {
                signals.got(cause);
            }
        });
    }
    Ok(signals)
}

/// Whether SIGHUP was switched off when dr began.
fn hang_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status, 1)
}

/// Whether `/proc/PID/status` says that the signal of this number is ignored.
fn ignored(status: &str, number: u32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::trim);
    mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}

#[expect(clippy::disallowed_methods, reason = "the second signal ends dr in whatever it is doing")]
fn at_once(cause: Cause) -> ! {
    std::process::exit(i32::from(cause.code()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_was_switched_off_is_read_from_its_bit() {
        let status = "Name:\tdr\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert_eq!([1, 2, 13].map(|number| ignored(status, number)), [true, false, true]);
        assert!(!ignored("", 1));
    }
}
