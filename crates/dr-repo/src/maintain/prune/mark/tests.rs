//! What is marked is what single questions find, where little is remembered and much lies in several packs.

#![expect(clippy::disallowed_methods, reason = "a test breaks a repository on purpose")]

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use dr_format::page::{self, Contents, Page};
use dr_index::lookup::Whole;
use dr_log::object::key;
use dr_store::ObjectBody;

use super::super::Pins;
use super::super::weigh::{Needed, uses, weigh};
use super::*;
use crate::tests::relocation::Scene;

type Names = BTreeSet<(u8, ChunkId)>;

/// Every chunk that a tree's page stands for, asked for one by one.
fn follow(fetcher: &mut Fetcher<'_>, id: ChunkId, out: &mut Names) {
    out.insert((ChunkKind::Tree as u8, id));
    match page::decode(fetcher.chunk(ChunkKind::Tree, id).unwrap()).unwrap() {
        Page::Inner { children, .. } => children.iter().for_each(|child| follow(fetcher, child.id, out)),
        Page::Leaf(rows) => {
            for row in rows {
                match row.contents {
                    Contents::Empty | Contents::Inline(_) => {}
                    Contents::Extents(extents) => data(&extents, out),
                    Contents::Tree { root, level, extents } => {
                        follow_run(fetcher, Run { id: root, len: row.meta.size, extents }, level, out);
                    }
                }
            }
        }
    }
}

fn follow_run(fetcher: &mut Fetcher<'_>, run: Run, level: u8, out: &mut Names) {
    out.insert((ChunkKind::Extents as u8, run.id));
    match extent_page(run, level, fetcher).unwrap() {
        ExtentPage::Leaf(extents) => data(&extents, out),
        ExtentPage::Inner { runs, .. } => runs.into_iter().for_each(|run| follow_run(fetcher, run, level - 1, out)),
    }
}

fn data(extents: &[Extent], out: &mut Names) {
    out.extend(extents.iter().filter_map(|extent| match extent {
        Extent::Chunk { id, .. } => Some((ChunkKind::Data as u8, *id)),
        Extent::Hole { .. } => None,
    }));
}

fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    blake3::Hasher::new_derive_key("dr tests mark").update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

/// Small files, one that takes pages of extents, and others in each generation.
fn files(generation: u64, many: u64) -> impl Iterator<Item = (String, Vec<u8>)> + Send {
    let seed = move |n| if n % 7 == 0 { generation << 32 | n } else { n };
    let small = (0..many).map(move |n| (format!("a/{n:04}"), bytes(seed(n), 300)));
    small.chain([("large".to_owned(), [bytes(generation, 100_000), bytes(7, 12 << 20)].concat())])
}

#[test]
fn what_is_sorted_and_looked_up_all_together_is_what_single_questions_find() {
    let scene = Scene::new();
    let mut ids = Vec::new();
    for generation in 0..3 {
        ids.push(scene.keep(&mut scene.open(), files(generation, 900)).unwrap().snapshot);
    }
    // Two that knew nothing of each other stored the same.
    let (mut one, mut other) = (scene.open(), scene.open());
    one.ready().unwrap();
    other.ready().unwrap();
    ids.push(scene.keep(&mut one, files(3, 900)).unwrap().snapshot);
    ids.push(scene.keep(&mut other, files(3, 900)).unwrap().snapshot);

    let repository = scene.open();
    let index = repository.index().unwrap();
    for wanted in [&ids[..], &ids[1..2], &ids[2..], &[]] {
        let mut needed = Names::new();
        let documents: Vec<_> = wanted.iter().map(|id| (*id, repository.log.state.snapshots[id].document)).collect();
        let mut fetcher = repository.fetcher().unwrap();
        for (id, document) in &documents {
            needed.insert((ChunkKind::Document as u8, *document));
            follow(&mut fetcher, repository.document(*id).unwrap().root.unwrap().id, &mut needed);
        }
        let live = mark(&repository, &documents, Some(scene.folder.path()), &AtomicBool::new(false)).unwrap();
        assert_eq!(live.lost, 0);
        let (mut kept, mut places) = (Names::new(), 0);
        for pack in 0..index.packs() {
            for ((kind, id, _), chunk) in index.ids_of(pack).unwrap().into_iter().flatten().zip(0..) {
                if live.has(Place { pack, chunk }) {
                    kept.insert((kind as u8, id));
                    places += 1;
                }
            }
        }
        assert!(kept == needed, "{} of {}", kept.len(), needed.len());
        assert_eq!(places, needed.len(), "each is kept once");
    }
}

#[test]
fn a_pack_that_is_needed_whole_or_not_at_all_weighs_what_its_chunks_weigh() {
    let scene = Scene::new();
    let ids: Vec<_> =
        (0..3).map(|generation| scene.keep(&mut scene.open(), files(generation, 900)).unwrap().snapshot).collect();
    let repository = scene.open();
    let index = repository.index().unwrap();
    let (mut whole, mut mixed, mut unused) = (0, 0, 0);
    for wanted in [&ids[..], &ids[..1], &ids[2..], &[]] {
        let documents: Vec<_> = wanted.iter().map(|id| (*id, repository.log.state.snapshots[id].document)).collect();
        let live = mark(&repository, &documents, Some(scene.folder.path()), &AtomicBool::new(false)).unwrap();
        let needed = Needed::Chunks(live);
        let read = |out: &mut Vec<_>, Whole { pack, len, rows, .. }: Whole<'_>| {
            out.push((pack, weigh(&needed, pack, len, rows.unwrap())));
        };
        let mut expected = index.each_pack(Vec::new, |_, _| true, read).unwrap();
        expected.sort_unstable();
        let found = uses(&repository, &needed, &Pins(Vec::new()), &BTreeSet::new()).unwrap();
        for (used, (pack, weight)) in found.iter().zip(&expected) {
            assert_eq!((used.pack, (used.bytes, used.live)), (*pack, *weight));
            whole += u32::from(used.live == used.bytes);
            unused += u32::from(used.live == 0);
            mixed += u32::from(0 < used.live && used.live < used.bytes);
        }
        assert_eq!(found.len(), expected.len());
    }
    assert!(whole > 0 && mixed > 0 && unused > 0, "{whole} {mixed} {unused}");
}

#[test]
fn a_damaged_copy_of_a_page_does_not_stand_for_the_whole_one_beside_it() {
    let scene = Scene::new();
    let (mut one, mut other) = (scene.open(), scene.open());
    scene.keep(&mut one, files(1, 8_000)).unwrap();
    let id = scene.keep(&mut other, files(1, 8_000)).unwrap().snapshot;
    // The pages of either are damaged in turn; the other's are kept.
    for host in 0..2 {
        let packs = scene.store.list("meta").unwrap();
        assert_eq!(packs.len(), 2);
        let bad = packs[host].key.clone();
        let sound = scene.store.get(&bad, 1 << 30).unwrap();
        let mut bytes = sound.to_vec();
        // Not the document, which lies in the last frame and only there.
        let half = bytes.len() / 2;
        bytes[600..half].iter_mut().for_each(|byte| *byte ^= 1);
        let replace = |bytes: Vec<u8>| {
            scene.store.delete(&bad).unwrap();
            scene.store.put_new(&key(bad.as_str()).unwrap(), ObjectBody::Bytes(bytes.into())).unwrap();
        };
        replace(bytes);
        let repository = scene.open();
        let index = repository.index().unwrap();
        let documents = [(id, repository.log.state.snapshots[&id].document)];
        let live = mark(&repository, &documents, Some(scene.folder.path()), &AtomicBool::new(false)).unwrap();
        let mut fetcher = repository.fetcher().unwrap();
        let mut needed = Names::new();
        follow(&mut fetcher, repository.document(id).unwrap().root.unwrap().id, &mut needed);
        for (kind, id) in needed {
            let kind = ChunkKind::from_byte(kind).unwrap();
            let places = index.places(kind, id).unwrap();
            let whole = places.iter().filter(|place| live.has(**place)).any(|at| fetcher.at(kind, id, *at).is_ok());
            assert!(whole, "{id} is kept where it is whole");
        }
        drop(repository);
        replace(sound.to_vec());
    }
}
