//! Remembering what a check found: on this host for its next backup, and with a key that maintains in the log as well
//! (CONDEMN), so that nobody looks for duplicates there.

use std::collections::BTreeSet;
use std::path::Path;

use dr_format::id::{HostId, PackId};
use dr_format::log_entry::Body;
use dr_log::fold::{SWEEPS, runs_of};

use crate::error::RepoError;
use crate::maintain::check::CheckReport;
use crate::read::repository::Repository;
use crate::write::notes::Notes;

impl Repository {
    /// Remembers which packs a check found damaged, so that nobody relies on them for new snapshots: in `journal`, for
    /// backups of this host, and with a key that maintains in the log, for everybody. Whether there was anything.
    ///
    /// # Errors
    /// If the note cannot be written, and what the store says.
    pub fn remember_damage(
        &mut self,
        checked: &CheckReport,
        journal: Option<&Path>,
        now_ms: i64,
    ) -> Result<bool, RepoError> {
        let state = &self.log.state;
        let name = |(id, host): &(PackId, HostId)| {
            state.packs.get(id).map_or_else(|| id.object_name(*host), |pack| pack.object_name(*id))
        };
        let notes = Notes::of(journal);
        let before = notes.read();
        let sound: BTreeSet<String> = checked.sound.iter().map(name).collect();
        // What lies under another name now, or was let go, is no longer what was found.
        let known: BTreeSet<String> = match before.is_empty() {
            true => BTreeSet::new(),
            false => state.packs.iter().filter(|(_, at)| !at.swept).map(|(id, at)| at.object_name(*id)).collect(),
        };
        let mut now: BTreeSet<String> =
            before.iter().filter(|name| known.contains(*name) && !sound.contains(*name)).cloned().collect();
        now.extend(checked.rotten.iter().map(name));
        if now != before {
            notes.write(&now)?;
        }
        if self.key().maintains() && self.log.unknown.is_empty() {
            self.condemn(&checked.rotten, now_ms)?;
        }
        Ok(!checked.rotten.is_empty())
    }

    /// Says in the log that no duplicate may be found in these packs.
    pub(crate) fn condemn(&mut self, packs: &[(PackId, HostId)], now_ms: i64) -> Result<(), RepoError> {
        let is_new = |id: &PackId| self.log.state.packs.get(id).is_some_and(|pack| !pack.condemned && !pack.swept);
        let packs = runs_of(packs.iter().filter(|(id, _)| is_new(id)).copied());
        if packs.is_empty() {
            return Ok(());
        }
        if !self.log.state.features.contains(SWEEPS) {
            self.maintain(now_ms, Body::Features(vec![SWEEPS.to_owned()]))?;
        }
        self.maintain(now_ms, Body::Condemn(packs))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use dr_format::id::ChunkKind;

    use super::*;
    use crate::maintain::check::{CheckOptions, ReadData, check};
    use crate::maintain::repair::RepairOptions;
    use crate::progress::Tally;
    use crate::tests::relocation::Scene;
    use crate::tests::repair;
    use crate::write::committer::{Committer, Says, begin};
    use crate::write::repacker::Repacker;

    const NOW: i64 = 1_800_000_000_000;

    fn looked(repository: &Repository) -> CheckReport {
        let (stop, tally) = (AtomicBool::new(false), Tally::default());
        let options = CheckOptions { read_data: ReadData::All, now_ms: NOW, enough: None, stop: &stop, tally: &tally };
        check(repository, &options).unwrap()
    }

    fn lost(checked: &CheckReport) -> usize {
        checked.findings.iter().map(|finding| finding.lost.len()).sum()
    }

    #[test]
    fn a_chunk_that_is_not_what_its_name_says_is_stored_again_once_somebody_has_read_it() {
        let (scene, right, tally) = (Scene::new(), vec![7; 5_000], Tally::default());
        // Under our own key, as whoever stole it may have stored it: its digest is right.
        let mut repository = scene.open();
        let id = repository.namer.id(ChunkKind::Data, &right);
        let session = begin(&repository, scene.folder.path(), None).unwrap();
        let mut committer = Committer::new(&repository, &session, &|| NOW, &tally);
        let mut repacker = Repacker::new(&session).unwrap();
        repacker.add(ChunkKind::Data, id, &[8; 5_000], &mut committer, &repository.store).unwrap();
        repacker.flush(&mut committer, &repository.store).unwrap();
        committer.register(&mut repository, Body::Packs, Says { last: true, ..Says::default() }).unwrap();

        let keep = || scene.keep(&mut scene.open(), std::iter::once(("a".to_owned(), right.clone()))).unwrap();
        keep();
        let mut repository = scene.open();
        let checked = looked(&repository);
        assert_eq!(lost(&checked), 1, "{checked:?}");
        assert!(repository.remember_damage(&checked, None, NOW).unwrap());
        keep();
        assert_eq!(lost(&looked(&scene.open())), 0, "both are whole by the equal chunk");
        let (stop, clock) = (AtomicBool::new(false), || NOW);
        let options = RepairOptions {
            now_ms: NOW,
            others: &[],
            scratch: scene.folder.path(),
            journal: None,
            clock: &clock,
            stop: &stop,
            tally: &tally,
        };
        let repaired = repair(&mut scene.open(), &options).unwrap();
        assert_eq!(repaired.after.unwrap().findings, [], "{:?}", repaired.mended);
    }
}
