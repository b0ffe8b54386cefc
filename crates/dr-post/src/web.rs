//! How does a message get to an address that takes JSON, and how does a host say that it is still alive?
//!
//! Both addresses are secrets: whoever knows one can post there. They go over encrypted connections only, but to this
//! very machine; a redirect is not followed, for it would carry the message to somebody whom the plan does not name.

use std::time::Duration;

use dr_plan::SecretRef;
use reqwest::{Client, Url};
use serde::Serialize;

use crate::error::PostError;
use crate::message::Message;
use crate::smtp::is_this_machine;
use crate::trouble::{Trouble, connection};
use crate::ways::Ways;

/// A run does not wait longer for the ping.
const PING: Duration = Duration::from_secs(10);

/// What is posted.
#[derive(Serialize)]
struct Posted<'a> {
    school: &'a str,
    status: Option<dr_ledger::LetterStatus>,
    kind: dr_ledger::MessageKind,
    subject: &'a str,
    text: &'a str,
    about: &'a str,
}

/// Posts a message to the plan's webhook.
pub(crate) fn hand_over(ways: &Ways<'_>, address: &SecretRef, message: &Message) -> Result<(), Trouble> {
    let posted = Posted {
        school: &message.school,
        status: message.status,
        kind: message.kind,
        subject: &message.subject,
        text: &message.text,
        about: &message.about,
    };
    let body = serde_json::to_vec(&posted).map_err(|_| Trouble::of_the_message("the message cannot be written"))?;
    let url = url(ways, address, "the webhook")?;
    post(ways, url, Some(body), ways.limit, "the webhook")
}

/// What a host says to whoever notices that it fell silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ping {
    /// A run begins.
    Start,
    /// It ended well.
    Success,
    /// It failed.
    Fail,
}

/// Pings the plan's dead-man's switch, as healthchecks wants it: an empty POST to the address, to `/start` or `/fail`
/// below it. Waits ten seconds at most. Does nothing if the plan has none.
///
/// # Errors
/// [`PostError::Ping`]. It is not tried again: the next run pings anyway, and if none does, that is what is noticed.
pub fn ping(ways: &Ways<'_>, kind: Ping) -> Result<(), PostError> {
    let Some(address) = &ways.alerts.ping else { return Ok(()) };
    let below = match kind {
        Ping::Start => Some("start"),
        Ping::Success => None,
        Ping::Fail => Some("fail"),
    };
    url(ways, address, "the ping")
        .and_then(|mut url| {
            if let (Some(below), Ok(mut path)) = (below, url.path_segments_mut()) {
                path.pop_if_empty().push(below);
            }
            post(ways, url, None, PING.min(ways.limit), "the ping")
        })
        .map_err(|trouble| PostError::Ping(trouble.words))
}

fn url(ways: &Ways<'_>, address: &SecretRef, what: &str) -> Result<Url, Trouble> {
    let wrong = || Trouble::of_the_way(format!("the address of {what} is not an https:// address"));
    let text = ways.secret(address, &format!("the address of {what}"))?;
    let url = Url::parse(&text).map_err(|_| wrong())?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let closed = url.scheme() == "https" || (url.scheme() == "http" && is_this_machine(host));
    if closed && !host.is_empty() { Ok(url) } else { Err(wrong()) }
}

fn post(ways: &Ways<'_>, url: Url, body: Option<Vec<u8>>, limit: Duration, what: &str) -> Result<(), Trouble> {
    let who = format!("the server of {what}");
    let mut client = Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(limit).referer(false);
    if url.host_str().is_some_and(|host| is_this_machine(host.trim_matches(['[', ']']))) {
        client = client.no_proxy();
    }
    let unmade =
        |_| Trouble::of_the_way("this host's list of trusted authorities cannot be read (package ca-certificates)");
    let client = client.build().map_err(unmade)?;
    ways.runtime.block_on(async {
        let mut request = client.post(url);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        } else {
            request = request.header("content-length", "0");
        }
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) if answer.status().is_redirection() => {
                Err(Trouble::of_the_way(format!("{who} sends elsewhere (HTTP {})", answer.status().as_u16())))
            }
            Ok(answer) if answer.status().is_client_error() => {
                Err(Trouble::of_the_message(format!("{who} refused it (HTTP {})", answer.status().as_u16())))
            }
            Ok(answer) => Err(Trouble::of_the_way(format!("{who} has failed (HTTP {})", answer.status().as_u16()))),
            Err(why) if why.is_timeout() => Err(Trouble::of_the_way(format!("{who} did not answer in time"))),
            Err(why) if why.is_connect() => Err(connection(&why, &who)),
            Err(_) => Err(Trouble::of_the_way(format!("{who} hung up"))),
        }
    })
}
