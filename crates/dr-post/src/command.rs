//! How does a program of the school's get a message?
//!
//! It is started with its arguments as they stand in the plan, and reads the whole mail on its standard input, as it
//! would be sent. What it writes is thrown away: it may hold anything.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use dr_plan::{Alerts, Hook, PersonId};
use dr_process::{ProcessError, Program};
use lettre::Address;

use crate::mail;
use crate::message::Message;
use crate::trouble::Trouble;
use crate::ways::Ways;

/// Gives a message to the plan's program; whom it cannot reach, because it gets no address of theirs, and why.
pub(crate) fn hand_over(ways: &Ways<'_>, hook: &Hook, message: &Message) -> Result<Vec<(PersonId, String)>, Trouble> {
    // It may pass the mail on, so it gets no address that mail may not go to.
    let (to, unreachable) = mail::sorted(message.to.iter(), ways.may_mail);
    let input = mail::write(message, &sender(ways.alerts)?, &to)?;
    let finished = dr_process::run(Program {
        args: hook.run.iter().map(OsString::from).collect(),
        env: Vec::new(),
        stdin: Some(input),
        timeout: Duration::try_from(hook.timeout.longest()).unwrap_or(Duration::from_secs(60)),
        output_max: 0,
    });
    match finished {
        Ok(finished) if finished.status.success() => Ok(unreachable),
        Ok(finished) => Err(Trouble::of_the_message(match (finished.status.code(), finished.status.signal()) {
            (Some(code), _) => format!("the alert program failed (exit code {code})"),
            (None, Some(signal)) => format!("the alert program was ended by signal {signal}"),
            (None, None) => "the alert program failed".to_owned(),
        })),
        Err(ProcessError::TimedOut { .. }) => Err(Trouble::of_the_message("the alert program was not done in time")),
        Err(why @ ProcessError::NotStarted { .. }) => {
            Err(Trouble::of_the_way("the alert program could not be started").because(&why.to_string()))
        }
        Err(_) => Err(Trouble::of_the_way("nobody knows how the alert program ended")),
    }
}

/// A mail has to be from somebody, also where there is no mail server.
fn sender(alerts: &Alerts) -> Result<Address, Trouble> {
    if let Some(Ok(named)) = alerts.smtp.as_ref().map(mail::sender) {
        return Ok(named);
    }
    Address::new("dr", "localhost").map_err(|_| Trouble::of_the_message("the message cannot be written as a mail"))
}
