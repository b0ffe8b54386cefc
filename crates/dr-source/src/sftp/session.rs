//! What can be asked of the server of one connection, by several threads in turn?

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dr_entry::Kind;
use dr_process::{Input, Stream, StreamError};

use super::error::{SftpError, code};
use super::packet::{HELLO, PACKET_MAX, RemoteAttrs, SftpAnswer, SftpRequest, answer, is_hello};
use super::place::RemotePlace;
use super::ssh;

/// So many questions are on their way at once. Few enough that neither side waits for the other to read.
pub(super) const AT_ONCE: usize = 64;
/// The list of a folder is asked for in bursts of so many parts.
const PARTS: usize = 4;
/// No folder holds more names.
const NAMES_MAX: usize = 1_000_000;
/// The text of a link is no longer.
const LINK_MAX: usize = 4096;

/// A connection that is open.
pub(crate) struct SftpSession {
    place: RemotePlace,
    wire: Mutex<Wire>,
    stop: Arc<AtomicBool>,
}

struct Wire {
    stream: Stream,
    input: Option<Input>,
    next: u32,
    /// What came and was not looked at yet.
    front: Vec<u8>,
    lost: Option<SftpError>,
}

/// A name of a folder: what it is, and if it is a link, its text.
pub(super) struct RemoteName {
    pub(super) name: Vec<u8>,
    pub(super) about: Result<(RemoteAttrs, Vec<u8>), SftpError>,
}

/// What a folder holds.
pub(super) struct RemoteListing {
    /// In order.
    pub(super) names: Vec<RemoteName>,
    /// What came as a name and is none.
    pub(super) wrong: Vec<Vec<u8>>,
}

impl SftpSession {
    /// Connects, for no longer than this.
    pub(crate) fn begun(place: RemotePlace, longest: Duration, stop: &Arc<AtomicBool>) -> Result<Self, SftpError> {
        let not_run = |why: StreamError| match why {
            StreamError::Stopped => SftpError::Stopped,
            other => SftpError::Lost(ssh::not_run(&other)),
        };
        let mut stream = Stream::start(ssh::program(&place, longest)).map_err(not_run)?;
        let input = stream.input(stop).map_err(not_run)?;
        let mut wire = Wire { stream, input: Some(input), next: 0, front: Vec::new(), lost: None };
        let hello = wire.send(&HELLO, &place, stop, false).and_then(|()| wire.packet(&place, stop, false))?;
        if !is_hello(&hello) {
            let why = "it does not answer as an SFTP server of version 3 does";
            return Err(SftpError::Lost(format!("{}: {why}", place.host)));
        }
        Ok(Self { place, wire: Mutex::new(wire), stop: Arc::clone(stop) })
    }

    /// Asks, and waits for all answers, which come in the order of the questions.
    pub(super) fn ask(&self, requests: &[SftpRequest<'_>]) -> Result<Vec<SftpAnswer>, SftpError> {
        let mut wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lost) = &wire.lost {
            return Err(lost.clone());
        }
        let asked = wire.ask(requests, &self.place, &self.stop);
        if let Err(why) = &asked {
            // Whatever comes now is the answer to something else.
            wire.lost = Some(why.clone());
        }
        asked
    }

    fn one(&self, request: SftpRequest<'_>) -> Result<SftpAnswer, SftpError> {
        self.ask(&[request])?.pop().ok_or_else(strange)
    }

    /// The folder of the plan, without links in its path.
    pub(crate) fn root(&self) -> Result<Vec<u8>, SftpError> {
        match self.one(SftpRequest::Realpath(self.place.path.as_bytes()))? {
            SftpAnswer::Names(names) if names.len() == 1 && names[0].starts_with(b"/") && !names[0].contains(&0) => {
                Ok(names.into_iter().next().unwrap_or_default())
            }
            other => Err(refused(other)),
        }
    }

    pub(super) fn about(&self, path: &[u8]) -> Result<RemoteAttrs, SftpError> {
        attrs(self.one(SftpRequest::Lstat(path))?)
    }

    /// Opens a file: its handle.
    pub(super) fn open(&self, path: &[u8]) -> Result<Vec<u8>, SftpError> {
        handle(self.one(SftpRequest::Open(path))?)
    }

    /// Whether a folder holds any name at all.
    pub(crate) fn holds_something(&self, path: &[u8]) -> Result<bool, SftpError> {
        let open = handle(self.one(SftpRequest::Opendir(path))?)?;
        let names = self.parts(&open);
        self.close(&open)?;
        Ok(names?.iter().any(|name| name != b"." && name != b".."))
    }

    /// All names of a folder, and what they are. Nothing is followed.
    pub(super) fn list(&self, path: &[u8]) -> Result<RemoteListing, SftpError> {
        let open = handle(self.one(SftpRequest::Opendir(path))?)?;
        let listed = self.parts(&open);
        self.close(&open)?;
        let (mut good, mut wrong) = (Vec::new(), Vec::new());
        for name in listed? {
            match &name[..] {
                b"." | b".." => {}
                b"" => wrong.push(name),
                other if other.iter().any(|b| [0, b'/'].contains(b)) => wrong.push(name),
                _ => good.push(name),
            }
        }
        good.sort_unstable();
        good.dedup();
        let whole: Vec<Vec<u8>> = good.iter().map(|name| below(path, name)).collect();
        let mut names = Vec::with_capacity(good.len());
        for (good, whole) in good.chunks(AT_ONCE).zip(whole.chunks(AT_ONCE)) {
            let questions: Vec<_> = whole.iter().map(|path| SftpRequest::Lstat(path)).collect();
            let found: Vec<_> = self.ask(&questions)?.into_iter().map(attrs).collect();
            let is_link = |one: &Result<RemoteAttrs, _>| {
                matches!(one.as_ref().map(RemoteAttrs::kind), Ok(Some(Kind::Symlink(_))))
            };
            let links: Vec<_> = found.iter().map(is_link).collect();
            let paths = whole.iter().zip(&links).filter(|(_, is_link)| **is_link);
            let questions: Vec<_> = paths.map(|(path, _)| SftpRequest::Readlink(path)).collect();
            let mut texts = self.ask(&questions)?.into_iter();
            for ((name, about), is_link) in good.iter().zip(found).zip(links) {
                let about = about.and_then(|about| match is_link {
                    true => Ok((about, text(texts.next())?)),
                    false => Ok((about, Vec::new())),
                });
                names.push(RemoteName { name: name.clone(), about });
            }
        }
        Ok(RemoteListing { names, wrong })
    }

    fn parts(&self, open: &[u8]) -> Result<Vec<Vec<u8>>, SftpError> {
        let mut all = Vec::new();
        loop {
            for part in self.ask(&[SftpRequest::Readdir(open); PARTS])? {
                match part {
                    SftpAnswer::Names(names) => all.extend(names),
                    SftpAnswer::Status { code: code::END, .. } => return Ok(all),
                    other => return Err(refused(other)),
                }
                if all.len() > NAMES_MAX {
                    return Err(SftpError::refused("it holds more names than dr reads of one folder"));
                }
            }
        }
    }

    pub(super) fn close(&self, open: &[u8]) -> Result<(), SftpError> {
        // What it says to that changes nothing.
        self.one(SftpRequest::Close(open)).map(|_| ())
    }
}

/// A path of the server with one more name.
pub(super) fn below(path: &[u8], name: &[u8]) -> Vec<u8> {
    [path.strip_suffix(b"/").unwrap_or(path), b"/", name].concat()
}

fn strange() -> SftpError {
    SftpError::refused("the server's answer is none to what was asked")
}

pub(super) fn refused(answer: SftpAnswer) -> SftpError {
    match answer {
        SftpAnswer::Status { code, said } => SftpError::Refused { code, said },
        _ => strange(),
    }
}

pub(super) fn attrs(answer: SftpAnswer) -> Result<RemoteAttrs, SftpError> {
    match answer {
        SftpAnswer::Attrs(attrs) => Ok(attrs),
        other => Err(refused(other)),
    }
}

fn handle(answer: SftpAnswer) -> Result<Vec<u8>, SftpError> {
    match answer {
        SftpAnswer::Handle(handle) => Ok(handle),
        other => Err(refused(other)),
    }
}

fn text(answer: Option<SftpAnswer>) -> Result<Vec<u8>, SftpError> {
    match answer.ok_or_else(strange)? {
        SftpAnswer::Names(mut names) if names.len() == 1 => names
            .pop()
            .filter(|text| !text.is_empty() && text.len() <= LINK_MAX && !text.contains(&0))
            .ok_or_else(strange),
        other => Err(refused(other)),
    }
}

impl Wire {
    fn ask(
        &mut self,
        requests: &[SftpRequest<'_>],
        place: &RemotePlace,
        stop: &AtomicBool,
    ) -> Result<Vec<SftpAnswer>, SftpError> {
        let first = self.next;
        let mut bytes = Vec::new();
        for request in requests {
            request.put(self.next, &mut bytes);
            self.next = self.next.wrapping_add(1);
        }
        self.send(&bytes, place, stop, true)?;
        let mut answers: Vec<Option<SftpAnswer>> = requests.iter().map(|_| None).collect();
        for _ in requests {
            let packet = self.packet(place, stop, true)?;
            let (id, answer) = answer(&packet).ok_or_else(|| not_sftp(place))?;
            let number = usize::try_from(id.wrapping_sub(first)).unwrap_or(usize::MAX);
            match answers.get_mut(number) {
                Some(empty @ None) => *empty = Some(answer),
                _ => return Err(not_sftp(place)),
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    fn send(&mut self, bytes: &[u8], place: &RemotePlace, stop: &AtomicBool, was_there: bool) -> Result<(), SftpError> {
        let sent = self.input.as_mut().is_some_and(|input| input.write_all(bytes).is_ok());
        match sent {
            true => Ok(()),
            false => Err(self.ended(place, stop, was_there)),
        }
    }

    fn packet(&mut self, place: &RemotePlace, stop: &AtomicBool, was_there: bool) -> Result<Vec<u8>, SftpError> {
        self.fill(4, place, stop, was_there)?;
        let length = self.front.first_chunk().map_or(0, |length| u32::from_be_bytes(*length));
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if !(1..=PACKET_MAX).contains(&length) {
            return Err(not_sftp(place));
        }
        self.fill(4 + length, place, stop, was_there)?;
        let rest = self.front.split_off(4 + length);
        let mut packet = std::mem::replace(&mut self.front, rest);
        packet.drain(..4);
        Ok(packet)
    }

    fn fill(&mut self, count: usize, place: &RemotePlace, stop: &AtomicBool, was_there: bool) -> Result<(), SftpError> {
        let mut buffer = [0; 64 << 10];
        while self.front.len() < count {
            match self.stream.read(&mut buffer, stop) {
                Ok(0) => return Err(self.ended(place, stop, was_there)),
                Ok(count) => self.front.extend_from_slice(&buffer[..count]),
                Err(StreamError::Stopped) => return Err(SftpError::Stopped),
                Err(why) => return Err(SftpError::Lost(ssh::not_run(&why))),
            }
        }
        Ok(())
    }

    /// Why there is no more to read or to write.
    fn ended(&mut self, place: &RemotePlace, stop: &AtomicBool, was_there: bool) -> SftpError {
        self.input = None;
        if stop.load(Ordering::Relaxed) {
            return SftpError::Stopped;
        }
        match self.stream.end(stop) {
            Ok(finished) => SftpError::Lost(ssh::ended(place, &finished, was_there)),
            Err(StreamError::Stopped) => SftpError::Stopped,
            Err(why) => SftpError::Lost(ssh::not_run(&why)),
        }
    }
}

fn not_sftp(place: &RemotePlace) -> SftpError {
    SftpError::Lost(format!("what {} answers is not SFTP", place.host))
}
