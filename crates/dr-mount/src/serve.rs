//! What is the kernel told when it asks? Names, attributes and bytes, all of them read by [`ReadingThreads`].

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::Sender;
use dr_entry::{Attributes, EntryPath, Kind};
use dr_repo::{BrowsedEntry, NextEntry, RepoError};
use fuser::{
    Errno, FileAttr, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, InitFlags, KernelConfig, LockOwner,
    OpenAccMode, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEntry, ReplyOpen,
    ReplyXattr, Request,
};

use crate::attributes::{of_entry, of_ours};
use crate::layout::{LATEST, Numbered, ShownNode};
use crate::readers::ReadingThreads;

/// A snapshot never changes.
const VALID: Duration = Duration::from_secs(3600);
const READ_AHEAD: u32 = 1 << 20;
/// So many names are looked for at a time.
const NAMES: usize = 32;
/// The longest name that a folder can have.
const NAME_MAX: usize = 255;
/// The longest text of a link that the kernel takes.
const LINK_MAX: usize = 4_095;
/// Warnings are not repeated, up to so many.
const WARNED_MAX: usize = 10_000;
/// In the place where a listing goes on: something before it could not be read.
const LOST: u64 = 1 << 62;

/// The file system.
pub(crate) struct Serving {
    pub(crate) shown: Arc<ShownFolder>,
    pub(crate) readers: ReadingThreads,
}

/// What is shown, as the readers see it.
pub(crate) struct ShownFolder {
    pub(crate) numbered: Numbered,
    /// Sentences for a person.
    pub(crate) says: Sender<String>,
    /// Of what something was said.
    pub(crate) warned: Mutex<HashSet<u64>>,
}

/// One name in a folder.
struct ShownName {
    inode: u64,
    /// Where a listing goes on behind it.
    next: u64,
    name: OsString,
    attr: FileAttr,
    /// How long it may be believed.
    valid: Duration,
}

impl ShownFolder {
    /// Says something of a number, once.
    fn warn(&self, about: u64, line: impl FnOnce() -> String) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() < WARNED_MAX && warned.insert(about) {
            // Who reads it may be behind: the file's own error says enough.
            let _ = self.says.try_send(line());
        }
    }

    /// What cannot be read is an error of that file, and a sentence.
    fn lost(&self, snapshot: usize, about: u64, path: &EntryPath, why: &RepoError) -> Errno {
        self.warn(about, || format!("{}{path} cannot be read: {why}", self.numbered.place(snapshot)));
        Errno::EIO
    }

    fn entry(&self, snapshot: usize, number: u64) -> Result<BrowsedEntry, Errno> {
        let (_, of) = self.numbered.snapshot(snapshot).ok_or(Errno::ENOENT)?;
        let inode = self.inode(ShownNode::Entry(snapshot, number))?;
        let found = of.view.entry(number).map_err(|why| self.lost(snapshot, inode, &EntryPath::root(), &why))?;
        found.ok_or(Errno::ENOENT)
    }

    fn inode(&self, node: ShownNode) -> Result<u64, Errno> {
        self.numbered.inode(node).ok_or(Errno::EIO)
    }

    fn node(&self, inode: u64) -> Result<ShownNode, Errno> {
        self.numbered.node(inode).ok_or(Errno::ENOENT)
    }

    fn attr(&self, node: ShownNode) -> Result<FileAttr, Errno> {
        let inode = self.inode(node)?;
        let newest = |at: usize| self.numbered.systems().get(at).and_then(|it| it.snapshots.first());
        let started = |at: usize| newest(at).map_or(0, |it| it.started);
        Ok(match node {
            ShownNode::Root => {
                let all = (0..self.numbered.systems().len()).map(started);
                of_ours(inode, Kind::Directory, all.max().unwrap_or_default())
            }
            ShownNode::System(at) => of_ours(inode, Kind::Directory, started(at)),
            ShownNode::Latest(at) => {
                let to = newest(at).ok_or(Errno::ENOENT)?.name.clone().into_bytes();
                of_ours(inode, Kind::Symlink(to), started(at))
            }
            ShownNode::Top(snapshot) => {
                let (_, of) = self.numbered.snapshot(snapshot).ok_or(Errno::ENOENT)?;
                let root = EntryPath::root();
                let own = of.view.named(&root).map_err(|why| self.lost(snapshot, inode, &root, &why))?;
                match own.filter(|own| own.meta().kind == Kind::Directory) {
                    Some(own) => of_entry(inode, own.meta()),
                    None => of_ours(inode, Kind::Directory, of.started),
                }
            }
            ShownNode::Entry(snapshot, number) => of_entry(inode, self.entry(snapshot, number)?.meta()),
        })
    }

    /// The folder that a node is, in its snapshot.
    fn folder(&self, node: ShownNode) -> Result<(usize, EntryPath, u64), Errno> {
        match node {
            ShownNode::Top(snapshot) => Ok((snapshot, EntryPath::root(), 0)),
            ShownNode::Entry(snapshot, number) => {
                let entry = self.entry(snapshot, number)?;
                if entry.meta().kind != Kind::Directory {
                    return Err(Errno::ENOTDIR);
                }
                Ok((snapshot, entry.path().clone(), number + 1))
            }
            _ => Err(Errno::ENOTDIR),
        }
    }

    fn lookup(&self, parent: u64, name: &[u8]) -> Result<FileAttr, Errno> {
        let parent = self.node(parent)?;
        let of_system = |system: usize| -> Result<ShownNode, Errno> {
            if name == LATEST.as_bytes() {
                return Ok(ShownNode::Latest(system));
            }
            let snapshots = &self.numbered.systems().get(system).ok_or(Errno::ENOENT)?.snapshots;
            let at = snapshots.iter().position(|it| it.name.as_bytes() == name).ok_or(Errno::ENOENT)?;
            Ok(ShownNode::Top(self.numbered.number(system, at)))
        };
        let node = match parent {
            ShownNode::Root => {
                let at = self.numbered.systems().iter().position(|it| it.name.as_bytes() == name);
                ShownNode::System(at.ok_or(Errno::ENOENT)?)
            }
            ShownNode::System(system) => of_system(system)?,
            ShownNode::Latest(_) => return Err(Errno::ENOTDIR),
            ShownNode::Top(_) | ShownNode::Entry(..) => {
                let (snapshot, folder, _) = self.folder(parent)?;
                let (_, of) = self.numbered.snapshot(snapshot).ok_or(Errno::ENOENT)?;
                let path = folder.join(name).map_err(|_| Errno::ENOENT)?;
                let about = self.inode(parent)?;
                let found = of.view.named(&path).map_err(|why| self.lost(snapshot, about, &path, &why))?;
                let found = found.ok_or(Errno::ENOENT)?;
                return Ok(of_entry(self.inode(ShownNode::Entry(snapshot, found.number()))?, found.meta()));
            }
        };
        self.attr(node)
    }

    /// Names of a folder from a place on: where that place is 0, from the first one.
    fn names(&self, inode: u64, from: u64) -> Result<Vec<ShownName>, Errno> {
        let node = self.node(inode)?;
        let mut names = Vec::new();
        let mut from = from;
        if from < 2 {
            let mut own = self.attr(node)?;
            own.ino = INodeNo(inode);
            for (next, name) in [(1, "."), (2, "..")].into_iter().skip(from as usize) {
                names.push(ShownName { inode, next, name: name.into(), attr: own, valid: VALID });
            }
            from = 2;
        }
        match node {
            ShownNode::Latest(_) => return Err(Errno::ENOTDIR),
            ShownNode::Root => {
                for (at, system) in self.numbered.systems().iter().enumerate().skip(from as usize - 2).take(NAMES) {
                    names.push(self.ours(ShownNode::System(at), &system.name, at)?);
                }
            }
            ShownNode::System(system) => {
                let snapshots = self.numbered.systems().get(system).map_or(&[][..], |it| &it.snapshots);
                let latest = snapshots.first().map(|_| (ShownNode::Latest(system), LATEST));
                let number = |at| ShownNode::Top(self.numbered.number(system, at));
                let all = snapshots.iter().enumerate().map(|(at, it)| (number(at), it.name.as_str()));
                let all = latest.into_iter().chain(all).enumerate();
                for (at, (node, name)) in all.skip(from as usize - 2).take(NAMES) {
                    names.push(self.ours(node, name, at)?);
                }
            }
            ShownNode::Top(_) | ShownNode::Entry(..) => self.entries(node, from, &mut names)?,
        }
        Ok(names)
    }

    /// A folder or link of ours. What a snapshot says of itself is not read for a listing.
    fn ours(&self, node: ShownNode, name: &str, at: usize) -> Result<ShownName, Errno> {
        let inode = self.inode(node)?;
        let (attr, valid) = match node {
            ShownNode::Top(snapshot) => {
                let started = self.numbered.snapshot(snapshot).map_or(0, |(_, it)| it.started);
                // It is asked for as soon as somebody wants to know.
                (of_ours(inode, Kind::Directory, started), Duration::ZERO)
            }
            other => (self.attr(other)?, VALID),
        };
        Ok(ShownName { inode, next: at as u64 + 3, name: name.into(), attr, valid })
    }

    fn entries(&self, node: ShownNode, from: u64, names: &mut Vec<ShownName>) -> Result<(), Errno> {
        let (snapshot, folder, first) = self.folder(node)?;
        let (_, of) = self.numbered.snapshot(snapshot).ok_or(Errno::ENOENT)?;
        let about = self.inode(node)?;
        let mut lost = from & LOST;
        // Places are numbers of entries, and two before them.
        let mut number = ((from & !LOST) - 2).max(first);
        while names.len() < NAMES {
            let next = of.view.next_in(&folder, number).map_err(|why| self.lost(snapshot, about, &folder, &why))?;
            match next {
                NextEntry::Entry(entry) => {
                    number = entry.number() + 1;
                    let name = entry.path().name();
                    let inode = self.inode(ShownNode::Entry(snapshot, entry.number()))?;
                    if name.len() > NAME_MAX {
                        let place = self.numbered.place(snapshot);
                        self.warn(inode, || {
                            format!(
                                "{place}{} is not shown: its name is longer than a folder can have here",
                                entry.path()
                            )
                        });
                        lost = LOST;
                        continue;
                    }
                    let attr = of_entry(inode, entry.meta());
                    names.push(ShownName {
                        inode,
                        next: (number + 2) | lost,
                        name: OsString::from_vec(name.to_vec()),
                        attr,
                        valid: VALID,
                    });
                }
                NextEntry::Lost(why, beyond) => {
                    self.lost(snapshot, about, &folder, &why);
                    lost = LOST;
                    if beyond == u64::MAX {
                        break;
                    }
                    number = beyond;
                }
                NextEntry::End => break,
            }
        }
        // A listing that is not whole ends with an error: whoever copies a folder must hear of it.
        if names.is_empty() && lost == LOST { Err(Errno::EIO) } else { Ok(()) }
    }

    fn read(&self, inode: u64, at: u64, len: usize) -> Result<Vec<u8>, Errno> {
        let ShownNode::Entry(snapshot, number) = self.node(inode)? else { return Err(Errno::EISDIR) };
        let entry = self.entry(snapshot, number)?;
        let (_, of) = self.numbered.snapshot(snapshot).ok_or(Errno::ENOENT)?;
        of.view.read(&entry, at, len).map_err(|why| self.lost(snapshot, inode, entry.path(), &why))
    }

    fn link(&self, inode: u64) -> Result<Vec<u8>, Errno> {
        let text = match self.node(inode)? {
            ShownNode::Latest(system) => {
                let newest = self.numbered.systems().get(system).and_then(|it| it.snapshots.first());
                newest.ok_or(Errno::ENOENT)?.name.clone().into_bytes()
            }
            ShownNode::Entry(snapshot, number) => match &self.entry(snapshot, number)?.meta().kind {
                Kind::Symlink(text) => text.clone(),
                _ => return Err(Errno::EINVAL),
            },
            _ => return Err(Errno::EINVAL),
        };
        match text.len() {
            0 => Err(Errno::EINVAL),
            1..=LINK_MAX if !text.contains(&0) => Ok(text),
            _ => Err(Errno::ENAMETOOLONG),
        }
    }

    /// Every extended attribute of an entry.
    fn xattrs(&self, inode: u64) -> Result<Attributes, Errno> {
        let ShownNode::Entry(snapshot, number) = self.node(inode)? else { return Ok(Vec::new()) };
        let mut all = self.entry(snapshot, number)?.meta().xattrs.clone();
        all.retain(|(name, _)| !name.is_empty() && !name.contains(&0));
        Ok(all)
    }
}

impl Serving {
    /// What the readers make of it; nothing within the limit is an error of that file.
    fn ask<T: Send + 'static>(
        &self,
        inode: INodeNo,
        work: impl FnOnce(&ShownFolder) -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, Errno> {
        let shown = Arc::clone(&self.shown);
        self.readers.ask(move || work(&shown)).unwrap_or_else(|_| {
            // One sentence for each snapshot: whatever is asked of it now comes to the same.
            let snapshot = match self.shown.numbered.node(inode.0) {
                Some(ShownNode::Top(snapshot) | ShownNode::Entry(snapshot, _)) => snapshot,
                _ => 0,
            };
            self.shown.warn(u64::MAX - snapshot as u64, || {
                let place = self.shown.numbered.place(snapshot);
                format!("{place}: the copy did not answer in time: is its disk or network there? What was asked for is an error")
            });
            Err(Errno::EIO)
        })
    }
}

const SAME: Generation = Generation(0);

impl Filesystem for Serving {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        // What an older kernel does not know it does without.
        for wanted in [
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_READDIRPLUS_AUTO,
            InitFlags::FUSE_PARALLEL_DIROPS,
            InitFlags::FUSE_CACHE_SYMLINKS,
        ] {
            let _ = config.add_capabilities(wanted);
        }
        if let Err(most) = config.set_max_readahead(READ_AHEAD) {
            let _ = config.set_max_readahead(most);
        }
        Ok(())
    }

    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let name = name.as_bytes().to_vec();
        match self.ask(parent, move |shown| shown.lookup(parent.0, &name)) {
            Ok(attr) => reply.entry(&VALID, &attr, SAME),
            Err(errno) => reply.error(errno),
        }
    }

    fn getattr(&self, _request: &Request, inode: INodeNo, _handle: Option<FileHandle>, reply: ReplyAttr) {
        match self.ask(inode, move |shown| shown.attr(shown.node(inode.0)?)) {
            Ok(attr) => reply.attr(&VALID, &attr),
            Err(errno) => reply.error(errno),
        }
    }

    fn readlink(&self, _request: &Request, inode: INodeNo, reply: ReplyData) {
        match self.ask(inode, move |shown| shown.link(inode.0)) {
            Ok(text) => reply.data(&text),
            Err(errno) => reply.error(errno),
        }
    }

    fn open(&self, _request: &Request, _inode: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        if flags.acc_mode() == OpenAccMode::O_RDONLY {
            reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
        } else {
            reply.error(Errno::EROFS);
        }
    }

    fn read(
        &self,
        _request: &Request,
        inode: INodeNo,
        _handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.ask(inode, move |shown| shown.read(inode.0, offset, size as usize)) {
            Ok(bytes) => reply.data(&bytes),
            Err(errno) => reply.error(errno),
        }
    }

    fn opendir(&self, _request: &Request, _inode: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_CACHE_DIR);
    }

    fn readdir(&self, _request: &Request, inode: INodeNo, _handle: FileHandle, from: u64, mut reply: ReplyDirectory) {
        match self.ask(inode, move |shown| shown.names(inode.0, from)) {
            Ok(names) => {
                // Until it is full.
                let _ = names.iter().any(|one| reply.add(INodeNo(one.inode), one.next, one.attr.kind, &one.name));
                reply.ok();
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn readdirplus(
        &self,
        _request: &Request,
        inode: INodeNo,
        _handle: FileHandle,
        from: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        match self.ask(inode, move |shown| shown.names(inode.0, from)) {
            Ok(names) => {
                let _ = names
                    .iter()
                    .any(|one| reply.add(INodeNo(one.inode), one.next, &one.name, &one.valid, &one.attr, SAME));
                reply.ok();
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn getxattr(&self, _request: &Request, inode: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let all = self.ask(inode, move |shown| shown.xattrs(inode.0));
        let value = all.and_then(|all| {
            let value = all.into_iter().find(|(own, _)| own == name.as_bytes()).map(|(_, value)| value);
            value.ok_or(Errno::NO_XATTR)
        });
        give(value, size, reply);
    }

    fn listxattr(&self, _request: &Request, inode: INodeNo, size: u32, reply: ReplyXattr) {
        let all = self.ask(inode, move |shown| shown.xattrs(inode.0));
        let list = all.map(|all| all.into_iter().flat_map(|(name, _)| [name, vec![0]].concat()).collect());
        give(list, size, reply);
    }
}

/// A value, or how long it is where that is asked.
fn give(value: Result<Vec<u8>, Errno>, size: u32, reply: ReplyXattr) {
    match value {
        Ok(value) if size == 0 => reply.size(u32::try_from(value.len()).unwrap_or(u32::MAX)),
        Ok(value) if value.len() > size as usize => reply.error(Errno::ERANGE),
        Ok(value) => reply.data(&value),
        Err(errno) => reply.error(errno),
    }
}
