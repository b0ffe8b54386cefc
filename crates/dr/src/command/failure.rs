//! How a round that failed ends the program.

use dr_scheduler::RoundError;

use crate::command::opened::run_failure;
use crate::context::Context;
use crate::exit::{Cause, Failure};

/// How a fault of a round is told.
pub fn failure(why: RoundError, context: &Context<'_>) -> Failure {
    match why {
        RoundError::Run(why) => run_failure(why, context),
        RoundError::Refused(why) => Failure::usage(why),
        other => Failure::new(Cause::Failed, other.to_string()),
    }
}
