//! What does this plan need of whoever calls dr: which folders to write, which to read, which secrets? Pure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dr_plan::{Cadence, Level, Plan, SecretRef};
use dr_run::Places;
use dr_source::driver;

/// Where secrets that the plan calls `credential:NAME` lie on this machine.
pub const CREDENTIALS: &str = "/etc/dr/credentials";
/// Where root's state and cache are if nobody says.
pub const STATE: &str = "/var/lib/dr";
/// See [`STATE`].
pub const CACHE: &str = "/var/cache/dr";

/// What is wanted. Every path is absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The program.
    pub program: PathBuf,
    /// The plan's file.
    pub plan: PathBuf,
    /// The state, where the plan does not name it itself.
    pub state: PathBuf,
    /// Whether the plan names its state itself.
    pub names_state: bool,
    /// The cache.
    pub cache: PathBuf,
    /// Folders that backups go to, and those that reading needs to write beside.
    pub write: BTreeSet<PathBuf>,
    /// What is backed up.
    pub read: BTreeSet<PathBuf>,
    /// Other files that the plan names.
    pub also: BTreeSet<PathBuf>,
    /// Names of secrets.
    pub credentials: BTreeSet<String>,
    /// Whether rehearsals start what they bring back, by themselves.
    pub rehearses: bool,
    /// The account, unless it is root's affair.
    pub user: Option<String>,
}

/// What `plan`, resolved, wants.
pub fn wanted(plan: &Plan, places: &Places, program: PathBuf, user: Option<String>) -> Wanted {
    let mut wanted = Wanted {
        program,
        plan: places.plan.clone(),
        state: places.state.clone(),
        names_state: plan.state.is_some(),
        cache: places.cache.clone(),
        write: plan.targets.values().filter_map(dr_run::address).flat_map(|address| address.written()).collect(),
        read: BTreeSet::new(),
        also: plan.school.calendar.iter().chain(&plan.runbook).cloned().collect(),
        credentials: BTreeSet::new(),
        rehearses: plan.rehearsals.level == Level::L3 && plan.rehearsals.full != Cadence::Never,
        user,
    };
    wanted.write.extend(plan.pools.values().map(|pool| pool.mount.clone()));
    for system in &plan.systems {
        // A run of what no driver reads reaches nothing.
        let needs = driver(&system.source).map(|driver| driver.needs()).unwrap_or_default();
        wanted.read.extend(needs.read);
        wanted.write.extend(needs.write);
    }
    wanted.also.extend(plan.alerts.smtp.iter().filter_map(|smtp| smtp.ca.clone()));
    for secret in secrets(plan) {
        match secret {
            SecretRef::Credential(name) => wanted.credentials.extend([name.clone()]),
            SecretRef::File(path) => wanted.also.extend([path.clone()]),
            SecretRef::Env(_) | SecretRef::Command(_) => {}
        }
    }
    wanted
}

/// Every secret that the plan names.
pub fn secrets(plan: &Plan) -> Vec<&SecretRef> {
    let alerts = &plan.alerts;
    let smtp = alerts.smtp.as_ref().and_then(|smtp| smtp.password.as_ref());
    let own = [plan.keys.unlock.as_ref(), alerts.ping.as_ref(), alerts.webhook.as_ref(), smtp];
    let servers = plan.systems.iter().filter_map(|system| system.source.password());
    own.into_iter().flatten().chain(servers).collect()
}

impl Wanted {
    /// What is typed, without quotes.
    pub fn words(&self, command: &[&str]) -> Vec<String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut words = vec![text(&self.program), "--plan".into(), text(&self.plan)];
        if !self.names_state && self.state != Path::new(STATE) {
            words.extend(["--state".into(), text(&self.state)]);
        }
        words.extend(command.iter().map(|word| (*word).to_owned()));
        words
    }

    /// Every path that has to be reached.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let own = [&self.program, &self.plan, &self.state, &self.cache];
        own.into_iter().chain(&self.write).chain(&self.read).chain(&self.also)
    }

    /// A path that neither a unit nor a line of cron can hold.
    pub fn unwritable(&self) -> Option<&PathBuf> {
        self.paths().find(|path| path.to_str().is_none_or(|text| text.chars().any(char::is_control)))
    }
}
