//! The host that writes on in another one's place, where a store takes one writer only: said by a NOTE of the maintenance
//! key.

use crate::id::{HostId, unhex};

/// The newest such NOTE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakeOver {
    /// The entry's number.
    pub n: u64,
    /// Who writes since.
    pub host: HostId,
}

/// What it says.
pub fn take_over(host: HostId, instead_of: HostId) -> String {
    format!("{TAKEN}{host}{INSTEAD}{instead_of}")
}

/// Which host writes from such a NOTE on.
pub fn taken_over_by(note: &str) -> Option<HostId> {
    let (host, instead_of) = note.strip_prefix(TAKEN)?.split_once(INSTEAD)?;
    unhex::<4>(instead_of)?;
    unhex(host).map(HostId)
}

const TAKEN: &str = "written from here on by host ";
const INSTEAD: &str = " in place of host ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_it_in_one_way_or_not_at_all() {
        let note = take_over(HostId([0xab, 1, 2, 3]), HostId([4; 4]));
        assert_eq!(note, "written from here on by host ab010203 in place of host 04040404");
        assert_eq!(taken_over_by(&note), Some(HostId([0xab, 1, 2, 3])));
        for other in [
            note.to_uppercase(),
            note.replace("ab", "AB"),
            note.replace("ab0", "b0"),
            note.replace("ab0", "gb0"),
            format!("{note} "),
            format!("{note}04"),
            format!(" {note}"),
            note.replace(INSTEAD, " in place of  host "),
            note[..note.len() - 8].to_owned(),
            note[..36].to_owned(),
            String::new(),
        ] {
            assert_eq!(taken_over_by(&other), None, "{other}");
        }
    }
}
