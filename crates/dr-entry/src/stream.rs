//! The stream of entries, their contents, and the place they are put back to.

use std::io;

use crate::{Attributes, EntryPath, Meta, Profile, Stamp};

/// One named thing on its way into a repository. Its contents are not opened yet.
pub struct Entry {
    /// Where it is.
    pub path: EntryPath,
    /// What it is.
    pub meta: Meta,
    /// For files: the stamp that lets an unchanged one be skipped, if the source can give one.
    pub stamp: Option<Stamp>,
    /// For files: how to cut the contents.
    pub profile: Profile,
    /// For files: how to get at the contents. `None` for everything else.
    pub body: Option<Box<dyn Body>>,
}

/// Something that was there but could not be captured. It is named, and the run is not a full success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Which entry.
    pub path: EntryPath,
    /// What went wrong, for a person.
    pub why: String,
}

/// What an entry's name means now, where that is something else than the source met there a moment ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// What it is. Contents are those that are open.
    pub meta: Meta,
    /// The stamp, if it may stand for the contents next time.
    pub stamp: Option<Stamp>,
}

/// A capture: entries in strictly ascending path order, and what could not be captured, where it would have
/// stood. An [`Unread`] directory means that nothing below it was captured. One of the path of the entry right before it
/// means that this was kept and is not whole: a database that is damaged, an attribute that could not be read.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<Entry, Unread>> + Send + 'a>;

/// Contents not yet opened. Opened on the thread that reads it.
pub trait Body: Send {
    /// Opens the contents.
    ///
    /// # Errors
    /// Whatever the operating system says: gone, not permitted, not a regular file any more.
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>>;
}

/// What one read gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// So many bytes at the front of the buffer (at least 1).
    Data(usize),
    /// So many zero bytes that the source does not store (at least 1); the buffer is untouched.
    Hole(u64),
    /// Nothing more.
    End,
}

/// Whether what was read can be trusted to be one state of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The stamp was the same before and after.
    Unchanged,
    /// It changed under our hands.
    Changed,
}

/// Open contents, read once from front to back.
pub trait Content {
    /// Reads on. Data is as large as is convenient, up to the buffer.
    ///
    /// # Errors
    /// Whatever the operating system says. The entry is then unread as a whole.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Piece>;

    /// The extended attributes, from a source that leaves them to whoever opens the contents: for a file whose stamp
    /// has not changed nobody needs to ask. `None`: those of the entry are right.
    ///
    /// # Errors
    /// Whatever the operating system says. The entry is then kept without them, and they are named.
    fn attributes(&mut self) -> io::Result<Option<Attributes>> {
        Ok(None)
    }

    /// What the entry is, if its name was given to something else since the source met it: people save by renaming.
    /// Asked before anything is read.
    fn fresh(&mut self) -> Option<Fresh> {
        None
    }

    /// What of the entry could not be read though its contents can, each for a person; asked after the attributes.
    fn lacking(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Looks again, after [`Piece::End`].
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn settle(&mut self) -> io::Result<Settled>;
}

/// Where entries are put back. Methods may be called from several threads at once, but for one path from one
/// thread, and a directory is complete before anything in it is asked for.
///
/// Implementations follow no link and write nothing outside their root, whatever the paths say.
pub trait Destination: Sync {
    /// Makes a directory, writable for us; its metadata comes with [`Destination::finish_directory`].
    ///
    /// # Errors
    /// Nothing below this path will be asked for after an error.
    fn directory(&self, path: &EntryPath) -> io::Result<()>;

    /// Starts a regular file of `size` bytes.
    ///
    /// # Errors
    /// The file is then reported as not restored.
    fn file(&self, path: &EntryPath, size: u64) -> io::Result<Box<dyn Writing>>;

    /// How many bytes can be written there now, if anybody knows.
    fn room(&self) -> Option<u64> {
        None
    }

    /// Whether not even a small file can be written there any more. Asked when something says so: a full directory or
    /// an attribute for which there is no room says the same, and costs one entry only.
    fn is_full(&self) -> bool {
        true
    }

    /// Whether something stands at `path` that is another than what is to be put there, as far as one can tell without
    /// reading it: for who only wants to know what would be replaced.
    fn is_in_the_way(&self, _path: &EntryPath, _meta: &Meta) -> bool {
        false
    }

    /// The file that stands at `path` already, if one does that may stay where its contents are the right ones.
    ///
    /// # Errors
    /// The entry is then reported as not restored.
    fn standing(&self, _path: &EntryPath, _meta: &Meta) -> io::Result<Option<Box<dyn ExistingFile>>> {
        Ok(None)
    }

    /// Makes a link, FIFO, socket or device, with its metadata.
    ///
    /// # Errors
    /// The entry is then reported as not restored, or with a [`crate::NotSet`] as not wholly.
    fn special(&self, path: &EntryPath, meta: &Meta) -> io::Result<()>;

    /// Makes `path` another name of `first`, which is complete.
    ///
    /// # Errors
    /// The entry is then reported as not restored.
    fn hard_link(&self, path: &EntryPath, first: &EntryPath) -> io::Result<()>;

    /// Gives a directory its metadata; called after everything in it is done, deepest first.
    ///
    /// # Errors
    /// Reported by name: a [`crate::NotSet`] for an owner that could not be set.
    fn finish_directory(&self, path: &EntryPath, meta: &Meta) -> io::Result<()>;
}

/// A destination that only wants the contents of files: what is to become of each is for the function to say, and
/// everything else counts as put back.
pub struct FilesOnly<F>(pub F);

impl<F> Destination for FilesOnly<F>
where
    F: Fn(&EntryPath, u64) -> io::Result<Box<dyn Writing>> + Sync,
{
    fn directory(&self, _: &EntryPath) -> io::Result<()> {
        Ok(())
    }

    fn file(&self, path: &EntryPath, size: u64) -> io::Result<Box<dyn Writing>> {
        (self.0)(path, size)
    }

    fn special(&self, _: &EntryPath, _: &Meta) -> io::Result<()> {
        Ok(())
    }

    fn hard_link(&self, _: &EntryPath, _: &EntryPath) -> io::Result<()> {
        Ok(())
    }

    fn finish_directory(&self, _: &EntryPath, _: &Meta) -> io::Result<()> {
        Ok(())
    }
}

/// A file being written. Dropped unfinished, it leaves nothing that looks whole.
pub trait Writing {
    /// Bytes at an offset; offsets only grow.
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Ends the file: whatever was not written is a hole of zeros, length and metadata are set.
    ///
    /// # Errors
    /// Whatever the operating system says. An error that holds a [`crate::NotSet`] means that the contents are in place
    /// and says what else is not as it was captured.
    fn finish(self: Box<Self>, meta: &Meta) -> io::Result<()>;
}

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A file whose bytes go on to a function from front to back, where there is no file to have holes in: they are zeros.
pub struct InOrder<F> {
    to: F,
    at: u64,
    size: u64,
}

impl<F: FnMut(&[u8]) -> io::Result<()>> InOrder<F> {
    /// Of a file of that size.
    pub fn new(size: u64, to: F) -> Self {
        Self { to, at: 0, size }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        (self.to)(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn zeros(&mut self, until: u64) -> io::Result<()> {
        while self.at < until {
            let count = usize::try_from(until - self.at).unwrap_or(ZEROS.len()).min(ZEROS.len());
            self.write(&ZEROS[..count])?;
        }
        Ok(())
    }
}

impl<F: FnMut(&[u8]) -> io::Result<()>> Writing for InOrder<F> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.zeros(offset)?;
        self.write(bytes)
    }

    fn finish(mut self: Box<Self>, _: &Meta) -> io::Result<()> {
        self.zeros(self.size)
    }
}

/// A file that is there already, where something is put back in place.
pub trait ExistingFile {
    /// How many bytes it has.
    fn size(&self) -> u64;

    /// Reads at an offset; less than the whole buffer only where the file ends.
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Its contents are right: it stays, and gets this metadata. `false`: it was changed since it was opened, so nothing
    /// is known of it any more.
    ///
    /// # Errors
    /// As [`Writing::finish`].
    fn keep(self: Box<Self>, meta: &Meta) -> io::Result<bool>;
}
