//! Moving what is needed of half-used packs without opening anything: each pack is held to the digest that the log
//! vouches for, and its frames go into other packs as they are sealed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use dr_format::compress::Compressor;
use dr_format::id::{Digest, PackKind};
use dr_format::key::Author;
use dr_format::log_entry::Body;
use dr_index::lookup::Index;
use dr_log::fold::{SessionState, runs_of};
use dr_log::object::key;
use dr_store::StoreError;

use super::keyless::Frames;
use super::{PruneOptions, Rewritten, target};
use crate::error::RepoError;
use crate::read::repository::Repository;
use crate::write::committer::{Committer, Says, begin, or_fence};
use crate::write::pack_writer::PackWriter;
use crate::write::relocate::{Frame, Group};
use crate::write::session::Session;

/// Who may rely on what lies in a pack for duplicates. What is moved stays in the same hands, so these are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Everybody: somebody who reads has named every chunk again.
    All,
    /// Its writer.
    Writer(Option<Author>),
}

/// Writes what is needed of these packs into new ones, in a session for each writer, and registers those.
pub(super) fn repack(
    repository: &mut Repository,
    options: &PruneOptions<'_>,
    frames: &Frames,
    packs: &[u32],
) -> Result<Rewritten, RepoError> {
    let index = Arc::clone(repository.index()?);
    let mut by_trust: Vec<(Trust, Vec<u32>)> = Vec::new();
    for pack in packs {
        let trust = trust(repository, &index, *pack);
        match by_trust.iter_mut().find(|(other, _)| *other == trust) {
            Some((_, packs)) => packs.push(*pack),
            None => by_trust.push((trust, vec![*pack])),
        }
    }
    let mut out = Rewritten::default();
    for (trust, packs) in by_trust {
        let session = begin(repository, options.scratch, options.journal)?;
        let moving = Moving { session: &session, index: &index, options, frames };
        let moved = moving.all(repository, trust, &packs);
        let Rewritten { packs, damaged, .. } = match or_fence(moved, &session, repository, options.now_ms) {
            // What was moved by now counts.
            Err(RepoError::Store(StoreError::Full { .. })) if !out.packs.is_empty() => break,
            moved => moved?,
        };
        out.packs.extend(packs);
        out.damaged.extend(damaged);
    }
    Ok(out)
}

fn trust(repository: &Repository, index: &Index, pack: u32) -> Trust {
    let (state, id) = (&repository.log.state, index.brief(pack).id);
    if state.packs.get(&id).is_some_and(|pack| pack.verified >= 2) {
        return Trust::All;
    }
    Trust::Writer(state.sessions.get(&id.session).and_then(SessionState::writer))
}

struct Moving<'a> {
    session: &'a Session,
    index: &'a Index,
    options: &'a PruneOptions<'a>,
    frames: &'a Frames,
}

impl Moving<'_> {
    fn all(&self, repository: &mut Repository, trust: Trust, packs: &[u32]) -> Result<Rewritten, RepoError> {
        let mut committer = Committer::new(repository, self.session, self.options.clock, self.options.tally);
        let mut out = Rewritten { session: Some(self.session.id), ..Rewritten::default() };
        let mut sources = Vec::new();
        for kind in [PackKind::Data, PackKind::Meta] {
            let mut group: Option<Group<Vec<u8>>> = None;
            let briefs = packs.iter().map(|pack| (pack, self.index.brief(*pack)));
            for (pack, brief) in briefs.filter(|(_, brief)| brief.id.kind == kind) {
                if self.options.stop.load(Ordering::Relaxed) {
                    return Err(RepoError::Interrupted);
                }
                let taken = match self.take(repository, *pack) {
                    Ok(taken) => taken,
                    Err(error) => {
                        error.tolerate_damage()?;
                        out.damaged.insert(brief.id, self.index.object(*pack));
                        continue;
                    }
                };
                for frame in taken {
                    let is_full = |group: &Group<_>| group.bytes >= target(kind) || !group.takes(kind, &frame);
                    if let Some(full) = group.take_if(|group| is_full(group)) {
                        self.write(full, repository, &mut committer)?;
                    }
                    group.get_or_insert_with(|| Group::new(kind, self.session)).add(frame);
                }
                sources.push((brief.id, brief.host));
                out.packs.insert(brief.id);
            }
            if let Some(rest) = group {
                self.write(rest, repository, &mut committer)?;
            }
        }
        if sources.is_empty() {
            return Ok(out);
        }
        let own = committer.register(
            repository,
            Body::Repack,
            Says { sources: runs_of(sources), last: true, ..Says::default() },
        )?;
        if trust == Trust::All {
            repository.maintain(self.options.now_ms, Body::Verify { packs: own, level: 2 })?;
        }
        Ok(out)
    }

    /// The frames of a pack that are needed, if the pack is what the log vouches for.
    fn take(&self, repository: &Repository, pack: u32) -> Result<Vec<Frame<Vec<u8>>>, RepoError> {
        let known = self.index.pack(pack)?;
        let bad = |what: &str| RepoError::damaged(&known.object, what);
        let (len, digest) = known.whole.ok_or_else(|| bad("nobody vouches for it"))?;
        let bytes = repository.store.get(&key(&known.object)?, len)?;
        if bytes.len() as u64 != len || Digest::of(&bytes) != digest {
            return Err(bad("it is not what the log vouches for"));
        }
        let mut out = Vec::new();
        for ((slot, ids), at) in known.frames.iter().zip(self.index.ids_of(pack)?).zip(0..) {
            if !self.frames.has(pack, at) {
                continue;
            }
            let sealed = bytes.get(slot.at as usize..slot.at as usize + slot.sealed_len as usize);
            let sealed = sealed.ok_or_else(|| bad("a frame lies outside it"))?.to_vec();
            let frame = Frame::new(pack, at, Arc::clone(&known), &ids, sealed);
            out.push(frame.ok_or_else(|| bad("a frame of it is not described rightly"))?);
        }
        Ok(out)
    }

    fn write(
        &self,
        group: Group<Vec<u8>>,
        repository: &Repository,
        committer: &mut Committer<'_>,
    ) -> Result<(), RepoError> {
        let (session, origins) = (self.session, (group.sessions.as_slice(), group.origins.as_slice()));
        let mut pack = PackWriter::create_for(session, group.kind, &session.staging, &session.place, origins)?;
        for frame in group.frames {
            pack.add_moved(frame.row, &frame.with)?;
        }
        let finished = pack.finish(&session.naming.index, &mut Compressor::new(3)?)?;
        committer.pack(&repository.store, finished, true)
    }
}
