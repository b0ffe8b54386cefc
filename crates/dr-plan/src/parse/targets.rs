//! Where do backups go? `[targets]` and `[pools]`, or the short form `copies`.

use std::collections::BTreeMap;

use super::keys;
use super::values::{address, bandwidth, name, names, path, period, schedule};
use super::{defaults, people::People};
use crate::problem::nearest;
use crate::reader::{Node, Section};
use crate::target::{Class, Pool, SCHEMES, Scheme, Shift, StoreScheme, Target, TargetKind, scheme_of};
use crate::{PoolId, TargetId};

const CLASSES: [(&str, Class); 3] = [("onsite", Class::Onsite), ("offsite", Class::Offsite), ("cloud", Class::Cloud)];

/// The most media a pool may have.
const MEDIA_MAX: u32 = 99;

/// A store's address with a scheme that is known.
fn url(node: &Node<'_>) -> Option<String> {
    let Some(text) = node.raw() else {
        node.wrong("an address in quotes: a path, \"file:///mnt/nas/dr\", \"s3://bucket/path\" …", None);
        return None;
    };
    let scheme = scheme_of(text);
    let odd = text.split_once(':').is_some_and(|(word, _)| {
        scheme.is_empty() && word.len() > 1 && word.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    if odd || StoreScheme::of(text).is_none() {
        let word = text.split(':').next().unwrap_or("");
        let known: Vec<&str> = SCHEMES.iter().map(|scheme| scheme.word).filter(|word| !word.is_empty()).collect();
        let expected = match known.split_last() {
            Some((last, others)) => format!("a path or an address with {} or {last}", others.join(", ")),
            None => "a path".to_owned(),
        };
        if super::values::has_password(text) {
            node.wrong_unshown(expected);
        } else {
            node.wrong(expected, nearest(word, known).map(|near| text.replacen(word, &near, 1)));
        }
        return None;
    }
    address(node)
}

pub(super) fn target(node: &Node<'_>) -> Option<Target> {
    let table = node.section(keys::TARGET)?;
    let pool = table.get("pool");
    if let (Some(_), Some(pool)) = (table.get("url"), pool) {
        pool.wrong("either `url` or `pool`, not both", None);
    }
    if let Some(pool) = pool {
        for key in ["class", "lock", "bandwidth"] {
            if let Some(node) = table.get(key) {
                node.wrong("nothing: a pool's media are where people put them", None);
            }
        }
        return Some(behind(name(pool)?));
    }
    let Some(node) = table.get("url") else {
        table.missing("`url` or `pool`");
        return None;
    };
    let url = url(node)?;
    Some(Target {
        class: table.get("class").and_then(|node| node.word(&CLASSES)).unwrap_or_else(|| defaults::class(&url)),
        lock: table.get("lock").and_then(period).or_else(|| defaults::lock(&url)),
        bandwidth: table.get("bandwidth").and_then(bandwidth).unwrap_or_else(|| defaults::bandwidth(&url)),
        kind: TargetKind::Url(url),
    })
}

/// The target behind which a pool stands.
fn behind(pool: PoolId) -> Target {
    Target {
        kind: TargetKind::Pool(pool),
        class: Class::Disk,
        lock: None,
        bandwidth: crate::target::Bandwidth::Unlimited,
    }
}

fn pool_of(table: &Section<'_>, people: &People) -> Pool {
    Pool {
        scheme: table.get("scheme").and_then(|node| node.word(Scheme::ALL)).unwrap_or(Scheme::RoundRobin),
        media: table.need("media").and_then(|node| node.count(1..=MEDIA_MAX)).unwrap_or(1),
        rotate: table.get("rotate").and_then(schedule).unwrap_or_else(defaults::rotate),
        shift: table.get("shift").and_then(|node| node.word(Shift::ALL)).unwrap_or(Shift::Previous),
        custodians: table.get("custodians").map(names).unwrap_or_else(|| people.carriers.clone()),
        mount: table.get("mount").and_then(path).unwrap_or_else(|| defaults::MOUNT.into()),
        place: table.get("place").and_then(name),
    }
}

pub(super) fn pool(node: &Node<'_>, people: &People) -> Option<Pool> {
    Some(pool_of(&node.section(keys::POOL)?, people))
}

/// The short form: `copies = { onsite = "/mnt/nas/dr", disks = 4 }`.
pub(super) fn copies(
    node: &Node<'_>,
    people: &People,
    targets: &mut BTreeMap<TargetId, Target>,
    pools: &mut BTreeMap<PoolId, Pool>,
) {
    let Some(table) = node.section(keys::COPIES) else {
        return;
    };
    for (key, class) in CLASSES {
        let Some(node) = table.get(key) else { continue };
        if let (Some(url), Ok(id)) = (url(node), TargetId::new(key)) {
            let (lock, bandwidth) = (defaults::lock(&url), defaults::bandwidth(&url));
            targets.insert(id, Target { kind: TargetKind::Url(url), class, lock, bandwidth });
        }
    }
    let (Some(node), Ok(target), Ok(id)) = (table.get("disks"), TargetId::new("disks"), PoolId::new("weekly")) else {
        return;
    };
    let pool = if node.is_table() {
        pool(node, people)
    } else {
        node.count(1..=MEDIA_MAX).map(|media| Pool {
            scheme: Scheme::RoundRobin,
            media,
            rotate: defaults::rotate(),
            shift: Shift::Previous,
            custodians: people.carriers.clone(),
            mount: defaults::MOUNT.into(),
            place: None,
        })
    };
    if let Some(pool) = pool {
        targets.insert(target, behind(id.clone()));
        pools.insert(id, pool);
    }
}
