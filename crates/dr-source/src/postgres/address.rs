//! What does the address of a database say? As libpq reads it, without what would be a secret.

use std::ffi::OsString;

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
        let rest = url.strip_prefix("postgresql:").or_else(|| url.strip_prefix("postgres:"));
        let rest = rest.ok_or("it does not begin with `postgres:`")?;
        let mut address = Self { database: String::new(), user: None, host: None, port: None, more: Vec::new() };
        let Some(rest) = rest.strip_prefix("//") else {
            address.database = decoded(rest)?;
            return address.named();
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (server, database) = rest.split_once('/').unwrap_or((rest, ""));
        address.database = decoded(database)?;
        let server = match server.rsplit_once('@') {
            Some((user, server)) => {
                if user.contains(':') {
                    return Err("it holds a password: name where that is found instead".to_owned());
                }
                address.user = Some(decoded(user)?);
                server
            }
            None => server,
        };
        let (host, port) = match server.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => server.rsplit_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
        };
        address.host = Some(decoded(host)?).filter(|host| !host.is_empty());
        address.port = port.filter(|port| !port.is_empty()).map(str::to_owned);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value)?;
            match key {
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
        address.named()
    }

    fn named(self) -> Result<Self, String> {
        match self.database.is_empty() {
            true => Err("it names no database: postgres://USER@HOST/NAME".to_owned()),
            false => Ok(self),
        }
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

fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'%' => {
                let digits = rest.get(..2).and_then(|two| std::str::from_utf8(two).ok());
                let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
                bytes.push(byte.filter(|byte| *byte != 0).ok_or("after `%` two digits of 0 to 9 and A to F follow")?);
                rest = &rest[2..];
            }
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}
