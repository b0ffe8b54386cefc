//! Which accounts are there? Within a user namespace not all of them are.

use std::fs;

use super::layout::NOBODY;

/// Whether this process is root and can become nobody.
pub(super) fn becomes_nobody() -> bool {
    let maps = |file: &str| fs::read_to_string(file).is_ok_and(|map| holds(&map, NOBODY));
    rustix::process::geteuid().is_root() && maps("/proc/self/uid_map") && maps("/proc/self/gid_map")
}

/// Whether an id is one of those that a map has.
fn holds(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        matches!(numbers[..], [first, _, count] if (first..first.saturating_add(count)).contains(&u64::from(id)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_there_if_one_line_of_the_map_has_it() {
        assert!(holds("         0          0 4294967295\n", NOBODY));
        assert!(!holds("         0       1000          1\n", NOBODY));
        assert!(holds("0 1000 1\n1 100000 65536\n", NOBODY));
        assert!(!holds("0 1000 1\n1 100000 65533\n", NOBODY));
    }
}
