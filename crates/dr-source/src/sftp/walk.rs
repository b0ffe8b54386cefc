//! The walk through a folder of another machine: depth first, in entry order, through folders only. Of one folder at a time
//! the names are known, and those of the folders above it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::vec::IntoIter;

use dr_entry::{Entry, EntryPath, Kind, Profile, Stamp, Time, Unread};

use super::content::RemoteFile;
use super::error::SftpError;
use super::packet::RemoteAttrs;
use super::session::{RemoteListing, RemoteName, SftpSession, below};
use super::watched::WatchedSession;
use crate::files::Tally;
use crate::files::exclude::Exclude;
use crate::output::Broken;

/// No deeper: whoever makes such a tree makes a deeper one.
const DEPTH_MAX: usize = 200;
/// So long a file must have been quiet for its stamp to be trusted. Nobody knows the server's clock, its times are of whole
/// seconds, and it says nothing of the last change of an inode.
const QUIET: i64 = 24 * 3_600;

/// The entries of the folder that the plan names.
pub(crate) struct RemoteWalk {
    watched: Arc<WatchedSession>,
    exclude: Exclude,
    tally: Arc<Tally>,
    started: Time,
    /// Which server and folder: stands in each stamp.
    which: u64,
    root: Vec<u8>,
    levels: Vec<RemoteLevel>,
    pending: VecDeque<Result<Entry, Unread>>,
}

struct RemoteLevel {
    path: EntryPath,
    names: IntoIter<RemoteName>,
}

impl RemoteWalk {
    /// `root`: its path on the server, without links. `which` folder it is, among all that the plan may ever name.
    pub(crate) fn begun(
        session: SftpSession,
        (root, which): (Vec<u8>, &str),
        exclude: Exclude,
        started: Time,
        broken: Broken,
    ) -> Result<Self, SftpError> {
        let about = session.about(&root)?;
        if about.kind() != Some(Kind::Directory) {
            return Err(SftpError::refused("it is no folder"));
        }
        let which =
            blake3::hash(which.as_bytes()).as_bytes().first_chunk().map_or(0, |front| u64::from_le_bytes(*front));
        let mut walk = Self {
            watched: Arc::new(WatchedSession { session, broken }),
            exclude,
            tally: Arc::default(),
            started,
            which,
            root,
            levels: Vec::new(),
            pending: VecDeque::new(),
        };
        let listing = walk.watched.session.list(&walk.root)?;
        walk.go_into(EntryPath::root(), &about, Ok(listing));
        Ok(walk)
    }

    pub(crate) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    fn whole(&self, path: &EntryPath) -> Vec<u8> {
        if path.is_root() { self.root.clone() } else { below(&self.root, path.as_bytes()) }
    }

    /// A folder, and what could not be read of it right behind it.
    fn go_into(&mut self, path: EntryPath, about: &RemoteAttrs, listing: Result<RemoteListing, SftpError>) {
        let mut unread = Vec::new();
        match listing {
            Ok(RemoteListing { names, wrong }) => {
                unread.extend(
                    wrong.iter().map(|name| format!("a name in it that cannot be kept: {}", name.escape_ascii())),
                );
                self.levels.push(RemoteLevel { path: path.clone(), names: names.into_iter() });
            }
            Err(why) => unread.push(format!("what is in it: {why}")),
        }
        self.pending.push_back(Ok(entry(path.clone(), about, Kind::Directory)));
        self.pending.extend(unread.into_iter().map(|why| Err(Unread { path: path.clone(), why })));
    }

    /// What a name of the innermost folder means. An error is the end of all.
    fn met(&mut self, parent: &EntryPath, RemoteName { name, about }: RemoteName) -> Result<(), SftpError> {
        let path = match parent.join(&name) {
            Ok(path) => path,
            Err(why) => {
                let why = format!("{}: {why}", name.escape_ascii());
                self.pending.push_back(Err(Unread { path: parent.clone(), why }));
                return Ok(());
            }
        };
        let whole = self.whole(&path);
        let is_folder = about.as_ref().is_ok_and(|(about, _)| about.kind() == Some(Kind::Directory));
        if self.exclude.leaves_out(&whole, is_folder) {
            self.tally.leave_out();
            return Ok(());
        }
        let unread = |why: String| Err(Unread { path: path.clone(), why });
        let one = match about {
            Err(why) if why.is_not_there() => unread("it was gone before it could be captured".to_owned()),
            Err(why) => unread(why.to_string()),
            Ok((about, text)) => match about.kind() {
                None => unread("it is of a kind that cannot be captured".to_owned()),
                Some(Kind::Directory) if self.levels.len() > DEPTH_MAX => {
                    unread(format!("it is more than {DEPTH_MAX} folders deep, and dr goes no deeper"))
                }
                Some(Kind::Directory) => {
                    let listing = self.watched.session.list(&whole);
                    if let Err(why @ (SftpError::Lost(_) | SftpError::Stopped)) = listing {
                        return Err(why);
                    }
                    self.go_into(path, &about, listing);
                    return Ok(());
                }
                Some(Kind::File) => {
                    let mut entry = entry(path, &about, Kind::File);
                    entry.stamp = self.stamp(&about);
                    entry.body =
                        Some(Box::new(RemoteFile { watched: Arc::clone(&self.watched), path: whole, met: about }));
                    Ok(entry)
                }
                Some(Kind::Symlink(_)) => Ok(entry(path, &about, Kind::Symlink(text))),
                Some(kind) => Ok(entry(path, &about, kind)),
            },
        };
        self.pending.push_back(one);
        Ok(())
    }

    fn stamp(&self, about: &RemoteAttrs) -> Option<Stamp> {
        let (size, mtime) = (about.size?, about.mtime()?);
        let quiet = mtime.seconds < self.started.seconds.saturating_sub(QUIET);
        quiet.then_some(Stamp { size, mtime, ctime: mtime, inode: self.which })
    }
}

fn entry(path: EntryPath, about: &RemoteAttrs, kind: Kind) -> Entry {
    Entry { path, meta: about.meta(kind), stamp: None, profile: Profile::Auto, body: None }
}

impl Iterator for RemoteWalk {
    type Item = Result<Entry, Unread>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(one) = self.pending.pop_front() {
                return Some(one);
            }
            let level = self.levels.last_mut()?;
            let Some(name) = level.names.next() else {
                self.levels.pop();
                continue;
            };
            let parent = level.path.clone();
            if let Err(why) = self.met(&parent, name) {
                // The capture is ended for that.
                let _ = self.watched.told::<()>(Err(why));
                self.levels.clear();
            }
        }
    }
}
