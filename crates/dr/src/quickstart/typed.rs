//! What does a command answer that is typed at a chosen moment?
//!
//! Through the front door: the same words, the same code, the same answer in JSON as in a shell. Only the answer is
//! kept here instead of going to standard output.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use crate::context::Context;
use crate::exit::{Cause, Failure};

/// Types commands about one plan.
pub struct Keyboard<'a> {
    context: &'a Context<'a>,
    plan: PathBuf,
}

impl<'a> Keyboard<'a> {
    pub fn new(context: &'a Context<'a>, plan: PathBuf) -> Self {
        Self { context, plan }
    }

    /// Types `args` as if it were `at`, as `by` or as nobody, and gives the last line of the answer.
    ///
    /// # Errors
    /// If the command ends with anything but 0.
    pub fn types<S: Into<OsString>>(
        &self,
        at: Timestamp,
        by: Option<&str>,
        args: impl IntoIterator<Item = S>,
    ) -> Result<Value, Failure> {
        let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
        let named = named(&args);
        match self.asks(at, by, args)? {
            (answer, 0) => Ok(answer),
            (answer, code) => {
                let stopped = self.context.signals.stopped();
                let cause = if stopped { self.context.signals.cause() } else { Cause::Failed };
                Err(Failure::new(cause, format!("`{named}` ended with {code}: {answer}")))
            }
        }
    }

    /// As [`Keyboard::types`], for a question whose answer may be bad news: the answer with its exit code.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn asks(&self, at: Timestamp, by: Option<&str>, args: Vec<OsString>) -> Result<(Value, u8), Failure> {
        if self.context.signals.stopped() {
            return Err(Failure::new(self.context.signals.cause(), "interrupted, as asked."));
        }
        let mut line: Vec<OsString> = ["dr", "--json", "--quiet", "--at"].map(OsString::from).to_vec();
        line.push(at.to_string().into());
        line.push("--plan".into());
        line.push(self.plan.clone().into_os_string());
        if let Some(by) = by {
            line.extend(["--by", by].map(OsString::from));
        }
        let named = named(&args);
        line.extend(args);
        let answered = (self.context.line.types)(line, self.context);
        let answered = answered.map_err(|why| Failure::new(why.cause, format!("`{named}`: {}", why.message)))?;
        Ok((last_line(&answered.printed), answered.code))
    }
}

/// How a message calls the command.
fn named(args: &[OsString]) -> String {
    let words = args.iter().map(|word| crate::shown::path(Path::new(word)));
    std::iter::once("dr".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

fn last_line(answer: &[u8]) -> Value {
    let mut lines = answer.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.next_back().and_then(|line| serde_json::from_slice(line).ok()).unwrap_or(Value::Null)
}
