//! A repository of many daily snapshots that nobody has: log, documents and tree pages are real, and so are the tables of
//! its index; packs of contents and index objects are not there. Enough to plan a prune, and nothing else.
//!
//! Files of a few chunks, fifty to a page. Each day so many runs of neighbouring files are others.

use std::collections::HashMap;
use std::path::Path;

use bytes::Bytes;
use dr_entry::{EntryPath, Kind, Meta, Profile, Time};
use dr_format::format::{CHUNKER_MIN8, META_FRAME_RAW, META_PACK_TARGET};
use dr_format::header::{Header, Origin, Sealed};
use dr_format::id::{ChunkId, ChunkKind, Digest, HostId, PackId, PackKind, SnapshotId, index_name, random};
use dr_format::key::{FamilyKey, Key};
use dr_format::log_entry::{Body, Named, ObjectRef, Registered, decode, encode, object_name};
use dr_format::namer::Namer;
use dr_format::page::{Child, Contents, Extent, Row, encode_inner, encode_leaf};
use dr_format::snapshot::{Document, Label, Shape};
use dr_format::trailer::{self, ChunkRow, FrameRow};
use dr_format::tree::Root;
use dr_index::error::IndexError;
use dr_index::layout::lay_out;
use dr_index::table::{Describe, Described, Live, TableDir, TableKey, gather};
use dr_log::fold::runs_of;
use dr_log::object::key;
use dr_store::{BlockingStore, ObjectBody};

use super::{FRAME_CHUNKS, PACK_CHUNKS, id, mix};
use crate::error::RepoError;
use crate::read::repository::{Repository, Unlock, create};
use crate::write::pack_writer::FinishedPack;
use crate::write::packer::{NoHelpers, Packer};
use crate::write::session::Session;

const HOST: HostId = HostId([7; 4]);
const CHUNK: u32 = 64 << 10;
const DAY_MS: i64 = 24 * 3_600_000;
/// Files of a leaf, children of an inner page.
const LEAF: u64 = 50;
const FAN: usize = 60;
/// Packs that one index object describes.
const DESCRIBED: u64 = 256;

/// What the repository is to hold.
#[derive(Debug, Clone, Copy)]
pub struct Years {
    /// Different chunks of contents, about.
    pub chunks: u64,
    /// Snapshots, one a day.
    pub snapshots: u64,
    /// Of a thousand files so many are others each day.
    pub churn: u64,
    /// Neighbouring files that change together.
    pub run: u64,
    /// Chunks of a file.
    pub each: u64,
}

/// What was made.
#[derive(Debug)]
pub struct Made {
    /// Different chunks of contents.
    pub chunks: u64,
    /// Chunks of contents in the pages, each time that a page names one.
    pub named: u64,
    /// Pages of trees.
    pub pages: u64,
    /// Their bytes as stored.
    pub stored: u64,
    /// Files in each snapshot.
    pub files: u64,
}

/// A tree in which pages stand where they always stand.
struct Tree {
    each: u64,
    /// The first chunk of each file.
    files: Vec<u64>,
    /// Levels of children: of leaves first.
    levels: Vec<Vec<Child>>,
}

fn path(file: u64) -> EntryPath {
    let text = format!("school/form-{:04}/class-{:05}/work-{file:010}.odt", file / 50_000, file / 500);
    EntryPath::new(text.into_bytes()).unwrap_or_default()
}

impl Tree {
    fn row(&self, file: u64) -> Row {
        let first = self.files[file as usize];
        let mut meta = Meta::plain(Kind::File, 0o644);
        meta.size = self.each * u64::from(CHUNK);
        meta.mtime =
            Time { seconds: 1_600_000_000 + (mix(first) >> 38) as i64, nanos: mix(first) as u32 % 1_000_000_000 };
        let extents = (first..first + self.each).map(|n| Extent::Chunk { id: id(n), len: CHUNK }).collect();
        Row { path: path(file), meta, profile: Profile::Auto, contents: Contents::Extents(extents) }
    }

    fn leaf(&self, number: u64) -> Vec<Row> {
        let last = ((number + 1) * LEAF).min(self.files.len() as u64);
        (number * LEAF..last).map(|file| self.row(file)).collect()
    }
}

struct Writer<'a> {
    store: &'a BlockingStore,
    namer: Namer,
    session: &'a Session,
    packer: Packer<'a>,
    done: Vec<FinishedPack>,
    made: &'a mut Made,
}

impl Writer<'_> {
    fn keep(&mut self, kind: ChunkKind, bytes: &[u8]) -> Result<ChunkId, RepoError> {
        let id = self.namer.id(kind, bytes);
        let done = &mut self.done;
        self.packer.add(kind, id, bytes, &NoHelpers, &mut |pack| {
            done.push(pack);
            Ok(())
        })?;
        Ok(id)
    }

    fn end(mut self) -> Result<Vec<Described>, RepoError> {
        let done = &mut self.done;
        self.packer.flush(&mut |pack| {
            done.push(pack);
            Ok(())
        })?;
        let mut out = Vec::new();
        for pack in self.done {
            self.store.put_new(&key(&pack.id.object_name(HOST))?, ObjectBody::File(pack.path.clone()))?;
            self.made.stored += pack.len;
            let bad = |_| IndexError::damaged("a made-up pack", "it does not hold together");
            let rows = trailer::decode(&pack.rows).map_err(bad)?;
            let laid = lay_out(pack.id, self.session.family, &pack.header, &rows).map_err(bad)?;
            out.push(Described { id: pack.id, whole: Some((pack.len, pack.digest)), header: pack.header, laid });
        }
        Ok(out)
    }
}

/// What a made-up index object describes.
enum Says {
    Pages(Vec<Described>),
    /// Packs of contents: from this number on, so many chunks from this one on.
    Contents {
        sealed: Sealed,
        from: u32,
        first: u64,
        many: u64,
    },
}

struct Tell {
    family: dr_format::id::FamilyId,
    says: HashMap<String, Says>,
}

impl Describe for Tell {
    fn describe(&mut self, live: &Live) -> Result<Option<Vec<Described>>, IndexError> {
        let (sealed, from, first, many) = match self.says.remove(&live.object.name) {
            None => return Ok(None),
            Some(Says::Pages(packs)) => return Ok(Some(packs)),
            Some(Says::Contents { sealed, from, first, many }) => (sealed, from, first, many),
        };
        let (mut packs, mut at) = (Vec::new(), first);
        for no in from.. {
            let end = (at + PACK_CHUNKS).min(first + many);
            if at == end {
                break;
            }
            let pack = PackId { session: live.session, kind: PackKind::Data, no };
            let own = Origin { pack, salt: [2; 16], commit: [3; 32] };
            let header = Header { family: self.family, sessions: vec![sealed.clone()], origins: vec![own] }.encode();
            let numbers: Vec<u64> = (at..end).collect();
            let row = |n: &u64| ChunkRow { kind: ChunkKind::Data, id: id(*n), len: CHUNK };
            let frame = |(chunks, number): (&[u64], u32)| FrameRow {
                origin: 0,
                number,
                sealed_len: (chunks.len() as u32) << 15,
                raw_len: (chunks.len() as u32) << 16,
                codec: 1,
                chunks: chunks.iter().map(row).collect(),
            };
            let rows: Vec<_> = numbers.chunks(FRAME_CHUNKS as usize).zip(0..).map(frame).collect();
            let laid = lay_out(pack, self.family, &header, &rows)
                .map_err(|_| IndexError::damaged("a made-up pack", "it does not hold together"))?;
            let len = (end - at) * u64::from(CHUNK) / 2 + 20_000;
            packs.push(Described { id: pack, whole: Some((len, Digest([4; 32]))), header, laid });
            at = end;
        }
        Ok(Some(packs))
    }
}

/// Makes the repository on `store`, with the tables of its index in the folder that `tables` names for its id.
pub fn make(
    store: &BlockingStore,
    years: Years,
    staging: &Path,
    tables: &dyn Fn(dr_format::id::RepoId) -> std::path::PathBuf,
    progress: &dyn Fn(u64, &Made),
) -> Result<(FamilyKey, Made), RepoError> {
    let family = FamilyKey::generate();
    let repo = create(store, &family, None, "2023-01-01T00:00:00Z", 0)?;
    let Repository { log, writer, .. } =
        Repository::open(store.clone(), Unlock::Key(Key::Family(family.clone())), HOST)?;
    let mut head = log.head;
    let mut made = Made { chunks: 0, named: 0, pages: 0, stored: 0, files: 0 };
    // The first snapshot, and so many thousandths of it each day.
    let first = years.chunks * 1_000 / (1_000 + (years.snapshots - 1) * years.churn);
    let files = first / years.each;
    let mut tree = Tree { each: years.each, files: (0..files).map(|n| n * years.each).collect(), levels: Vec::new() };
    made.files = files;
    let (mut next, mut says, mut live) = (files * years.each, HashMap::new(), Vec::new());
    let mut earlier: Vec<(PackId, HostId)> = Vec::new();
    let naming = family.naming();
    for day in 0..years.snapshots {
        let session = Session::begin(&writer, staging.to_owned(), "a made-up place".into(), None)?;
        let began = if day == 0 { 0 } else { next };
        let mut changed: Vec<u64> = if day == 0 { (0..files.div_ceil(LEAF)).collect() } else { Vec::new() };
        for run in 0..if day == 0 { 0 } else { files * years.churn / 1_000 / years.run } {
            let from = mix(day << 32 | run) % files;
            for file in from..(from + years.run).min(files) {
                tree.files[file as usize] = next;
                next += years.each;
                changed.push(file / LEAF);
            }
        }
        changed.sort_unstable();
        changed.dedup();
        let mut writing = Writer {
            store,
            namer: Namer::new(&writer.naming),
            session: &session,
            packer: Packer::new(&session, PackKind::Meta, META_FRAME_RAW, META_PACK_TARGET, 1)?,
            done: Vec::new(),
            made: &mut made,
        };
        let root = write_tree(&mut tree, changed, &mut writing)?;
        let (snapshot, at) = (SnapshotId(random()), day as i64 * DAY_MS);
        let label = Label { started_ms: at, ended_ms: at, files, entries: files, ..Label::default() };
        let document = Document {
            label: label.clone(),
            shape: Shape::Directory,
            root: Some(root),
            unreadable: Vec::new(),
            unsettled: Vec::new(),
            chunker: CHUNKER_MIN8,
            tool: "made up".to_owned(),
        };
        let document = writing.keep(ChunkKind::Document, &document.encode(snapshot))?;
        let pages = writing.end()?;
        made.chunks = next;

        let mut packs: Vec<(PackId, HostId)> = pages.iter().map(|pack| (pack.id, HOST)).collect();
        let mut told = vec![Says::Pages(pages)];
        let data = (next - began).div_ceil(PACK_CHUNKS);
        for from in (0..data).step_by(DESCRIBED as usize) {
            let chunks = began + from * PACK_CHUNKS;
            let many = (next - chunks).min(DESCRIBED * PACK_CHUNKS);
            told.push(Says::Contents { sealed: session.sealed.clone(), from: from as u32, first: chunks, many });
        }
        packs.extend((0..data as u32).map(|no| (PackId { session: session.id, kind: PackKind::Data, no }, HOST)));
        let mut indexes = Vec::new();
        for (no, told) in (0..).zip(told) {
            let name = index_name(HOST, session.id, no);
            let object = ObjectRef { name: name.clone(), len: 1 << 20, digest: Digest::of(name.as_bytes()) };
            live.push(Live { object: object.clone(), session: session.id });
            says.insert(name, told);
            indexes.push(object);
        }
        let body = Body::Commit(Registered {
            session: session.id,
            host: HOST,
            sequence: 1,
            last: true,
            snapshots: vec![Named {
                id: snapshot,
                document,
                label: label.seal(&naming.list, family.family, snapshot)?,
            }],
            needs: runs_of(earlier.iter().copied()),
            own: runs_of(packs.iter().copied()).into_iter().flat_map(|runs| runs.runs).collect(),
            indexes,
            used: Vec::new(),
            sources: Vec::new(),
            superseded: Vec::new(),
            at: 0,
        });
        earlier.extend(packs);
        let bytes = encode(head.0 + 1, head.0, head.1, at, &body, &writer);
        let entry = decode(&bytes, family.family, &writer.maintenance)
            .map_err(|_| RepoError::damaged("a made-up log entry", "it does not hold together"))?;
        head = (head.0 + 1, entry.digest);
        store.put_new(&key(&object_name(head.0))?, ObjectBody::Bytes(Bytes::from(bytes)))?;
        progress(day, &made);
    }
    let dir = TableDir::in_folder(Some(&tables(repo)));
    let tables = TableKey::new(&naming.index, family.family, repo);
    gather(&dir, &tables, &live, &|_| false, &mut Tell { family: family.family, says })?;
    Ok((family, made))
}

/// Writes these leaves again, and what is above them.
fn write_tree(tree: &mut Tree, mut changed: Vec<u64>, writing: &mut Writer<'_>) -> Result<Root, RepoError> {
    let is_new = tree.levels.is_empty();
    for level in 0u8.. {
        if is_new {
            tree.levels.push(Vec::new());
        }
        for number in &changed {
            let (bytes, last, named) = if level == 0 {
                let rows = tree.leaf(*number);
                let last = rows.last().map(|row| row.path.clone()).unwrap_or_default();
                (encode_leaf(&rows), last, rows.len() as u64 * tree.each)
            } else {
                let below = &tree.levels[usize::from(level) - 1];
                let children = &below[*number as usize * FAN..below.len().min((*number as usize + 1) * FAN)];
                let last = children.last().map(|child| child.last.clone()).unwrap_or_default();
                (encode_inner(level, children), last, 0)
            };
            writing.made.pages += 1;
            writing.made.named += named;
            let child = Child { last, id: writing.keep(ChunkKind::Tree, &bytes)?, entries: 1, bytes: 1 };
            let here = &mut tree.levels[usize::from(level)];
            match here.get_mut(*number as usize) {
                Some(old) => *old = child,
                None => here.push(child),
            }
        }
        if let [only] = tree.levels[usize::from(level)].as_slice() {
            return Ok(Root { id: only.id, level });
        }
        changed.iter_mut().for_each(|number| *number /= FAN as u64);
        changed.dedup();
    }
    Err(RepoError::TooMuch("a tree has too many levels".into()))
}
