//! `dr key`: keys for those who need less than the recovery key.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use dr_repo::Key;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::{env, shown, unlock};

/// Export a restricted key, for those who need less than the recovery key
#[derive(Args)]
pub struct Keys {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Export(Export),
}

/// What a key is to be good for.
#[derive(Clone, Copy, ValueEnum)]
enum Purpose {
    /// `dr forget`, `dr hold` and `dr prune`: may delete backups, cannot read or write them
    Prune,
    /// `dr repo backup`: it adds backups and reads none back
    Backup,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Prune => "prune",
            Self::Backup => "backup",
        }
    }
}

/// Write a key that can do one thing, made from the recovery key that DR_KEY_FILE names
///
/// A key to prune is for a box that should not be able to read what it clears away. It sees how many chunks there are,
/// how large they are and which of them each snapshot uses, and the names of systems, hosts and paths in lists; no file,
/// no file's name. Whoever has it can let every backup go, so keep it away from what makes the backups.
///
/// A key to back up is for a host without a plan; `dr init` makes one where there is a plan.
#[derive(Args)]
pub struct Export {
    /// A new file, which nobody else may read
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What it is for
    #[arg(long = "for", value_name = "PURPOSE")]
    purpose: Purpose,
}

impl Keys {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        match &self.what {
            What::Export(export) => export.run(context),
        }
    }
}

impl Export {
    fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let wrong = |why: String| Failure::new(Cause::WrongKey, format!("{why}. No key was written."));
        let from = env::path("DR_KEY_FILE")
            .ok_or_else(|| wrong("DR_KEY_FILE names no file, and a key is made from the recovery key".into()))?;
        let Key::Family(family) = unlock::read_key_file(&from)? else {
            return Err(wrong(format!("the key in {} is not the recovery key", shown::path(&from))));
        };
        let key = match self.purpose {
            Purpose::Prune => family.pruner().map(|pruner| Key::Pruner(Box::new(pruner))),
            Purpose::Backup => family.writer().map(|writer| Key::Writer(Box::new(writer))),
        };
        let key = key.map_err(|why| wrong(why.to_string()))?;
        unlock::write_key_file(&self.file, &key, "No key was written.")?;
        context.screen.document(&json!({
            "event": "summary", "key": self.file.display().to_string(), "for": self.purpose.name(),
        }));
        context.screen.say(&format!(
            "The key to {} is in {}. Name it in DR_KEY_FILE.",
            self.purpose.name(),
            shown::path(&self.file)
        ));
        Ok(Outcome::done())
    }
}
