//! How every system's runs ended, gone through once for all of them.

use std::collections::BTreeMap;

use dr_ledger::{Entry, Event};
use dr_plan::{System, SystemId};

/// How every system's runs ended, gone through once for all of them.
pub(super) struct Runs<'a>(pub(super) BTreeMap<&'a SystemId, Vec<&'a Entry>>);

impl<'a> Runs<'a> {
    pub(super) fn of_all(entries: &'a [Entry]) -> Self {
        let mut runs: BTreeMap<&SystemId, Vec<&Entry>> = BTreeMap::new();
        for entry in entries {
            if let Event::RunKilled { system, .. } | Event::RunFinished { system, .. } = &entry.event {
                runs.entry(system).or_default().push(entry);
            }
        }
        Self(runs)
    }

    pub(super) fn of(&self, system: &System) -> &[&'a Entry] {
        self.0.get(&system.id).map_or(&[], Vec::as_slice)
    }
}
