//! How are the contents of one file read, and how is it known that it stayed as it was?

use std::io;
use std::sync::Arc;

use dr_entry::{Body, Content, Fresh, Kind, Piece, Settled};

use super::error::{SftpError, code};
use super::packet::{RemoteAttrs, SftpAnswer, SftpRequest};
use super::session::{AT_ONCE, SftpSession, attrs, refused};
use super::watched::WatchedSession;

/// Every server gives so much at once.
const READ: usize = 32 << 10;

/// A file that the walk met.
pub(super) struct RemoteFile {
    pub(super) watched: Arc<WatchedSession>,
    pub(super) path: Vec<u8>,
    pub(super) met: RemoteAttrs,
}

impl Body for RemoteFile {
    fn open(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        let Self { watched, path, met } = *self;
        let session = &watched.session;
        let open = watched.told(session.open(&path))?;
        let open = RemoteHandle { watched: Arc::clone(&watched), open };
        let (now, named) = watched.told(open.looked_at(session, &path))?;
        // By its name a link may have been laid since, which the server would have followed.
        let is_file = |about: &RemoteAttrs| about.kind() == Some(Kind::File);
        if !is_file(&now) || named.as_ref().is_ok_and(|named| !is_file(named)) {
            return Err(io::Error::other("it was replaced by something else before it could be read"));
        }
        let fresh = (!now.is_same(&met)).then(|| Fresh { meta: now.meta(Kind::File), stamp: None });
        Ok(Box::new(RemoteContent { open, path, now, at: 0, ended: false, fresh }))
    }
}

/// What is open on the server, until this is dropped.
struct RemoteHandle {
    watched: Arc<WatchedSession>,
    open: Vec<u8>,
}

impl RemoteHandle {
    /// What is open, and what its name means.
    fn looked_at(
        &self,
        session: &SftpSession,
        path: &[u8],
    ) -> Result<(RemoteAttrs, Result<RemoteAttrs, SftpError>), SftpError> {
        let mut answers =
            session.ask(&[SftpRequest::Fstat(&self.open), SftpRequest::Lstat(path)])?.into_iter().map(attrs);
        match (answers.next(), answers.next()) {
            (Some(open), Some(named)) => Ok((open?, named)),
            _ => Err(SftpError::refused("the server's answer is none to what was asked")),
        }
    }
}

impl Drop for RemoteHandle {
    fn drop(&mut self) {
        // If that is lost too, whoever asks next is told.
        let _ = self.watched.session.close(&self.open);
    }
}

struct RemoteContent {
    open: RemoteHandle,
    path: Vec<u8>,
    now: RemoteAttrs,
    at: u64,
    ended: bool,
    fresh: Option<Fresh>,
}

impl RemoteContent {
    /// Several pieces at once. What comes after one that is shorter than asked for is asked for again.
    fn some(&self, buffer: &mut [u8]) -> Result<(usize, bool), SftpError> {
        let wanted: Vec<usize> = buffer.chunks(READ).take(AT_ONCE).map(<[u8]>::len).collect();
        let questions = wanted.iter().scan(self.at, |offset, length| {
            let question = SftpRequest::Read {
                handle: &self.open.open,
                offset: *offset,
                length: u32::try_from(*length).unwrap_or(u32::MAX),
            };
            *offset += *length as u64;
            Some(question)
        });
        let answers = self.open.watched.session.ask(&questions.collect::<Vec<_>>())?;
        let mut count = 0;
        for (answer, wanted) in answers.into_iter().zip(wanted) {
            match answer {
                SftpAnswer::Data(data) if !data.is_empty() && data.len() <= wanted => {
                    buffer[count..count + data.len()].copy_from_slice(&data);
                    count += data.len();
                    if data.len() < wanted {
                        return Ok((count, false));
                    }
                }
                SftpAnswer::Status { code: code::END, .. } => return Ok((count, true)),
                // What came before it is good, and the next question says the same.
                _ if count > 0 => return Ok((count, false)),
                other => return Err(refused(other)),
            }
        }
        Ok((count, false))
    }
}

impl Content for RemoteContent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        // What was appended since is left to the next run, and `settle` says that there was something.
        let left = self.now.size.map_or(u64::MAX, |size| size.saturating_sub(self.at));
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if self.ended || length == 0 {
            return Ok(Piece::End);
        }
        let (count, ended) = self.open.watched.told(self.some(&mut buffer[..length]))?;
        self.ended = ended;
        self.at += count as u64;
        Ok(if count == 0 { Piece::End } else { Piece::Data(count) })
    }

    fn fresh(&mut self) -> Option<Fresh> {
        self.fresh.take()
    }

    fn settle(&mut self) -> io::Result<Settled> {
        let watched = &self.open.watched;
        let (after, named) = watched.told(self.open.looked_at(&watched.session, &self.path))?;
        let is_file = named.as_ref().map_or(true, |named| named.kind() == Some(Kind::File));
        let whole = self.now.size.is_none_or(|size| size == self.at);
        Ok(if after.is_same(&self.now) && is_file && whole { Settled::Unchanged } else { Settled::Changed })
    }
}
