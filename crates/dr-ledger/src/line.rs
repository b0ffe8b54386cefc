//! The bytes of one line: where each field stands and what the two hashes cover.
//!
//! `{"n":7,"prev":"<64 hex>","body_hash":"<64 hex>","body":{…}}`, with exactly these keys in this order and no spaces,
//! so that the body's bytes can be cut out without an opinion about JSON. The chain covers the body's hash and not the
//! body: once its time is up a body can be taken out, leaving `{"n":7,"prev":"…","body_hash":"…"}`, and every later
//! hash still holds. Anything that is not spelled like this is not a line; there is no second way to write an entry.

use crate::id::Digest;

/// The longest line with its newline, in bytes. Real ones are some hundred bytes.
pub const LINE_MAX: usize = 1 << 20;

const ENTRY_CONTEXT: &str = "dr 2026 ledger entry v1";
const BODY_CONTEXT: &str = "dr 2026 ledger body v1";

/// The hash of a body's exact text.
pub fn body_hash(text: &str) -> Digest {
    Digest(blake3::derive_key(BODY_CONTEXT, text.as_bytes()))
}

/// The hash of the entry `n` after `prev`: what the next entry points at.
pub fn entry_hash(prev: Digest, n: u64, body_hash: Digest) -> Digest {
    let mut bytes = [0; 72];
    bytes[..32].copy_from_slice(&prev.0);
    bytes[32..40].copy_from_slice(&n.to_le_bytes());
    bytes[40..].copy_from_slice(&body_hash.0);
    Digest(blake3::derive_key(ENTRY_CONTEXT, &bytes))
}

/// One line, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    pub n: u64,
    pub prev: Digest,
    pub body_hash: Digest,
    /// `None` once purged.
    pub body: Option<&'a str>,
}

impl<'a> Line<'a> {
    /// The line of `body` at place `n` after `prev`.
    pub fn of(n: u64, prev: Digest, body: &'a str) -> Self {
        Self { n, prev, body_hash: body_hash(body), body: Some(body) }
    }

    /// The same entry without its body.
    pub fn stub(&self) -> Self {
        Self { body: None, ..*self }
    }

    pub fn hash(&self) -> Digest {
        entry_hash(self.prev, self.n, self.body_hash)
    }

    /// Whether the body, if it is still there, is the one that was hashed.
    pub fn body_holds(&self) -> bool {
        self.body.is_none_or(|text| body_hash(text) == self.body_hash)
    }

    /// The line with its newline.
    pub fn render(&self) -> String {
        let Self { n, prev, body_hash, body } = self;
        match body {
            Some(body) => format!("{{\"n\":{n},\"prev\":\"{prev}\",\"body_hash\":\"{body_hash}\",\"body\":{body}}}\n"),
            None => format!("{{\"n\":{n},\"prev\":\"{prev}\",\"body_hash\":\"{body_hash}\"}}\n"),
        }
    }

    /// Takes a line (without its newline) apart; `None` if it is spelled in any other way than [`Self::render`] does.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let rest = text.strip_prefix("{\"n\":")?;
        let (digits, rest) = rest.split_once(",\"prev\":\"")?;
        let n = number(digits)?;
        let (prev, rest) = hex(rest)?;
        let (body_hash, rest) = hex(rest.strip_prefix("\",\"body_hash\":\"")?)?;
        let rest = rest.strip_prefix('"')?.strip_suffix('}')?;
        let body = match rest {
            "" => None,
            _ => Some(rest.strip_prefix(",\"body\":").filter(|body| is_object(body))?),
        };
        Some(Self { n, prev, body_hash, body })
    }
}

/// Decimal, from 1, without leading zeros: one number, one spelling.
fn number(digits: &str) -> Option<u64> {
    let plain = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

fn hex(text: &str) -> Option<(Digest, &str)> {
    let (digits, rest) = text.split_at_checked(64)?;
    Some((Digest::from_hex(digits).ok()?, rest))
}

fn is_object(text: &str) -> bool {
    text.starts_with('{') && text.ends_with('}') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
