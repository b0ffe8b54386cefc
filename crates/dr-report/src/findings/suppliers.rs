//! Can what a supplier declares still be relied on? Its own backup is never green here; a contract that ended, or a
//! supplier whom nobody asks, is amber.

use dr_plan::{Supplier, System};
use jiff::ToSpan;
use jiff::civil::Date;

use super::{Found, Said};
use crate::judgement::Status;
use crate::words;

pub(super) fn look(found: &mut Found<'_>, system: &System, supplier: &Supplier) {
    let Supplier { contract, checked, .. } = supplier;
    let today = found.facts.today;
    found.add(
        Some(system),
        None,
        None,
        Said {
            rule: "declared",
            status: Status::Declared,
            short: "by supplier",
            cause: "its supplier says that it is backed up, and nothing of it was tested here".into(),
            risk: "only the supplier can bring it back",
            next: "ask the supplier for the date and result of a restore".into(),
        },
    );
    found.shared("school/declared", "their suppliers say that they are backed up, and nothing of them was tested here");
    if let Some(ended) = contract.filter(|ended| *ended < today) {
        let cause = format!("the contract with its supplier ended on {}", words::short_day(ended, today));
        found.add(
            Some(system),
            None,
            None,
            Said {
                rule: "contract",
                status: Status::Amber,
                short: "contract over",
                cause,
                risk: "nobody is bound to keep its data, or to give them back",
                next: "have the data exported, renew the contract and write its end into the plan".into(),
            },
        );
    }
    let Some(cause) = asked(*checked, today) else { return };
    found.add(
        Some(system),
        None,
        None,
        Said {
            rule: "asked",
            status: Status::Amber,
            short: "not asked",
            cause,
            risk: "what its supplier declares may no longer be so",
            next: "ask the supplier for the date and result of a restore, and note the day in the plan".into(),
        },
    );
    found.shared("school/asked", "nobody has asked their suppliers about backups for a year, or nobody noted when");
}

/// What is the case if nobody asked for a year.
fn asked(checked: Option<Date>, today: Date) -> Option<String> {
    let Some(checked) = checked else {
        return Some("nobody has noted when its supplier was asked about backups".to_owned());
    };
    let lapsed = checked.checked_add(1.year()).is_ok_and(|until| until < today);
    lapsed.then(|| format!("its supplier was last asked about backups on {}", words::short_day(checked, today)))
}
