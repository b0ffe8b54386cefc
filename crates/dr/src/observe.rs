//! What a person sees while something long goes on: a line that changes on a terminal, a line every ten seconds
//! elsewhere, nothing with `--quiet` or `--json`.

use std::io::IsTerminal as _;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Scope;
use std::time::Duration;

use dr_repo::Tally;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Screen;
use crate::shown;

/// Runs `work` while its `tally` is shown, as `words` puts it.
pub fn while_shown<T>(screen: &Screen, tally: &Tally, words: fn(&Tally) -> String, work: impl FnOnce() -> T) -> T {
    if !screen.shows_progress() {
        return work();
    }
    std::thread::scope(|scope| {
        let shown = Shown::begin(scope, screen, tally, words);
        let done = work();
        drop(shown);
        done
    })
}

/// Shows until it is dropped.
struct Shown(#[expect(dead_code, reason = "that it goes away is the message")] std::sync::mpsc::Sender<()>);

impl Shown {
    fn begin<'scope, 'env: 'scope>(
        scope: &'scope Scope<'scope, 'env>,
        screen: &'env Screen,
        tally: &'env Tally,
        words: fn(&Tally) -> String,
    ) -> Self {
        let (over, is_over) = channel::<()>();
        scope.spawn(move || {
            let bar = std::io::stderr().is_terminal().then(bar);
            let pause = if bar.is_some() { Duration::from_millis(200) } else { Duration::from_secs(10) };
            while is_over.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                match &bar {
                    Some(bar) => {
                        bar.set_message(words(tally));
                        bar.tick();
                    }
                    None => screen.note(&words(tally)),
                }
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        });
        Self(over)
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}");
    let bar = ProgressBar::new_spinner();
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A backup's progress.
pub fn backing_up(tally: &Tally) -> String {
    format!(
        "{}, {} read, {} stored",
        shown::count(tally.entries.load(Ordering::Relaxed), "entry", "entries"),
        shown::size(tally.bytes_read.load(Ordering::Relaxed)),
        shown::size(tally.bytes_stored.load(Ordering::Relaxed)),
    )
}

/// A restore's progress.
pub fn restoring(tally: &Tally) -> String {
    format!(
        "{}, {} restored",
        shown::count(tally.entries.load(Ordering::Relaxed), "entry", "entries"),
        shown::size(tally.bytes_read.load(Ordering::Relaxed)),
    )
}

/// A copy's progress.
pub fn copying(tally: &Tally) -> String {
    format!("{} stored", shown::size(tally.bytes_stored.load(Ordering::Relaxed)))
}

/// A prune's progress.
pub fn pruning(tally: &Tally) -> String {
    format!("{} rewritten", shown::size(tally.bytes_stored.load(Ordering::Relaxed)))
}

/// A check's progress.
pub fn checking(tally: &Tally) -> String {
    format!("{} read", shown::size(tally.bytes_read.load(Ordering::Relaxed)))
}
