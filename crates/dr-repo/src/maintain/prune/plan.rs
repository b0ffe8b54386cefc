//! What becomes of each pack? A pure function of what is in use.

use dr_format::id::PackKind;

/// A pack and what of it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    /// Its number in the index.
    pub(super) pack: u32,
    pub(super) kind: PackKind,
    /// Of the object.
    pub(super) bytes: u64,
    /// About how many of them are needed.
    pub(super) live: u64,
    /// Why nothing may be done with it now.
    pub(super) pinned: Option<&'static str>,
    /// Whether something lies in it that was erased: little waste is no reason to leave that.
    pub(super) erased: bool,
}

/// What becomes of a pack, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Keep(String),
    /// Nothing of it is needed.
    Remove(String),
    /// What is needed of it goes into another pack, then it is removed.
    Rewrite(String),
}

/// Smaller packs than this part of a whole one are put together once there are [`SMALL_MANY`] of a kind.
const SMALL_PART: u64 = 4;
const SMALL_MANY: usize = 8;

/// Decides, so that of what stays at most the part `waste` of what is needed is not needed. `target` is the size of a
/// whole pack of a kind.
pub(super) fn plan(packs: &[Use], waste: f64, target: fn(PackKind) -> u64) -> Vec<Fate> {
    let dead = |pack: &Use| pack.bytes.saturating_sub(pack.live);
    let mut fates: Vec<Fate> = packs
        .iter()
        .map(|pack| match (pack.pinned, pack.live) {
            (Some(why), _) => Fate::Keep(why.to_owned()),
            (None, 0) => Fate::Remove("nothing in it is needed".to_owned()),
            (None, _) if pack.erased => Fate::Rewrite("something in it was erased".to_owned()),
            (None, _) => Fate::Keep(in_use(pack)),
        })
        .collect();
    let mut open: Vec<usize> =
        (0..packs.len()).filter(|at| matches!(fates[*at], Fate::Keep(_)) && packs[*at].pinned.is_none()).collect();
    let live: u64 = packs.iter().map(|pack| pack.live).sum();
    let mut unused: u64 = open.iter().map(|at| dead(&packs[*at])).sum();
    let allowed = (live as f64 * waste) as u64;
    // What frees most for the least that has to be moved first; of equal ones the first.
    let order = |at: &usize| {
        let pack = &packs[*at];
        (std::cmp::Reverse(dead(pack).saturating_mul(1_000) / pack.bytes.max(1)), *at)
    };
    open.sort_by_key(order);
    for at in &open {
        if unused <= allowed {
            break;
        }
        unused -= dead(&packs[*at]);
        fates[*at] = Fate::Rewrite(in_use(&packs[*at]));
    }
    for kind in [PackKind::Data, PackKind::Meta] {
        let is_small = |at: &&usize| packs[**at].kind == kind && packs[**at].bytes < target(kind) / SMALL_PART;
        let small: Vec<usize> = open.iter().filter(is_small).copied().collect();
        if small.len() >= SMALL_MANY {
            for at in small {
                if let Fate::Keep(_) = fates[at] {
                    fates[at] = Fate::Rewrite("small packs are put together".to_owned());
                }
            }
        }
    }
    fates
}

fn in_use(pack: &Use) -> String {
    format!("{:.0} % of it are needed", pack.live as f64 * 100.0 / pack.bytes.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: u64 = 32 << 20;

    fn used(pack: u32, bytes: u64, live: u64) -> Use {
        Use { pack, kind: PackKind::Data, bytes, live, pinned: None, erased: false }
    }

    fn words(packs: &[Use], waste: f64) -> Vec<&'static str> {
        let fates = plan(packs, waste, |_| WHOLE);
        let word = |fate: &Fate| match fate {
            Fate::Keep(_) => "keep",
            Fate::Remove(_) => "remove",
            Fate::Rewrite(_) => "rewrite",
        };
        fates.iter().map(word).collect()
    }

    #[test]
    fn what_nobody_needs_goes_and_what_is_half_needed_is_moved_until_little_is_wasted() {
        let packs = [
            used(0, WHOLE, WHOLE),
            used(1, WHOLE, 0),
            used(2, WHOLE, WHOLE / 10),
            used(3, WHOLE, WHOLE / 2),
            used(4, WHOLE, WHOLE / 100 * 98),
        ];
        assert_eq!(words(&packs, 0.05), ["keep", "remove", "rewrite", "rewrite", "keep"]);
        assert_eq!(words(&packs, 0.3), ["keep", "remove", "rewrite", "keep", "keep"]);
        assert_eq!(words(&packs, 9.0), ["keep", "remove", "keep", "keep", "keep"]);
        assert_eq!(words(&packs, 0.0), ["keep", "remove", "rewrite", "rewrite", "rewrite"]);
    }

    #[test]
    fn what_is_pinned_stays_whatever_is_in_it() {
        let mut packs = [used(0, WHOLE, 0), used(1, WHOLE, 5)];
        packs.iter_mut().for_each(|pack| pack.pinned = Some("a backup is running"));
        assert_eq!(words(&packs, 0.0), ["keep", "keep"]);
        assert_eq!(plan(&packs, 0.0, |_| WHOLE)[0], Fate::Keep("a backup is running".into()));
    }

    #[test]
    fn what_was_erased_does_not_stay_because_it_is_little() {
        let mut packs = [used(0, WHOLE, WHOLE), used(1, WHOLE, WHOLE - 1), used(2, WHOLE, 0)];
        packs.iter_mut().for_each(|pack| pack.erased = pack.pack > 0);
        assert_eq!(words(&packs, 0.05), ["keep", "rewrite", "remove"]);
        packs[1].pinned = Some("a backup is running");
        assert_eq!(words(&packs, 0.05), ["keep", "keep", "remove"]);
    }

    #[test]
    fn many_small_packs_become_few_and_a_few_stay() {
        let small = |many: u32| (0..many).map(|pack| used(pack, WHOLE / 8, WHOLE / 8)).collect::<Vec<_>>();
        assert!(words(&small(7), 0.05).iter().all(|word| *word == "keep"));
        assert!(words(&small(8), 0.05).iter().all(|word| *word == "rewrite"));
        let mut of_two_kinds = small(8);
        of_two_kinds[3].kind = PackKind::Meta;
        assert!(words(&of_two_kinds, 0.05).iter().all(|word| *word == "keep"));
    }

    #[test]
    fn nothing_is_planned_for_nothing() {
        assert_eq!(plan(&[], 0.05, |_| WHOLE), []);
    }
}
