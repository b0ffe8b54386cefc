//! `dr repo init`: makes a repository.

use clap::Args;
use dr_repo::{Key, RepoError, Repository, Unlock, create};
use dr_run::clock;
use dr_store::Access;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Cause, Failure, Outcome};
use crate::failure_text::{self, Operation};
use crate::place::{self, Place};
use crate::{shown, unlock};

/// Make a repository
///
/// In a folder that is absent or empty. With DR_KEY_FILE, the repository belongs to the family of that key; if the
/// file does not exist yet, a new key is written to it, and without a password it is then the only way in.
#[derive(Args)]
pub struct Init {
    /// A path, or file:// and a path
    #[arg(value_name = "URL", value_parser = place::parse)]
    place: Place,
    /// Of the same family as this repository, so that snapshots can be copied from one to the other
    #[arg(long, value_name = "URL", value_parser = place::parse)]
    family_of: Option<Place>,
}

impl Init {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        self.is_free()?;
        let keys = match &self.family_of {
            None => unlock::new_keys(context)?,
            Some(other) => sibling_keys(other, context)?,
        };
        let told = |error| failure_text::repo(&error, Operation::Founding, &context.signals);
        let blocking = self.place.store(Access::Create, context);
        let blocking = blocking.map_err(|e| failure_text::store(e, Operation::Founding, &context.signals))?;
        if let Some(path) = &keys.to_write {
            unlock::write_key_file(path, &Key::Family(keys.family.clone()), "No repository was made.")?;
            context.screen.mention(&format!("wrote the new key to {}; keep a copy away from here", shown::path(path)));
        }
        let now = clock::now();
        let created = shown::rfc3339(now.as_millisecond()).unwrap_or_default();
        let id =
            create(&blocking, &keys.family, keys.password.as_ref().map(|p| p.as_str()), &created, now.as_millisecond())
                .map_err(told)?;
        context.screen.mention(&format!("made repository {id} at {}", self.place.shown()));
        failure_text::single_writer(&blocking, context.screen);
        if keys.password.is_some() && keys.to_write.is_none() {
            context.screen.mention("whoever loses its password loses the backups: keep the password in a second place");
        }
        context.screen.event(&json!({
            "event": "summary", "repository": id.to_string(), "family": keys.family.family.to_string(),
            "url": self.place.shown(),
        }));
        Ok(Outcome::done())
    }

    /// Refuses a folder that holds anything that is not what an interrupted init leaves.
    fn is_free(&self) -> Result<(), Failure> {
        let Some(folder) = self.place.address().folder() else { return Ok(()) };
        // What an interrupted one left has none of these; whoever makes it looks closer.
        let is_used = ["log", "data", "meta", "idx", "ckpt"].iter().any(|name| folder.join(name).exists());
        if folder.join("repo.json").exists() && is_used {
            let error = RepoError::AlreadyThere(self.place.shown());
            return Err(Failure::new(Cause::Failed, format!("{error}.")));
        }
        let Ok(names) = std::fs::read_dir(folder) else { return Ok(()) };
        let is_ours = |name: &[u8]| [&b".tmp"[..], b"keys", b"lost+found", b"ecc", b"repo.json"].contains(&name);
        let other = names.flatten().map(|name| name.file_name()).find(|name| !is_ours(name.as_encoded_bytes()));
        if let Some(name) = other {
            return Err(Failure::usage(format!(
                "{} is not empty: {} is in it. No repository was made; choose a folder that is empty or not there yet.",
                self.place.shown(),
                shown::name(name.as_encoded_bytes())
            )));
        }
        Ok(())
    }
}

/// The family of another repository, and the password that opened it.
fn sibling_keys(other: &Place, context: &Context<'_>) -> Result<unlock::NewKeys, Failure> {
    let unlocking = unlock::key(context)?;
    let password = match &unlocking {
        Unlock::Password(password) => Some(password.clone()),
        Unlock::Key(_) => unlock::given()?,
    };
    let blocking =
        other.store(Access::Read, context).map_err(|e| failure_text::store(e, Operation::Opening, &context.signals))?;
    let repository = Repository::open(blocking, unlocking, dr_repo::HostId::named(&place::hostname()))
        .map_err(|e| failure_text::repo(&e, Operation::Opening, &context.signals))?;
    match repository.key() {
        Key::Family(family) => Ok(unlock::NewKeys { family: family.clone(), password, to_write: None }),
        Key::Writer(_) | Key::Pruner(_) => Err(Failure::new(
            Cause::WrongKey,
            format!(
                "the key at hand only writes to {}; a repository is made with the family's own key.",
                other.shown()
            ),
        )),
    }
}
