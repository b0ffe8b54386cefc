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
    stop: AtomicBool,
    code: AtomicU8,
}

impl Signals {
    /// For loops that are to end early.
    pub fn stop(&self) -> &AtomicBool {
        &self.0.stop
    }

    pub fn stopped(&self) -> bool {
        self.0.stop.load(Ordering::Relaxed)
    }

    /// Which signal it was.
    pub fn cause(&self) -> Cause {
        match self.0.code.load(Ordering::Relaxed) {
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
    for (kind, cause) in [(SignalKind::interrupt(), Cause::Interrupted), (SignalKind::terminate(), Cause::Terminated)] {
        let (mut received, signals) = (signal(kind)?, signals.clone());
        runtime.spawn(async move {
            while received.recv().await.is_some() {
                signals.got(cause);
            }
        });
    }
    Ok(signals)
}

#[expect(clippy::disallowed_methods, reason = "the second signal ends dr in whatever it is doing")]
fn at_once(cause: Cause) -> ! {
    std::process::exit(i32::from(cause.code()))
}
