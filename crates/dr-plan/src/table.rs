//! The policy's own backup table: each system, where its copies are and how often they are made.

use crate::SystemId;
use crate::TargetId;
use crate::plan::Plan;
use crate::target::Class;

/// One row of the policy's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The system.
    pub system: SystemId,
    /// As it stands on letters.
    pub title: String,
    /// Its copies in the school.
    pub on_site: Vec<Cell>,
    /// Its copies elsewhere; disks that people carry are among them, by their class.
    pub off_site: Vec<Cell>,
}

/// One copy, as the table says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Where.
    pub target: TargetId,
    /// Where that is.
    pub class: Class,
    /// How often, in words.
    pub often: String,
}

/// The rows of the table, in the plan's order.
#[must_use]
pub fn table(plan: &Plan) -> Vec<Row> {
    let row = |system: &crate::System| {
        let cells = system.copies.iter().filter_map(|copy| {
            let class = plan.targets.get(&copy.target)?.class;
            Some(Cell { target: copy.target.clone(), class, often: copy.schedule.often() })
        });
        let (on_site, off_site) = cells.partition(|cell| cell.class == Class::Onsite);
        Row { system: system.id.clone(), title: system.title.clone(), on_site, off_site }
    };
    plan.systems.iter().map(row).collect()
}
