//! How a round that failed ends the program.

use dr_round::RoundError;

use crate::command::opened::told;
use crate::exit::{Cause, Failure};
use crate::world::World;

/// How a fault of a round is told.
pub fn failure(why: RoundError, world: &World<'_>) -> Failure {
    match why {
        RoundError::Run(why) => told(why, world),
        RoundError::Refused(why) => Failure::usage(why),
        other => Failure::new(Cause::Failed, other.to_string()),
    }
}
