//! Keys as text: a few lines of text that a person can read, copy and check.
//!
//! ```text
//! dr-key 1 family
//! family 00112233445566778899aabbccddeeff
//! secret …64 hex digits…
//! check 1a2b3c4d
//! ```
//! `check` is the first four bytes of the BLAKE3 of all lines before it, each with its line feed.

use zeroize::Zeroizing;

use crate::error::FormatError;
use crate::id::{FamilyId, HostId, Secret, unhex};
use crate::key::{Certificate, FamilyKey, Key, Naming, PrunerKey, WriterKey};

const FAMILY: &str = "dr-key 1 family";
const WRITER: &str = "dr-key 1 writer";
const PRUNER: &str = "dr-key 1 pruner";

/// The text of a key file. Wiped when dropped; write it with mode 0600.
#[must_use]
pub fn to_text(key: &Key) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2048));
    let line = |text: &mut String, name: &str, bytes: &[u8]| {
        text.push_str(name);
        text.push(' ');
        for byte in bytes {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        text.push('\n');
    };
    match key {
        Key::Family(key) => {
            text.push_str(FAMILY);
            text.push('\n');
            line(&mut text, "family", &key.family.0);
            line(&mut text, "secret", &key.secret.0);
        }
        Key::Writer(key) => {
            text.push_str(WRITER);
            text.push('\n');
            line(&mut text, "family", &key.family.0);
            line(&mut text, "host", &key.host.0);
            for (name, secret) in [
                ("id-root", &key.naming.id_root),
                ("chunk", &key.naming.chunk),
                ("page", &key.naming.page),
                ("index", &key.naming.index),
                ("list", &key.naming.list),
                ("signing", &key.signing),
            ] {
                line(&mut text, name, &secret.0);
            }
            line(&mut text, "gc", &key.gc);
            line(&mut text, "maintenance", &key.maintenance);
            if let Some(certificate) = &key.certificate {
                line(&mut text, "certificate", &certificate.signature);
                line(&mut text, "certified", &certificate.public);
            }
            for recipient in &key.recipients {
                line(&mut text, "recipient", recipient);
            }
        }
        Key::Pruner(key) => {
            text.push_str(PRUNER);
            text.push('\n');
            let PrunerKey { writer, gc } = &**key;
            line(&mut text, "family", &writer.family.0);
            line(&mut text, "host", &writer.host.0);
            let (index, list) = (&writer.naming.index, &writer.naming.list);
            for (name, secret) in [("index", index), ("list", list), ("signing", &writer.signing), ("gc-private", gc)] {
                line(&mut text, name, &secret.0);
            }
        }
    }
    let check = blake3::hash(text.as_bytes());
    line(&mut text, "check", &check.as_bytes()[..4]);
    text
}

/// Reads the text of a key file.
///
/// # Errors
/// [`FormatError::WrongKey`] says what is wrong with it, never what is in it.
pub fn from_text(text: &str) -> Result<Key, FormatError> {
    let bad = |what: &str| FormatError::WrongKey(format!("the key file {what}"));
    let (body, check) = text
        .trim_end()
        .rsplit_once("\ncheck ")
        .map(|(body, check)| (&text[..=body.len()], check))
        .ok_or_else(|| bad("has no check line: it is not a dr key file, or it was cut"))?;
    let expected: [u8; 4] = unhex(check).ok_or_else(|| bad("has a check line that cannot be read"))?;
    if blake3::hash(body.as_bytes()).as_bytes()[..4] != expected {
        return Err(bad("does not match its check line: a character was changed"));
    }
    let mut lines = body.lines();
    let kind = lines.next().unwrap_or_default();
    let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(' ')).collect();
    let get = |name: &'static str| {
        fields
            .iter()
            .find(|(field, _)| *field == name)
            .map(|(_, value)| *value)
            .ok_or_else(|| bad(&format!("has no `{name}` line")))
    };
    let unreadable = |name: &str| bad(&format!("has a `{name}` line that cannot be read"));
    let secret = |name: &'static str| Ok::<_, FormatError>(Secret(unhex(get(name)?).ok_or_else(|| unreadable(name))?));
    let plain = |name: &'static str| unhex::<32>(get(name)?).ok_or_else(|| unreadable(name));
    let family = FamilyId(unhex(get("family")?).ok_or_else(|| unreadable("family"))?);
    match kind {
        FAMILY => Ok(Key::Family(FamilyKey { family, secret: secret("secret")? })),
        WRITER => {
            let host = HostId(unhex(get("host")?).ok_or_else(|| unreadable("host"))?);
            let recipients = fields
                .iter()
                .filter(|(name, _)| *name == "recipient")
                .map(|(_, value)| unhex(value).ok_or_else(|| unreadable("recipient")))
                .collect::<Result<Vec<_>, _>>()?;
            let certificate = Certificate {
                public: plain("certified")?,
                host,
                signature: unhex(get("certificate")?).ok_or_else(|| unreadable("certificate"))?,
            };
            Ok(Key::Writer(Box::new(WriterKey {
                family,
                host,
                naming: Naming {
                    id_root: secret("id-root")?,
                    chunk: secret("chunk")?,
                    page: secret("page")?,
                    index: secret("index")?,
                    list: secret("list")?,
                },
                recipients,
                gc: plain("gc")?,
                maintenance: plain("maintenance")?,
                signing: secret("signing")?,
                certificate: Some(certificate),
            })))
        }
        PRUNER => {
            let host = HostId(unhex(get("host")?).ok_or_else(|| unreadable("host"))?);
            let (index, list) = (secret("index")?, secret("list")?);
            let pruner = PrunerKey::of(family, host, index, list, secret("signing")?, secret("gc-private")?)?;
            Ok(Key::Pruner(Box::new(pruner)))
        }
        _ => Err(bad("is of a kind this version does not know")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_files_come_back_and_a_changed_character_is_noticed() {
        let family = FamilyKey::generate();
        let text = to_text(&Key::Family(family.clone()));
        let Key::Family(back) = from_text(&text).unwrap() else { panic!("a family key") };
        assert_eq!((back.family, back.secret.0), (family.family, family.secret.0));

        let writer = family.writer().unwrap();
        let text = to_text(&Key::Writer(Box::new(writer.clone())));
        let Key::Writer(back) = from_text(&text).unwrap() else { panic!("a writer key") };
        assert_eq!(
            (back.host, &back.certificate, &back.recipients),
            (writer.host, &writer.certificate, &writer.recipients)
        );
        assert_eq!(back.naming.index.0, writer.naming.index.0);

        let pruner = family.pruner().unwrap();
        let Key::Pruner(back) = from_text(&to_text(&Key::Pruner(Box::new(pruner.clone())))).unwrap() else {
            panic!("a pruner key")
        };
        assert_eq!((back.writer.host, back.gc.0, back.writer.gc), (pruner.writer.host, pruner.gc.0, pruner.writer.gc));
        assert_eq!(back.writer.maintenance, family.as_writer(pruner.writer.host).unwrap().maintenance);

        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= 1;
            if let Ok(changed) = std::str::from_utf8(&bytes) {
                assert!(from_text(changed).is_err() || changed.trim_end() == text.trim_end(), "byte {at}");
            }
        }
    }
}
