//! Why did a message not go out, in words that may be shown to anybody?
//!
//! Errors of libraries hold addresses, names of servers and sometimes what the server said, so none of their text is
//! passed on. They are looked at, and one of our own sentences is chosen.

use std::error::Error;
use std::io;

use rustls::CertificateError as Bad;

use crate::counted::TooMuch;

/// Why one attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// What is said in the ledger, in status and everywhere: no address, no name of a server, no secret.
    pub words: String,
    /// What helps whoever sits at this host: never kept, never a secret.
    pub detail: Option<String>,
    /// Whether every other message would fail by this way as well.
    pub whole_way: bool,
}

impl Trouble {
    /// Something that stops every message on this way.
    pub fn of_the_way(words: impl Into<String>) -> Self {
        Self { words: words.into(), detail: None, whole_way: true }
    }

    /// Something that is wrong with this message only.
    pub fn of_the_message(words: impl Into<String>) -> Self {
        Self { words: words.into(), detail: None, whole_way: false }
    }

    pub fn because(mut self, detail: &str) -> Self {
        self.detail = Some(detail.to_owned());
        self
    }

    /// For whoever sits at this host.
    pub fn whole(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}: {detail}", self.words),
            None => self.words.clone(),
        }
    }
}

/// What the connection to `who` ("the mail server") broke on.
pub(crate) fn connection(error: &(dyn Error + 'static), who: &str) -> Trouble {
    let words = match cause(error) {
        Some(Cause::Certificate(bad)) => return Trouble::of_the_way(certificate(&bad, who)),
        Some(Cause::TooMuch) => format!("{who} sends without an end, or what answers is none"),
        Some(Cause::Encryption) => format!("no encrypted connection to {who} could be made"),
        Some(Cause::Io(io::ErrorKind::TimedOut)) => format!("{who} did not answer in time"),
        Some(Cause::Io(io::ErrorKind::ConnectionRefused)) => format!("{who} did not answer: nobody listens there"),
        Some(Cause::Io(
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof,
        )) => format!("{who} hung up"),
        Some(Cause::Io(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable)) => {
            format!("{who} cannot be reached from here: is the network up?")
        }
        Some(Cause::Io(_)) | None => format!("{who} did not answer"),
    };
    Trouble::of_the_way(words)
}

enum Cause {
    TooMuch,
    Certificate(Bad),
    Encryption,
    Io(io::ErrorKind),
}

/// The innermost error that means something to us. An I/O error that holds another says it with `get_ref`, and leaves
/// it out of the chain.
fn cause(error: &(dyn Error + 'static)) -> Option<Cause> {
    let mut at: Option<&(dyn Error + 'static)> = Some(error);
    let mut found = None;
    while let Some(here) = at {
        if let Some(tls) = here.downcast_ref::<rustls::Error>() {
            return Some(match tls {
                rustls::Error::InvalidCertificate(bad) => Cause::Certificate(bad.clone()),
                _ => Cause::Encryption,
            });
        }
        if here.is::<TooMuch>() {
            return Some(Cause::TooMuch);
        }
        let io = here.downcast_ref::<io::Error>();
        if let Some(io) = io {
            found = Some(Cause::Io(io.kind()));
        }
        at = match io.and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => here.source(),
        };
    }
    found
}

fn certificate(bad: &Bad, who: &str) -> String {
    match bad {
        Bad::Expired | Bad::ExpiredContext { .. } => format!("the certificate of {who} has expired"),
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            format!("the certificate of {who} is not valid yet: is this host's clock right?")
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            format!("the certificate of {who} is for another name")
        }
        _ => format!("the certificate of {who} is not trusted"),
    }
}
