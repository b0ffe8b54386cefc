//! The steps by which a school gets its systems back on a bad day, bound to the plan's people and systems.
//!
//! The runbook never says who somebody is or where a system's data lies: it names them by the plan's ids, and
//! [`bind`] holds every name against the plan. All of it is pure; nothing here carries a step out.
//!
//! `runbook` says what a runbook holds, `parse` reads it, `bind` joins it to a plan, `path` puts steps in order and
//! adds up how long they take, `lint` says what would go wrong, `print` makes the copy for the grab bag.

mod bind;
mod bound;
mod lint;
mod name;
mod parse;
mod path;
mod print;
mod runbook;
mod wrapped;

pub use bind::{Bound, BoundStep, bind};
pub use lint::lint;
pub use name::{AssetId, ContactId, DecisionId, NotifyId, RoleId, ScenarioId, StepId};
pub use parse::parse;
pub use path::{CriticalPath, critical_path, order, scenario_order};
pub use print::{Stamp, print_html, print_text};
pub use runbook::{
    Asset, Contact, Decision, Document, Kind, Notify, PLACEHOLDERS, Phase, Role, Runbook, Scenario, Step,
};
pub use wrapped::wrapped;
