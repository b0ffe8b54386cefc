//! `dr daemon`: rounds, one after the other, until somebody ends it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use dr_plan::next;
use dr_run::clock::Stopwatch;
use dr_run::{School, past};
use jiff::{SignedDuration, Timestamp};
use sd_notify::NotifyState;

use super::due::one_round;
use super::named::period;
use super::opened::school;
use crate::context::Context;
use crate::exit::{Failure, Outcome};

/// Do what is due when it is due, as a service does: the same rounds that `run --due` does
///
/// The plan is read again for each round. On SIGTERM it finishes cleanly and exits 0. Under
/// systemd it says when it is ready and that it is alive.
#[derive(Args)]
pub struct Daemon {
    /// The longest wait between two rounds, an hour at most
    #[arg(long, value_name = "PERIOD", default_value = "5m", value_parser = wait)]
    every: Duration,
}

fn wait(text: &str) -> Result<Duration, String> {
    let wait = period(text)?;
    (wait <= Duration::from_secs(3600)).then_some(wait).ok_or_else(|| "an hour is the longest wait".to_owned())
}

/// How often it looks whether somebody wants it to end.
const TICK: Duration = Duration::from_millis(200);
/// A round that takes longer than the longest run may, and this, hangs.
const SPARE: Duration = Duration::from_secs(3600);

impl Daemon {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        // A plan that cannot be read at the start is the operator's to put right; later it may be one being written.
        let first = school(context)?;
        let limit = longest(&first);
        let beat = Beat::default();
        notify(&[NotifyState::Ready]);
        context.screen.mention("ready");
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watched = scope.spawn(|| beat.tell(&over, limit));
            while !context.signals.stopped() {
                beat.now();
                let wait = self.one(context);
                beat.now();
                pause(context, &beat, wait);
            }
            over.store(true, Ordering::Relaxed);
            let _ = watched.join();
        });
        notify(&[NotifyState::Stopping]);
        Ok(Outcome::done())
    }

    /// One round, and how long to wait for the next.
    fn one(&self, context: &Context<'_>) -> Duration {
        let most = self.every;
        let school = match school(context) {
            Ok(school) => school,
            Err(why) => {
                context.screen.error(&why.message);
                notify(&[NotifyState::Status("the plan cannot be read")]);
                return most;
            }
        };
        match one_round(&school, context) {
            Ok(_) => notify(&[NotifyState::Status("waiting for what is due next")]),
            Err(why) => {
                context.screen.error(&why.message);
                notify(&[NotifyState::Status("the last round failed")]);
            }
        }
        until_next(&school, most)
    }
}

/// Until something is due, and no longer than `most`.
fn until_next(school: &School, most: Duration) -> Duration {
    let now = school.clock.decided();
    let Ok(history) = school.history() else { return most };
    let horizon = now.saturating_add(SignedDuration::try_from(most).unwrap_or_default()).unwrap_or(Timestamp::MAX);
    // What is due already and was not done is another process's, or waits for somebody: no reason to spin.
    let coming = next(&school.plan, &school.calendar, &past(&history), now, horizon).into_iter().map(|next| next.at);
    let first = coming.filter(|at| *at > now).min();
    let wait = first.and_then(|at| Duration::try_from(at.duration_since(now)).ok()).unwrap_or(most);
    wait.clamp(Duration::from_secs(1), most)
}

fn pause(context: &Context<'_>, beat: &Beat, wait: Duration) {
    let since = Stopwatch::start();
    while !context.signals.stopped() && since.elapsed() < wait {
        std::thread::sleep(TICK.min(wait.saturating_sub(since.elapsed())));
        beat.now();
    }
}

/// The longest that a round may take: every system's limit once.
fn longest(school: &School) -> Duration {
    let all = school.plan.systems.iter().map(|system| system.timeout.longest().as_secs().unsigned_abs());
    Duration::from_secs(all.fold(0, u64::saturating_add)).saturating_add(SPARE)
}

fn notify(state: &[NotifyState<'_>]) {
    // Without a service supervisor nobody listens, and that is fine.
    let _ = sd_notify::notify(state);
}

/// When the rounds last moved, for the supervisor's watchdog.
struct Beat(Mutex<Stopwatch>);

impl Default for Beat {
    fn default() -> Self {
        Self(Mutex::new(Stopwatch::start()))
    }
}

impl Beat {
    fn now(&self) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Stopwatch::start();
    }

    fn age(&self) -> Duration {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).elapsed()
    }

    /// Tells the watchdog that dr is alive as long as the rounds move; one that hangs is ended by the supervisor.
    fn tell(&self, over: &AtomicBool, limit: Duration) {
        let every = sd_notify::watchdog_enabled().map_or(Duration::from_secs(3600), |limit| limit / 3);
        let mut since = Stopwatch::start();
        while !over.load(Ordering::Relaxed) {
            std::thread::sleep(TICK);
            if since.elapsed() >= every && self.age() < limit {
                notify(&[NotifyState::Watchdog]);
                since = Stopwatch::start();
            }
        }
    }
}
