//! Where a target lies, and whether it can be reached.

use dr_plan::{MediumId, TargetId};
use dr_store::Address;

use crate::error::RunError;

/// Where a copy can be made or read now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetLocation {
    /// The target of the plan.
    pub target: TargetId,
    /// The medium, if the target is a pool.
    pub medium: Option<MediumId>,
    /// Where the repository is.
    pub address: Address,
    /// The repository's id as the ledger knows it.
    pub repository: Option<String>,
    /// Whether the ledger knows that one was made there.
    pub founded: bool,
    /// The repositories that the ledger knows at other targets, with the name of each: none of them can be this one.
    pub taken: Vec<(String, String)>,
}

/// Whether a target can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// Here it is.
    Here(TargetLocation),
    /// No medium of its pool is loaded.
    Awaited {
        /// Who is to bring which, and until when, in words.
        who: String,
        /// Whether that time has passed.
        overdue: bool,
    },
    /// This version cannot go there.
    CannotRun(String),
    /// It should be here and is not.
    Gone(String),
}

/// Enough of an id to tell two apart.
pub(super) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

impl TargetLocation {
    /// That the repository which stands there may be used as this one.
    pub(crate) fn holds(&self, found: &str) -> Result<(), RunError> {
        let known = self.repository.as_deref();
        let taken = self.taken.iter().find(|(id, _)| id == found).filter(|_| known != Some(found));
        let why = match (taken, known, &self.medium) {
            (Some((_, other)), ..) => format!(
                "it is that of {other}, which would then be one copy under two names. Give each a folder of its own, on \
                 a device of its own"
            ),
            (None, Some(known), None) if known != found => format!(
                "the ledger knows {}, and there is {}. Is the right disk mounted? If this one is to be used from now on: \
                 `dr init --new-target {}`, and the copies in the old one count no more",
                short(known),
                short(found),
                self.target
            ),
            (None, Some(known), Some(_)) if known != found => {
                "the repository on it is not the one that the ledger knows".to_owned()
            }
            _ => return Ok(()),
        };
        if dr_switch::is_planted("gone-untold") && self.medium.is_none() {
            return Ok(());
        }
        Err(RunError::OtherRepository { target: self.named(), place: self.address.to_string(), why })
    }

    /// For messages: the target, and the medium if it is one.
    #[must_use]
    pub fn named(&self) -> String {
        match &self.medium {
            Some(medium) => format!("{} ({medium})", self.target),
            None => self.target.to_string(),
        }
    }
}
