//! What does the address of a database say? As libpq reads it, without what would be a secret.

use std::ffi::OsString;

use crate::address::AddressParts;

/// A database on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) database: String,
    pub(super) user: Option<String>,
    pub(super) host: Option<String>,
    pub(super) port: Option<String>,
    /// What else the client's library is told, by the name of its variable.
    pub(super) more: Vec<(&'static str, String)>,
}

/// Parameters that an address may carry, and the variables of libpq that say the same.
const MORE: [(&str, &str); 5] = [
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("options", "PGOPTIONS"),
];

impl Address {
    /// `postgres:NAME` for a database of this machine's own server, or `postgres://USER@HOST:PORT/NAME?…`.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let AddressParts { database, user, host, port, more } = AddressParts::of(url, &["postgres", "postgresql"])?;
        let mut address = Self { database, user, host, port, more: Vec::new() };
        for (key, value) in more {
            match key.as_str() {
                "host" => address.host = Some(value),
                "port" => address.port = Some(value),
                "user" => address.user = Some(value),
                "dbname" => address.database = value,
                _ => match MORE.iter().find(|(name, _)| *name == key) {
                    Some((_, variable)) => address.more.push((variable, value)),
                    None => return Err(format!("`{key}` is nothing that dr passes on in it")),
                },
            }
        }
        if address.port.as_ref().is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err("its port is not a number".to_owned());
        }
        match address.database.is_empty() {
            true => Err("it names no database: postgres://USER@HOST/NAME".to_owned()),
            false => Ok(address),
        }
    }

    /// One of a server whose socket is in this folder.
    pub(super) fn within(socket: &str, user: &str, database: &str) -> Self {
        let (user, host) = (Some(user.to_owned()), Some(socket.to_owned()));
        Self { database: database.to_owned(), user, host, port: None, more: Vec::new() }
    }

    /// What the client's library takes from its environment.
    pub(super) fn env(&self) -> Vec<(OsString, OsString)> {
        let named = [("PGHOST", &self.host), ("PGPORT", &self.port), ("PGUSER", &self.user)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let more = self.more.iter().map(|(name, value)| (*name, value.clone()));
        let database = ("PGDATABASE", self.database.clone());
        named.chain(more).chain([database]).map(|(name, value)| (name.into(), value.into())).collect()
    }

    /// The folder of its socket, if it is reached by one that the address names.
    pub(super) fn socket(&self) -> Option<&str> {
        self.host.as_deref().filter(|host| host.starts_with('/'))
    }
}
