//! Which ways out does this school have, and what do they need?

use std::sync::Once;
use std::time::Duration;

use dr_ledger::ChannelKind;
use dr_plan::{Alerts, SecretRef};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use crate::trouble::Trouble;

/// Finds a secret where the plan says it is. The error's words hold nothing of the secret.
pub type Secrets<'a> = &'a dyn Fn(&SecretRef) -> Result<Zeroizing<String>, String>;

/// How long one step of a conversation with a server may take.
const STEP: Duration = Duration::from_secs(20);

/// The ways out of one plan.
#[derive(Clone, Copy)]
pub struct Ways<'a> {
    pub(crate) alerts: &'a Alerts,
    /// Whether mail may go to an address at all.
    pub(crate) may_mail: &'a dyn Fn(&str) -> bool,
    pub(crate) secrets: Secrets<'a>,
    pub(crate) runtime: &'a Handle,
    pub(crate) limit: Duration,
}

impl<'a> Ways<'a> {
    /// The ways of `alerts`. Mail goes only to addresses that `may_mail` allows; `runtime` must be one with threads of
    /// its own.
    #[must_use]
    pub fn new(
        alerts: &'a Alerts,
        may_mail: &'a dyn Fn(&str) -> bool,
        secrets: Secrets<'a>,
        runtime: &'a Handle,
    ) -> Self {
        static ONE_PROVIDER: Once = Once::new();
        // Should somebody have chosen already, theirs is as good: only one can be built into this program.
        ONE_PROVIDER.call_once(|| drop(rustls::crypto::aws_lc_rs::default_provider().install_default()));
        Self { alerts, may_mail, secrets, runtime, limit: STEP }
    }

    /// The same, but each step of a conversation with a server may take so long, instead of 20 seconds.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Every channel that the plan has.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelKind> {
        [
            (self.alerts.smtp.is_some(), ChannelKind::Smtp),
            (self.alerts.webhook.is_some(), ChannelKind::Webhook),
            (self.alerts.command.is_some(), ChannelKind::Command),
        ]
        .into_iter()
        .filter_map(|(there, channel)| there.then_some(channel))
        .collect()
    }

    /// Whether there is somebody who notices when this host falls silent.
    #[must_use]
    pub fn pings(&self) -> bool {
        self.alerts.ping.is_some()
    }

    /// A secret without the blanks and line ends around it, which a file made with an editor has.
    pub(crate) fn secret(&self, from: &SecretRef, what: &str) -> Result<Zeroizing<String>, Trouble> {
        let unread = || Trouble::of_the_way(format!("{what} cannot be read where the plan says it is"));
        let whole = (self.secrets)(from).map_err(|why| unread().because(&why))?;
        let inner = whole.trim();
        if inner.is_empty() {
            return Err(unread().because("it is empty there"));
        }
        Ok(if inner.len() == whole.len() { whole } else { Zeroizing::new(inner.to_owned()) })
    }
}

/// The channels only: addresses and places of secrets are in no log.
impl std::fmt::Debug for Ways<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ways").field("channels", &self.channels()).field("pings", &self.pings()).finish_non_exhaustive()
    }
}
