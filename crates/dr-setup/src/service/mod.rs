//! What has to stand on this machine so that the plan runs by itself? Units for systemd, or a line for cron.
//!
//! The texts follow from the plan and a few paths ([`wanted`]) and are pure; [`place`] puts them where they belong, and
//! [`install`] switches on what calls.

mod marker;

pub use marker::MARKER;

pub mod cron;
pub mod install;
pub mod place;
pub mod systemd;
pub mod wanted;

/// Who calls dr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A timer of systemd, every five minutes.
    Timer,
    /// systemd keeps `dr daemon` running.
    Daemon,
    /// cron, every five minutes.
    Cron,
    /// A timer of systemd, every night, for rehearsals that start what they bring back: beside one of the first two.
    Rehearsals,
}

impl Caller {
    /// Its word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timer => "timer",
            Self::Daemon => "daemon",
            Self::Cron => "cron",
            Self::Rehearsals => "rehearsals",
        }
    }

    /// The unit that is enabled.
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Self::Timer => Some("dr.timer"),
            Self::Daemon => Some("dr-daemon.service"),
            Self::Cron => None,
            Self::Rehearsals => Some("dr-rehearse.timer"),
        }
    }

    /// Its files, from the root of the machine.
    pub fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Timer => &["etc/systemd/system/dr.service", "etc/systemd/system/dr.timer"],
            Self::Daemon => &["etc/systemd/system/dr-daemon.service"],
            Self::Cron => &["etc/cron.d/dr"],
            Self::Rehearsals => &["etc/systemd/system/dr-rehearse.service", "etc/systemd/system/dr-rehearse.timer"],
        }
    }

    /// Every caller that there is.
    pub const ALL: [Self; 4] = [Self::Timer, Self::Daemon, Self::Cron, Self::Rehearsals];

    /// Who calls beside it, for this plan.
    #[must_use]
    pub fn beside(self, wanted: &wanted::Wanted) -> Option<Self> {
        (wanted.rehearses && matches!(self, Self::Timer | Self::Daemon)).then_some(Self::Rehearsals)
    }
}

/// A file of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where it belongs, from the root of the machine.
    pub path: &'static str,
    /// What stands in it.
    pub text: String,
}

/// The files of a caller, for what the plan wants.
pub fn files(caller: Caller, wanted: &wanted::Wanted) -> Vec<Written> {
    let texts = match caller {
        Caller::Timer => vec![systemd::oneshot(wanted), systemd::timer(wanted)],
        Caller::Daemon => vec![systemd::daemon(wanted)],
        Caller::Cron => vec![cron::table(wanted)],
        Caller::Rehearsals => vec![systemd::rehearsals(wanted), systemd::nightly(wanted)],
    };
    let own = caller.paths().iter().zip(texts).map(|(path, text)| Written { path, text });
    own.chain(caller.beside(wanted).into_iter().flat_map(|beside| files(beside, wanted))).collect()
}

#[cfg(test)]
mod tests;
