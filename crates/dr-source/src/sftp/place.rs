//! Where is the folder of another machine, and is its address one that `ssh` cannot take for anything else?

use std::net::Ipv6Addr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use dr_plan::RemoteFolder;

use crate::address::AddressParts;

/// A folder on another machine, and how that is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemotePlace {
    pub(crate) user: Option<String>,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// From `/` on, or from where a login begins.
    pub(crate) path: String,
    pub(crate) key: Option<PathBuf>,
    pub(crate) known_hosts: Option<PathBuf>,
}

impl RemotePlace {
    /// `sftp://USER@HOST:PORT/PATH`; `/~/PATH` begins where a login begins.
    pub(crate) fn parse(folder: &RemoteFolder) -> Result<Self, String> {
        let AddressParts { database, user, host, port, more } = AddressParts::of(&folder.url, &["sftp"])?;
        let host = host.ok_or("it names no host")?;
        let is_name = !host.starts_with('-') && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
        if !is_name && host.parse::<Ipv6Addr>().is_err() {
            return Err("its host is no name or number of a machine".to_owned());
        }
        let is_name = |user: &String| {
            !user.starts_with('-') && user.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+@".contains(&b))
        };
        if user.as_ref().is_some_and(|user| user.is_empty() || !is_name(user)) {
            return Err("its user is no name of an account".to_owned());
        }
        let port = port.map(|port| port.parse::<u16>().ok().filter(|port| *port > 0).ok_or("its port is no number"));
        if !more.is_empty() {
            return Err("nothing is passed on in it after `?`".to_owned());
        }
        let path = match database.strip_prefix("~/") {
            Some(rest) => rest.trim_end_matches('/').to_owned(),
            None => format!("/{}", database.trim_matches('/')),
        };
        if path.is_empty() || path == "/" || path.chars().any(char::is_control) {
            return Err("it names no folder, such as sftp://web@host/srv/www/site".to_owned());
        }
        let (key, known_hosts) = (folder.key.clone(), folder.known_hosts.clone());
        for file in [&key, &known_hosts].into_iter().flatten() {
            if !is_one_word(file) {
                return Err(format!(
                    "{} has a letter in its path that ssh would not take as one: blanks, quotes, `%`, `$` and `\\`",
                    crate::driver::shown(file)
                ));
            }
        }
        Ok(Self { user, host, port: port.transpose()?, path, key, known_hosts })
    }

    /// The host as a person writes it.
    pub(crate) fn named(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        format!("{user}{}", self.host)
    }

    /// What is wrong with the key that the plan names. Nothing in it is looked at.
    pub(crate) fn wrong_key(&self) -> Option<String> {
        let key = self.key.as_ref()?;
        let shown = crate::driver::shown(key);
        match key.metadata() {
            Err(why) => Some(format!("the key {shown}: {why}")),
            Ok(about) if !about.is_file() => Some(format!("the key {shown} is no file")),
            Ok(about) if about.mode() & 0o077 != 0 => Some(format!(
                "the key {shown} may be read by others, and ssh does not use such a one: chmod 600 {shown}"
            )),
            Ok(_) => None,
        }
    }
}

fn is_one_word(path: &Path) -> bool {
    path.to_str().is_some_and(|text| {
        text.starts_with('/') && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "%\"'\\$".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<RemotePlace, String> {
        RemotePlace::parse(&RemoteFolder { url: url.to_owned(), key: None, known_hosts: None })
    }

    #[test]
    fn an_address_is_a_host_and_a_folder_and_nothing_that_ssh_takes_for_an_option() {
        let place = parsed("sftp://web@www.school.example:2222/srv/www/site/").unwrap();
        assert_eq!((place.user.as_deref(), place.port), (Some("web"), Some(2222)));
        assert_eq!((place.host.as_str(), place.path.as_str()), ("www.school.example", "/srv/www/site"));
        assert_eq!(parsed("sftp://host/~/htdocs").unwrap().path, "htdocs");
        assert_eq!(parsed("sftp://[2001:db8::1]/x").unwrap().host, "2001:db8::1");
        for (url, why) in [
            ("sftp://-oProxyCommand=id/x", "its host"),
            ("sftp://a%20b/x", "its host"),
            ("sftp://-l@host/x", "its user"),
            ("sftp://a%3Bb@host/x", "its user"),
            ("sftp://host", "no folder"),
            ("sftp://host/", "no folder"),
            ("sftp://host/~/", "no folder"),
            ("sftp:///x", "no host"),
            ("sftp://host:0/x", "its port"),
            ("sftp://host/x?y=z", "after `?`"),
            ("sftp://host/a%0Ab", "no folder"),
        ] {
            assert!(parsed(url).is_err_and(|said| said.contains(why)), "{url}: {:?}", parsed(url));
        }
        let with = |key: &str| {
            let folder = RemoteFolder { url: "sftp://h/x".into(), key: Some(key.into()), known_hosts: None };
            RemotePlace::parse(&folder).is_ok()
        };
        assert!(with("/etc/dr/website.key") && !with("/etc/a b") && !with("/etc/%h") && !with("relative"));
    }
}
