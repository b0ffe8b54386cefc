//! How is a program run that may be hostile? In a room: namespaces of its own, an account without rights, and a root that
//! holds the machine's programs and libraries, one folder of scratch, and nothing else.
//!
//! What a backup brings back is somebody else's code as much as data: a dump runs functions when it is loaded. `dr` makes
//! the room itself, by starting itself twice. The first ([`outer`]) becomes an account without rights and makes new
//! namespaces; the second ([`inner`]) is the first process in them, mounts the root, gives up every right, starts the
//! program and reaps. It ends with the program, and the kernel ends whatever is left in the room with it. Both end with
//! whoever started them. Decision 0048.
//!
//! Every program gets a room of its own; those with the same scratch reach one another by sockets in it and by nothing
//! else. There is no `/proc`: nothing needs it, and not every host lets one be mounted.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::{ProcessError, Program, run};

mod inner;
mod layout;
mod loopback;
mod maps;
mod outer;
mod root;
mod way;
mod words;

pub use layout::{ENTER, SCRATCH};
pub use root::SHOWN;
pub use way::Way;

use layout::{FIRSTS, NOBODY, ROOT, STANDS, WORK};
use words::{RoomStage, Words};

/// How long one waits for what is being killed.
const GONE: Duration = Duration::from_secs(20);
/// How long making a room may take.
const MADE: Duration = Duration::from_secs(30);

/// Why there is no room.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    /// Its folder cannot be made.
    #[error("a folder for a closed room cannot be made: {0}")]
    Folder(#[source] io::Error),
    /// Nothing was started.
    #[error("a closed room cannot be made: {0}")]
    Process(#[from] ProcessError),
    /// The operating system forbids it, whichever way.
    #[error("this machine lets dr make no closed room ({0})")]
    Forbidden(String),
    /// Something in it does not end.
    #[error("what ran in a closed room does not end")]
    Lasts,
}

/// A folder whose programs are closed off. The folder is the caller's to remove, after [`Room::close`].
#[derive(Debug, Clone)]
pub struct Room {
    by: PathBuf,
    folder: PathBuf,
    way: Way,
    also: Vec<PathBuf>,
    hidden: Vec<PathBuf>,
    loopback: bool,
}

impl Room {
    /// A room with an empty scratch in `folder`, which must not be there yet; the way is the first that works.
    ///
    /// # Errors
    /// [`RoomError`].
    pub fn new(folder: &Path) -> Result<Self, RoomError> {
        Self::made_by(Path::new("/proc/self/exe"), folder, &Way::ALL)
    }

    /// The same, by a program that calls [`entered`], and one of these ways.
    ///
    /// # Errors
    /// [`RoomError`].
    pub fn made_by(by: &Path, folder: &Path, ways: &[Way]) -> Result<Self, RoomError> {
        prepared(folder).map_err(RoomError::Folder)?;
        let mut why = Vec::new();
        for way in ways.iter().copied() {
            let (by, folder) = (by.to_owned(), folder.to_owned());
            let room = Self { by, folder, way, also: Vec::new(), hidden: Vec::new(), loopback: false };
            match room.stands() {
                Ok(()) => return Ok(room),
                Err(RoomError::Forbidden(reason)) => why.push(reason),
                Err(other) => return Err(other),
            }
        }
        Err(RoomError::Forbidden(why.join("; ")))
    }

    /// Which way it is closed off.
    #[must_use]
    pub fn way(&self) -> Way {
        self.way
    }

    /// The folder that is [`SCRATCH`] inside, as it is called outside. Whatever is in it is the room's.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.folder.join(WORK)
    }

    /// With this folder of programs too, to be read.
    #[must_use]
    pub fn with(mut self, programs: &Path) -> Self {
        self.also.push(programs.to_owned());
        self
    }

    /// Without this file or folder, should it lie in what is to be read in every room.
    #[must_use]
    pub fn without(mut self, place: &Path) -> Self {
        if let Ok(place) = place.canonicalize()
            && self.shown().any(|shown| place.starts_with(shown))
        {
            self.hidden.push(place);
        }
        self
    }

    /// Whether a program that lies there is to be seen in it.
    #[must_use]
    pub fn shows(&self, path: &Path) -> bool {
        self.shown().any(|shown| path.starts_with(shown))
    }

    fn shown(&self) -> impl Iterator<Item = &Path> {
        SHOWN.iter().map(Path::new).chain(self.also.iter().map(PathBuf::as_path))
    }

    /// With a loopback of its own.
    #[must_use]
    pub fn with_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// The same program, closed off. Its environment gets a home and a folder for temporary files in scratch.
    ///
    /// It ends with the thread that starts it.
    #[must_use]
    pub fn program(&self, mut program: Program) -> Program {
        let args = std::mem::take(&mut program.args);
        program.args = self.entering(args);
        let within = |name: &str| OsString::from(format!("{SCRATCH}/{name}"));
        program.env.push(("HOME".into(), within("home")));
        program.env.push(("TMPDIR".into(), within("tmp")));
        program
    }

    fn entering(&self, program: Vec<OsString>) -> Vec<OsString> {
        let words = Words {
            stage: RoomStage::Outer,
            parent: std::process::id(),
            folder: self.folder.clone(),
            way: self.way,
            also: self.also.clone(),
            hidden: self.hidden.clone(),
            loopback: self.loopback,
            program,
        };
        let before = [self.by.clone().into_os_string(), ENTER.into()];
        before.into_iter().chain(words.written()).collect()
    }

    /// Tries whether it can be made.
    fn stands(&self) -> Result<(), RoomError> {
        let args = self.entering(Vec::new());
        let finished = run(Program { args, env: Vec::new(), stdin: None, timeout: MADE, output_max: 4096 })?;
        if finished.status.success() && finished.stdout.bytes.starts_with(STANDS.as_bytes()) {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&finished.stderr.bytes).trim().replace('\n', "; ");
        Err(RoomError::Forbidden(format!("by {}: {said}", self.way.as_str())))
    }

    /// [`close`] of its folder.
    ///
    /// # Errors
    /// As there.
    pub fn close(&self) -> Result<(), RoomError> {
        close(&self.folder)
    }
}

/// Waits for the end of whatever was killed in the room of this folder, which can be removed then.
///
/// # Errors
/// [`RoomError::Lasts`] if it does not end.
pub fn close(folder: &Path) -> Result<(), RoomError> {
    let noted = match fs::read_dir(folder.join(FIRSTS)) {
        Ok(noted) => noted,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(RoomError::Folder(why)),
    };
    for name in noted.flatten() {
        let number = name.file_name().to_string_lossy().parse().ok().and_then(Pid::from_raw);
        if number.is_some_and(|first| !has_ended(first)) {
            return Err(RoomError::Lasts);
        }
    }
    Ok(())
}

/// Whether the first process of a room, and with it everything in it, has ended before long.
fn has_ended(first: Pid) -> bool {
    let process = match pidfd_open(first, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(why) => return why == Errno::SRCH,
    };
    let longest = Timespec { tv_sec: i64::try_from(GONE.as_secs()).unwrap_or(0), tv_nsec: 0 };
    loop {
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&longest)) {
            Err(Errno::INTR) => {}
            other => return other.is_ok_and(|ready| ready > 0),
        }
    }
}

/// The folders of a room, which the account in it may write to.
fn prepared(folder: &Path) -> io::Result<()> {
    let make = |path: &Path| DirBuilder::new().mode(0o700).create(path);
    let work = folder.join(WORK);
    let all = [folder.to_owned(), folder.join(ROOT), folder.join(FIRSTS), work.join("home"), work.join("tmp")];
    make(folder)?;
    make(&work)?;
    for path in &all[1..] {
        make(path)?;
    }
    fs::set_permissions(work.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    if maps::becomes_nobody() {
        for path in all.iter().chain([&work]) {
            chown(path, Some(NOBODY), Some(NOBODY))?;
        }
    }
    Ok(())
}

/// Enters a room, where [`ENTER`] stood before these words: makes it, runs the program in it, and says how that ended.
/// Nothing else may have been done in this process, and no thread been started.
///
/// # Errors
/// Why there is no room, in words for whoever asked for it.
pub fn entered(words: impl Iterator<Item = OsString>) -> Result<u8, String> {
    let words = Words::read(words).ok_or("these are not the words by which dr enters a room")?;
    match words.stage {
        RoomStage::Outer => outer::enter(words),
        RoomStage::Inner => inner::enter(&words),
    }
}
