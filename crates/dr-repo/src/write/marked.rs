//! What does a snapshot use of packs that lie there already? What was marked while it was made, as a list says it.

use std::collections::BTreeMap;

use dr_format::id::PackId;
use dr_format::used_set::UsedSet;
use dr_index::bits::{BitsIn, Word};
use dr_index::lookup::Index;

use crate::error::RepoError;

/// Puts the chunks into a list that are marked in the packs of an index.
pub(crate) fn list_marked<W: Word + Default>(
    list: &mut UsedSet,
    index: &Index,
    marks: &BitsIn<W>,
) -> Result<(), RepoError> {
    let mut moved: BTreeMap<PackId, BTreeMap<u32, Vec<bool>>> = BTreeMap::new();
    for pack in marks.packs() {
        let known = index.pack(pack)?;
        let (mut own, mut chunk, mut is_whole) = (BTreeMap::new(), 0, true);
        for (frame, ids) in known.frames.iter().zip(index.ids_of(pack)?) {
            let used: Vec<bool> = (chunk..).take(ids.len()).map(|chunk| marks.has(pack, chunk)).collect();
            chunk += ids.len() as u32;
            is_whole &= frame.origin == 0 && used.iter().all(|used| *used);
            if !used.contains(&true) {
                continue;
            }
            match known.header.origins.get(usize::from(frame.origin)) {
                Some(origin) if frame.origin > 0 => {
                    moved.entry(origin.pack).or_default().insert(frame.number, used);
                }
                _ => drop(own.insert(frame.number, used)),
            }
        }
        let id = index.brief(pack).id;
        if is_whole {
            list.whole(id, known.frames.len());
        } else if !own.is_empty() {
            list.frames(id, &own);
        }
    }
    moved.iter().for_each(|(pack, frames)| list.frames(*pack, frames));
    Ok(())
}
