//! What does the address of a MariaDB database say?

use crate::address::AddressParts;

/// A database on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) database: String,
    pub(super) user: Option<String>,
    pub(super) host: Option<String>,
    pub(super) port: Option<String>,
    pub(super) socket: Option<String>,
    /// What else the client is told, by the name of its option.
    pub(super) more: Vec<(&'static str, String)>,
}

/// Parameters that an address may carry, which are options of the client.
const MORE: [&str; 4] = ["ssl-ca", "ssl-cert", "ssl-key", "ssl-verify-server-cert"];

impl Address {
    /// `mariadb:NAME` for a database of this machine's own server, or `mariadb://USER@HOST:PORT/NAME?…`; `mysql` is the same.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let AddressParts { database, user, host, port, more } = AddressParts::of(url, &["mariadb", "mysql"])?;
        let mut address = Self { database, user, host, port, socket: None, more: Vec::new() };
        for (key, value) in more {
            match key.as_str() {
                "socket" => address.socket = Some(value),
                _ => match MORE.iter().find(|name| **name == key) {
                    Some(name) => address.more.push((name, value)),
                    None => return Err(format!("`{key}` is nothing that dr passes on in it")),
                },
            }
        }
        if address.port.as_ref().is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err("its port is no number".to_owned());
        }
        if address.socket.is_some() && address.host.as_ref().is_some_and(|host| host != "localhost") {
            return Err("it names a host and a socket: a socket is of this machine".to_owned());
        }
        match address.database.is_empty() {
            true => Err("it names no database: mariadb://USER@HOST/NAME".to_owned()),
            false => Ok(address),
        }
    }

    /// The file that tells the client's programs all of it, with the password.
    pub(super) fn options(&self, password: Option<&str>) -> String {
        let mut text = "[client]\ndefault-character-set=utf8mb4\n".to_owned();
        let named = [("host", &self.host), ("port", &self.port), ("user", &self.user), ("socket", &self.socket)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let more = self.more.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in named.chain(more).chain(password.map(|password| ("password", password))) {
            text.push_str(&format!("{name}={}\n", quoted(value)));
        }
        // A server that does not answer.
        text.push_str("[mysql]\nconnect-timeout=20\n");
        text
    }
}

/// A value as the client's own files have it.
fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}
