//! Making lists of what snapshots use again, where the index objects that held them are gone.

use super::Mending;
use super::describe::{self, Anew};
use crate::error::RepoError;
use crate::index_object::Record;
use crate::log_entry::Body;
use crate::look::lost;
use crate::prune::mark;
use crate::repository::Repository;
use crate::used::List;

/// Follows each snapshot of the sessions that were described anew. One that cannot be followed has no list, and whoever
/// prunes by lists keeps the more for it.
pub(super) fn renew(repository: &mut Repository, mending: &mut Mending<'_>) -> Result<(), RepoError> {
    if mending.described.is_empty() {
        return Ok(());
    }
    repository.refresh()?;
    for (host, session) in std::mem::take(&mut mending.described) {
        let ours = repository.log.state.snapshots.iter().filter(|(_, one)| one.session == session && !one.lost);
        let mut records = Vec::new();
        for (id, document) in ours.map(|(id, one)| (*id, one.document)) {
            mending.may_go_on()?;
            let live = match mark(repository, &[(id, document)], mending.options.scratch, mending.options.stop) {
                Ok(live) => live,
                Err(error) => {
                    lost(error)?;
                    continue;
                }
            };
            let (mut list, writer) = (List::new(), &repository.writer);
            let index = repository.index()?;
            list.marked(index, &live.marks(index)?)?;
            records.push(Record::Used(list.seal(&writer.gc, writer.family, session, id)?));
        }
        if records.is_empty() {
            continue;
        }
        let object = describe::store(repository, host, session, (&[], &records))?;
        let name = object.name.clone();
        let anew = Anew { session, host, own: Vec::new(), indexes: vec![object], superseded: Vec::new() };
        let registered = anew.into_registered(repository, false);
        repository.maintain(mending.options.now_ms, Body::IndexMerge(registered))?;
        mending.mended(name, "lists what snapshots of its session use");
    }
    Ok(())
}
