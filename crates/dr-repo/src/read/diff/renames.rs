//! Was it renamed? Only where that is certain: one file of these contents went, and one came.
//!
//! Differences wait until both trees are walked, for the other half of a rename may stand anywhere. Of very many
//! differences none waits, and then no rename is claimed.

use std::collections::HashMap;

use dr_entry::Kind;
use dr_format::page::{Contents, Extent, Row};

use super::{Aspect, Change, Compared, Difference};
use crate::error::RepoError;

/// No more differences wait, and no more bytes of paths and attributes.
const WAITING_MAX: usize = 50_000;
const WAITING_BYTES: usize = 32 << 20;

type Each<'a> = dyn FnMut(Difference) -> Result<(), RepoError> + 'a;

/// Differences on their way out.
#[derive(Default)]
pub(super) struct Renames {
    waiting: Vec<Waiting>,
    bytes: usize,
    too_many: bool,
}

struct Waiting {
    difference: Difference,
    contents: Option<[u8; 32]>,
}

impl Renames {
    /// Something that is on one side alone.
    pub(super) fn one_sided(
        &mut self,
        row: Row,
        is_new: bool,
        out: &mut Compared,
        each: &mut Each<'_>,
    ) -> Result<(), RepoError> {
        let contents = if self.too_many { None } else { fingerprint(&row) };
        let (before, after) = if is_new { (None, Some(row.meta)) } else { (Some(row.meta), None) };
        let change = if is_new { Change::Added } else { Change::Removed };
        self.wait(Waiting { difference: Difference { path: row.path, before, after, change }, contents }, out, each)
    }

    /// Something that is on both sides and not the same.
    pub(super) fn changed(
        &mut self,
        before: Row,
        after: Row,
        aspects: Vec<Aspect>,
        out: &mut Compared,
        each: &mut Each<'_>,
    ) -> Result<(), RepoError> {
        let change = Change::Changed(aspects);
        let difference = Difference { path: after.path, before: Some(before.meta), after: Some(after.meta), change };
        self.wait(Waiting { difference, contents: None }, out, each)
    }

    fn wait(&mut self, waiting: Waiting, out: &mut Compared, each: &mut Each<'_>) -> Result<(), RepoError> {
        if self.too_many {
            return tell(waiting.difference, out, each);
        }
        self.bytes += weight(&waiting.difference);
        self.waiting.push(waiting);
        if self.waiting.len() > WAITING_MAX || self.bytes > WAITING_BYTES {
            self.too_many = true;
            return std::mem::take(&mut self.waiting).into_iter().try_for_each(|w| tell(w.difference, out, each));
        }
        Ok(())
    }

    /// Tells what waits, renames among it; whether they were looked for.
    pub(super) fn finish(mut self, out: &mut Compared, each: &mut Each<'_>) -> Result<bool, RepoError> {
        let mut of: HashMap<[u8; 32], (Vec<usize>, Vec<usize>)> = HashMap::new();
        for (at, waiting) in self.waiting.iter().enumerate() {
            if let Some(contents) = waiting.contents {
                let (went, came) = of.entry(contents).or_default();
                if waiting.difference.change == Change::Removed { went.push(at) } else { came.push(at) }
            }
        }
        let mut gone = vec![false; self.waiting.len()];
        for (went, came) in of.into_values() {
            let ([went], [came]) = (went.as_slice(), came.as_slice()) else { continue };
            gone[*went] = true;
            let (from, before) = {
                let difference = &mut self.waiting[*went].difference;
                (difference.path.clone(), difference.before.take())
            };
            let difference = &mut self.waiting[*came].difference;
            difference.change = Change::Renamed { from };
            difference.before = before;
        }
        let rest = self.waiting.into_iter().zip(gone).filter(|(_, gone)| !gone);
        rest.map(|(waiting, _)| waiting).try_for_each(|waiting| tell(waiting.difference, out, each))?;
        Ok(!self.too_many)
    }
}

fn weight(difference: &Difference) -> usize {
    let metas = difference.before.iter().chain(&difference.after);
    let xattrs: usize = metas.flat_map(|meta| &meta.xattrs).map(|(name, value)| name.len() + value.len()).sum();
    difference.path.as_bytes().len() + xattrs + 300
}

fn tell(difference: Difference, out: &mut Compared, each: &mut Each<'_>) -> Result<(), RepoError> {
    match (&difference.change, &difference.before, &difference.after) {
        (Change::Added, _, Some(meta)) => out.added.add(meta),
        (Change::Removed, Some(meta), _) => out.removed.add(meta),
        (Change::Renamed { .. }, _, Some(meta)) => out.renamed.add(meta),
        (Change::Changed(aspects), _, Some(meta)) => {
            if aspects.iter().any(|aspect| matches!(aspect, Aspect::Type | Aspect::Content)) {
                out.changed.add(meta);
            } else {
                out.metadata += 1;
            }
        }
        _ => {}
    }
    each(difference)
}

/// What names a file's contents, where they are so many that no other file has them by chance.
fn fingerprint(row: &Row) -> Option<[u8; 32]> {
    if row.meta.kind != Kind::File || row.meta.link.is_some() {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&row.meta.size.to_le_bytes());
    match &row.contents {
        Contents::Empty | Contents::Inline(_) => return None,
        Contents::Extents(extents) => {
            if extents.iter().all(|extent| matches!(extent, Extent::Hole { .. })) {
                return None;
            }
            for extent in extents {
                match extent {
                    Extent::Chunk { id, len } => hasher.update(&id.0).update(&len.to_le_bytes()),
                    Extent::Hole { len } => hasher.update(b"hole").update(&len.to_le_bytes()),
                };
            }
        }
        Contents::Tree { root, level, extents } => {
            hasher.update(&root.0).update(&[*level]).update(&extents.to_le_bytes());
        }
    }
    Some(*hasher.finalize().as_bytes())
}
