//! What does the address of a database hold, whatever kind of server it is on?

/// The parts of an address, without what would be a secret.
#[derive(Debug, Default)]
pub(crate) struct AddressParts {
    pub(crate) database: String,
    pub(crate) user: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) port: Option<String>,
    /// What stands after its `?`.
    pub(crate) more: Vec<(String, String)>,
}

impl AddressParts {
    /// `WORD:NAME`, or `WORD://USER@HOST:PORT/NAME?…`, where the word is one of these.
    pub(crate) fn of(url: &str, words: &[&str]) -> Result<Self, String> {
        let rest = words.iter().find_map(|word| url.strip_prefix(word)?.strip_prefix(':'));
        let rest = rest.ok_or_else(|| format!("it does not begin with `{}:`", words.first().unwrap_or(&"")))?;
        let mut parts = Self::default();
        let Some(rest) = rest.strip_prefix("//") else {
            parts.database = decoded(rest)?;
            return Ok(parts);
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (server, database) = rest.split_once('/').unwrap_or((rest, ""));
        parts.database = decoded(database)?;
        let server = match server.rsplit_once('@') {
            Some((user, server)) => {
                if user.contains(':') {
                    return Err("it holds a password: name where that is found instead".to_owned());
                }
                parts.user = Some(decoded(user)?);
                server
            }
            None => server,
        };
        let (host, port) = match server.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => server.rsplit_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
        };
        parts.host = Some(decoded(host)?).filter(|host| !host.is_empty());
        parts.port = port.filter(|port| !port.is_empty()).map(str::to_owned);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            parts.more.push((key.to_owned(), decoded(value)?));
        }
        Ok(parts)
    }
}

/// What a database's dump is called. A name never holds the host's: another machine must find it.
pub(crate) fn file_name(database: &str, end: &str) -> String {
    let mut name = String::new();
    for c in database.chars() {
        match matches!(c, '%' | '/') || c.is_control() {
            true => name.push_str(&format!("%{:02X}", u32::from(c))),
            false => name.push(c),
        }
    }
    name.push_str(end);
    name
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
