//! Who loads a dump? An account that is made for it, may do no more than that one database, and is gone afterwards: a dump
//! is statements, and whatever they are, they reach nothing else.

use std::path::Path;

use super::client::{MariadbClient, Password};
use super::facts::Facts;
use super::sql::identifier;
use crate::SourceError;
use crate::driver::Hands;

/// A server, seen by the account that loads.
pub(super) struct Place<'a> {
    server: &'a MariadbClient,
    /// Its own account, by its name as SQL has it; `None`: whoever made the database loads it.
    own: Option<(String, MariadbClient)>,
    /// What a person should know.
    pub(super) said: Vec<String>,
}

impl<'a> Place<'a> {
    /// An account for `database`, which is there and empty.
    pub(super) fn open(
        server: &'a MariadbClient,
        programs: Option<&Path>,
        database: &str,
        facts: &Facts,
        hands: &Hands<'_>,
    ) -> Result<Self, SourceError> {
        let mut place = Self { server, own: None, said: Vec::new() };
        // As the server sees where we come from.
        let about = server.ask("select substring_index(user(), '@', -1), @@global.log_bin and not @@global.log_bin_trust_function_creators;").map_err(SourceError::of_loading)?;
        let (host, logs) = about.trim().rsplit_once('\t').unwrap_or((about.trim(), "0"));
        let random = || {
            getrandom::u64()
                .map_err(|why| SourceError::not_loaded(format!("the system gives no random numbers: {why}")))
        };
        let user = format!("dr_load_{:08x}", random()? >> 32);
        // With a letter of each sort, for servers that ask for that.
        let password = format!("Dr-{:016x}{:016x}", random()?, random()?);
        let account = format!("'{user}'@{}", quoted(host));
        let made = server.ask(&format!("create user {account} identified by '{password}';"));
        if let Err(why) = made {
            place.said.push(format!(
                "no account could be made for loading alone ({}), so the one that was given loaded it",
                why.alone()
            ));
            return Ok(place);
        }
        let pattern = identifier(&database.replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%"));
        let mut script = format!("grant all privileges on {pattern}.* to {account};");
        let names_others = facts.definers > 0;
        if names_others {
            // Without these no trigger, view or routine of another account can be made; with a binary log none at all.
            let more = if logs == "1" { ", super" } else { "" };
            script.push_str(&format!("grant set user{more} on *.* to {account};"));
        }
        let mut address = server.address.clone();
        address.user = Some(user);
        let granted = server.ask(&script).map_err(SourceError::of_loading);
        let opened = granted.and_then(|_| {
            MariadbClient::to(address, programs, &Password::Is(&password), hands).map_err(SourceError::of_loading)
        });
        match opened {
            Ok(client) => place.own = Some((account, client)),
            Err(why) => {
                let _ = server.ask(&format!("drop user {account};"));
                return Err(why);
            }
        }
        if names_others {
            place.said.push(format!(
                "{} views, triggers, routines and events run with the rights of accounts that the dump names; see that those \
                 accounts are there",
                facts.definers
            ));
        }
        Ok(place)
    }

    /// The programs of whoever loads.
    pub(super) fn client(&self) -> &MariadbClient {
        self.own.as_ref().map_or(self.server, |(_, client)| client)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some((account, _)) = &self.own {
            // It has a password that nobody knows, and rights on a database that may be gone.
            let _ = self.server.ask(&format!("drop user {account};"));
        }
    }
}

/// A text in quotes; a server's own word for a host.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace(['\\', '\''], ""))
}
