//! How does one mail get to the mail server, and what did the server say about each of the people it is for?
//!
//! `smtps://` is encrypted from the first byte, `smtp://` from STARTTLS on, and never goes on without. Only to this
//! very machine, and without a password, mail goes in the clear. One address that the server refuses costs the others
//! nothing. Each step has a time limit, and all that the server may say has a bound (`counted.rs`).

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use dr_plan::{PersonId, Smtp, SmtpAuth};
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;

use crate::counted;
use crate::mail::Addressed;
use crate::trouble::{Trouble, connection};
use crate::ways::Ways;

/// A file of authorities is no longer.
const PEM_MAX: u64 = 4 << 20;
const WHO: &str = "the mail server";
/// A server that scans what it takes answers late; asking again too early makes two of one.
const SCANNING: u32 = 6;

/// What the server said about one person's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Taken,
    /// With the code of its answer.
    Refused(String),
    /// It wants to be asked again, with the code of its answer.
    Later(String),
}

/// Where it is and what it wants, as far as the plan says.
#[derive(Debug, PartialEq, Eq)]
struct Server {
    host: String,
    port: u16,
    encrypted: Encrypted,
}

#[derive(Debug, PartialEq, Eq)]
enum Encrypted {
    AtOnce,
    AfterStartTls,
    NotAtAll,
}

/// Hands one mail to the server.
pub(crate) fn hand_over(
    ways: &Ways<'_>,
    smtp: &Smtp,
    from: &Address,
    to: &[Addressed],
    mail: &[u8],
) -> Result<Vec<(PersonId, Answer)>, Trouble> {
    let server = server(&smtp.url, smtp.password.is_some())?;
    let login = login(ways, smtp)?;
    let tls = tls(smtp, &server)?;
    ways.runtime.block_on(async {
        let mut talk = Talk::open(&server, tls, from, ways.limit).await?;
        if let Some((mechanisms, credentials)) = login {
            talk.log_in(&mechanisms, credentials, smtp.auth).await?;
        }
        let answers = talk.announce(from, to).await?;
        if answers.iter().any(|(_, answer)| *answer == Answer::Taken) {
            talk.give(mail).await?;
        }
        // It is theirs now; whether they say goodbye does not matter.
        let _ = tokio::time::timeout(ways.limit, talk.connection.abort()).await;
        Ok(answers)
    })
}

fn server(url: &str, has_password: bool) -> Result<Server, Trouble> {
    let wrong = |why| Trouble::of_the_way(format!("the mail server's address in the plan cannot be used: {why}"));
    let url = reqwest::Url::parse(url).map_err(|_| wrong("it is not an smtps:// or smtp:// address"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("user and password belong in keys of their own"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("there is something after the port"));
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    if host.is_empty() {
        return Err(wrong("it names no server"));
    }
    let (encrypted, usual) = match url.scheme() {
        "smtps" => (Encrypted::AtOnce, 465),
        "smtp" if is_this_machine(&host) && !has_password => (Encrypted::NotAtAll, 25),
        "smtp" => (Encrypted::AfterStartTls, 587),
        _ => return Err(wrong("it is not an smtps:// or smtp:// address")),
    };
    Ok(Server { host, port: url.port().unwrap_or(usual), encrypted })
}

/// Whether what goes there never leaves this machine.
pub(crate) fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn login(ways: &Ways<'_>, smtp: &Smtp) -> Result<Option<(Vec<Mechanism>, Credentials)>, Trouble> {
    let Some(from) = &smtp.password else { return Ok(None) };
    let (what, mechanisms) = match smtp.auth {
        SmtpAuth::Password => ("the mail account's password", vec![Mechanism::Plain, Mechanism::Login]),
        SmtpAuth::Xoauth2 => ("the mail account's token", vec![Mechanism::Xoauth2]),
    };
    let user = smtp
        .user
        .clone()
        .ok_or_else(|| Trouble::of_the_way(format!("the plan has {what} and no account (user, in [alerts] smtp)")))?;
    let secret = ways.secret(from, what)?;
    // The library keeps a copy of its own, for as long as the conversation lasts.
    Ok(Some((mechanisms, Credentials::new(user, secret.as_str().to_owned()))))
}

fn tls(smtp: &Smtp, server: &Server) -> Result<Option<TlsParameters>, Trouble> {
    if server.encrypted == Encrypted::NotAtAll {
        return Ok(None);
    }
    let mut tls = TlsParameters::builder(server.host.clone());
    if let Some(path) = &smtp.ca {
        let unread = |why: String| {
            Trouble::of_the_way("the mail server's own authority (ca, in [alerts] smtp) cannot be read").because(&why)
        };
        let pem = dr_open::read_named(path, PEM_MAX).map_err(|why| unread(format!("{}: {why}", path.display())))?;
        let certificate = Certificate::from_pem(&pem);
        // A file without a single certificate is taken as well.
        let has_one = pem.windows(27).any(|here| here == b"-----BEGIN CERTIFICATE-----");
        match certificate {
            Ok(certificate) if has_one => tls = tls.add_root_certificate(certificate),
            _ => return Err(unread(format!("{}: no certificate in PEM", path.display()))),
        }
    }
    tls.build().map(Some).map_err(|_| {
        Trouble::of_the_way("this host's list of trusted authorities cannot be read (package ca-certificates)")
    })
}

/// One conversation with the server.
struct Talk {
    connection: AsyncSmtpConnection,
    limit: Duration,
}

impl Talk {
    async fn open(
        server: &Server,
        tls: Option<TlsParameters>,
        from: &Address,
        limit: Duration,
    ) -> Result<Self, Trouble> {
        // Some relays send away who calls himself localhost.
        let me = ClientId::Domain(from.domain().to_owned());
        let wire = within(limit * 2, counted::reach(&server.host, server.port, limit)).await?;
        let wire = wire.map_err(|why| connection(&why, WHO))?;
        let stream: Box<dyn AsyncTokioStream> = match &tls {
            Some(tls) if server.encrypted == Encrypted::AtOnce => {
                let encrypted = counted::Encrypted::over(wire, tls.clone());
                Box::new(within(limit, encrypted).await?.map_err(|why| broken(&why))?)
            }
            _ => Box::new(wire),
        };
        let greeted = AsyncSmtpConnection::connect_with_transport(stream, &me);
        let mut connection = within(limit * 2, greeted).await?.map_err(|why| broken(&why))?;
        if let (Encrypted::AfterStartTls, Some(tls)) = (&server.encrypted, tls) {
            if !connection.can_starttls() {
                return Err(Trouble::of_the_way(format!("{WHO} offers no encryption (STARTTLS), so nothing was sent")));
            }
            within(limit, connection.starttls(tls, &me)).await?.map_err(|why| broken(&why))?;
        }
        Ok(Self { connection, limit })
    }

    async fn log_in(
        &mut self,
        mechanisms: &[Mechanism],
        credentials: Credentials,
        auth: SmtpAuth,
    ) -> Result<(), Trouble> {
        let what = match auth {
            SmtpAuth::Password => "password",
            SmtpAuth::Xoauth2 => "token",
        };
        if self.connection.server_info().get_auth_mechanism(mechanisms).is_none() {
            return Err(Trouble::of_the_way(format!("{WHO} lets nobody log in by {what}")));
        }
        let Err(why) = within(self.limit, self.connection.auth(mechanisms, &credentials)).await? else {
            return Ok(());
        };
        // A token that is refused is answered with a question, which the library calls its own mistake.
        Err(if why.is_permanent() || why.is_client() {
            Trouble::of_the_way(format!("{WHO} refused the {what}{}", code(&why)))
        } else if why.is_transient() {
            Trouble::of_the_way(format!("{WHO} could not check the {what} just now{}", code(&why)))
        } else {
            broken(&why)
        })
    }

    /// Says from whom and for whom it is.
    async fn announce(&mut self, from: &Address, to: &[Addressed]) -> Result<Vec<(PersonId, Answer)>, Trouble> {
        let mail = self.connection.command(Mail::new(Some(from.clone()), Vec::new()));
        within(self.limit, mail).await?.map_err(|why| said(&why, "refused the sender"))?;
        let mut answers: Vec<(PersonId, Answer)> = Vec::new();
        for (at, one) in to.iter().enumerate() {
            // Two people with one mailbox get one mail.
            let same = to[..at].iter().position(|earlier| earlier.address == one.address);
            let answer = match same.and_then(|earlier| answers.get(earlier)) {
                Some((_, answer)) => answer.clone(),
                None => self.recipient(&one.address).await?,
            };
            answers.push((one.person.clone(), answer));
        }
        Ok(answers)
    }

    async fn recipient(&mut self, address: &Address) -> Result<Answer, Trouble> {
        let rcpt = self.connection.command(Rcpt::new(address.clone(), Vec::new()));
        match within(self.limit, rcpt).await? {
            Ok(_) => Ok(Answer::Taken),
            Err(why) if why.is_permanent() => Ok(Answer::Refused(code(&why))),
            Err(why) if why.is_transient() => Ok(Answer::Later(code(&why))),
            Err(why) => Err(broken(&why)),
        }
    }

    async fn give(&mut self, mail: &[u8]) -> Result<(), Trouble> {
        let refused = |why: Error| said(&why, "refused the message");
        within(self.limit, self.connection.command(Data)).await?.map_err(refused)?;
        within(self.limit * SCANNING, self.connection.message(mail)).await?.map_err(refused)?;
        Ok(())
    }
}

async fn within<T>(limit: Duration, step: impl Future<Output = T>) -> Result<T, Trouble> {
    let late = |_| Trouble::of_the_way(format!("{WHO} did not answer in time"));
    tokio::time::timeout(limit, step).await.map_err(late)
}

/// The code of an answer, in brackets, if there was one.
fn code(error: &Error) -> String {
    error.status().map(|code| format!(" ({code})")).unwrap_or_default()
}

/// What an answer to a command means.
fn said(error: &Error, refused: &str) -> Trouble {
    if error.is_permanent() {
        Trouble::of_the_message(format!("{WHO} {refused}{}", code(error)))
    } else if error.is_transient() {
        Trouble::of_the_message(format!("{WHO} wants to be asked again later{}", code(error)))
    } else {
        broken(error)
    }
}

/// What a conversation broke on before there was an answer.
fn broken(error: &Error) -> Trouble {
    if error.is_permanent() || error.is_transient() {
        Trouble::of_the_way(format!("{WHO} does not want to talk to this host{}", code(error)))
    } else if error.is_response() {
        Trouble::of_the_way(format!("{WHO} hung up, or what answers is none"))
    } else {
        connection(error, WHO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plans_address_says_how_it_is_encrypted_and_the_clear_is_for_this_machine_only() {
        let of = |url: &str, password| server(url, password).map(|server| (server.port, server.encrypted));
        assert_eq!(of("smtps://mail.example", true).unwrap(), (465, Encrypted::AtOnce));
        assert_eq!(of("smtps://mail.example:1465", false).unwrap(), (1465, Encrypted::AtOnce));
        assert_eq!(of("smtp://mail.example", false).unwrap(), (587, Encrypted::AfterStartTls));
        assert_eq!(of("smtp://127.0.0.1", true).unwrap(), (587, Encrypted::AfterStartTls));
        assert_eq!(of("smtp://127.0.0.1:2525", false).unwrap(), (2525, Encrypted::NotAtAll));
        assert_eq!(of("smtp://[::1]", false).unwrap(), (25, Encrypted::NotAtAll));
        assert_eq!(of("smtp://localhost", false).unwrap(), (25, Encrypted::NotAtAll));
        assert_eq!(of("smtp://192.0.2.7", false).unwrap(), (587, Encrypted::AfterStartTls));
        assert_eq!(server("smtps://[2001:db8::1]:465", false).unwrap().host, "2001:db8::1");
        for url in ["mail.example", "https://mail.example", "smtps://", "smtps://dr:pw@mail.example", "smtp://a/b", ""]
        {
            let why = server(url, false).unwrap_err();
            assert!(why.words.contains("cannot be used"), "{url}");
            assert!(!why.words.contains("mail.example") && !why.words.contains("pw@"), "{}", why.words);
        }
    }
}
