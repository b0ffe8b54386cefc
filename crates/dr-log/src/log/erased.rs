//! Which packs hold something that was erased? A note of the maintenance key says so, and every later prune obeys it.

use std::collections::BTreeSet;

use dr_format::id::{HostId, PackId, PackKind, SessionId, unhex};

use crate::fold::runs_of;
use crate::log::Log;

const BEGINNING: &str = "what was erased lies in";

/// The text of such a note: each run of packs as session, kind, first and last number.
pub fn erased_note(packs: &BTreeSet<PackId>) -> String {
    let mut text = BEGINNING.to_owned();
    for runs in runs_of(packs.iter().map(|pack| (*pack, HostId([0; 4])))) {
        for (kind, first, last) in &runs.runs {
            text += &format!(" {}:{}:{first}-{last}", runs.session, *kind as u8);
        }
    }
    text
}

/// The packs of all such notes that the log knows, whether they are still there or not.
pub fn erased(log: &Log) -> BTreeSet<PackId> {
    let named =
        log.noted().filter_map(|text| text.strip_prefix(BEGINNING)).flat_map(|text| text.split_ascii_whitespace());
    let known = &log.state.packs;
    let ranges = named.filter_map(read).filter(|(first, last)| first <= last);
    // Only packs that are there are looked at: a run may name sixteen million that never were.
    ranges.flat_map(|(first, last)| known.range(first..=last).map(|(pack, _)| *pack)).collect()
}

fn read(word: &str) -> Option<(PackId, PackId)> {
    let mut parts = word.split(':');
    let session = SessionId(unhex(parts.next()?)?);
    let kind = match parts.next()? {
        "1" => PackKind::Data,
        "2" => PackKind::Meta,
        _ => return None,
    };
    let (first, last) = parts.next()?.split_once('-')?;
    let pack = |no: &str| Some(PackId { session, kind, no: no.parse().ok()? });
    match parts.next() {
        None => Some((pack(first)?, pack(last)?)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_names_packs_as_runs_and_nonsense_names_none() {
        let pack = |kind, no| PackId { session: SessionId([7; 16]), kind, no };
        let packs = [pack(PackKind::Data, 3), pack(PackKind::Data, 4), pack(PackKind::Meta, 0)].into();
        let text = erased_note(&packs);
        let session = "07".repeat(16);
        assert_eq!(text, format!("{BEGINNING} {session}:1:3-4 {session}:2:0-0"));
        let words: Vec<_> = text[BEGINNING.len()..].split_ascii_whitespace().map(|word| read(word).unwrap()).collect();
        assert_eq!(words[0], (pack(PackKind::Data, 3), pack(PackKind::Data, 4)));
        for word in
            ["", "07:1:3-4", &format!("{session}:3:3-4"), &format!("{session}:1:3"), &format!("{session}:1:3-4:")]
        {
            assert_eq!(read(word), None, "{word}");
        }
    }
}
