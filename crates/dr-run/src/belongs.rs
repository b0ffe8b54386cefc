//! Whose is this state? It remembers its school by name, and no other school's plan is let in.
//!
//! Two schools in one state would show the copies of one as the other's, and put both under one key.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::RunError;
use crate::places::{private_file, private_folder};

/// The file's name in the state.
const NAME: &str = "school.toml";

#[derive(Serialize, Deserialize)]
struct Owner {
    name: String,
}

/// That the state is of the school of this name, or of none yet.
///
/// # Errors
/// [`RunError::OtherSchool`], or that the file is there and cannot be read.
pub fn refuse_other_school(state: &Path, name: &str) -> Result<(), RunError> {
    match owner(state)? {
        Some(has) if alike(&has) != alike(name) => {
            Err(RunError::OtherSchool { state: state.to_owned(), has, wants: name.to_owned() })
        }
        _ => Ok(()),
    }
}

/// The school that had the name `old` has another one now.
///
/// # Errors
/// If the state is of a school that had neither name, or cannot be written.
pub fn renamed(state: &Path, old: &str, new: &str) -> Result<(), RunError> {
    let has = owner(state)?;
    if has.as_ref().is_some_and(|has| ![alike(old), alike(new)].contains(&alike(has))) {
        return Err(RunError::OtherSchool {
            state: state.to_owned(),
            has: has.unwrap_or_default(),
            wants: new.to_owned(),
        });
    }
    private_folder(state)?;
    let (path, fresh) = (state.join(NAME), state.join(format!("{NAME}.new")));
    let _ = fs::remove_file(&fresh);
    let written = private_file(&fresh, &text(new)).and_then(|()| fs::rename(&fresh, &path));
    written.and_then(|()| fs::File::open(state)?.sync_all()).map_err(RunError::local("cannot write", path))
}

/// Remembers whose the state is, unless that is known.
pub(crate) fn remember(state: &Path, name: &str) -> Result<(), RunError> {
    let path = state.join(NAME);
    match private_file(&path, &text(name)) {
        Err(why) if why.kind() != std::io::ErrorKind::AlreadyExists => Err(RunError::local("cannot write", path)(why)),
        _ => Ok(()),
    }
}

fn text(name: &str) -> String {
    toml::to_string(&Owner { name: name.to_owned() }).unwrap_or_default()
}

fn owner(state: &Path) -> Result<Option<String>, RunError> {
    let path: PathBuf = state.join(NAME);
    let text = match dr_open::text(&path, 64 << 10) {
        Ok(text) => text,
        Err(why) if matches!(why.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(why) => return Err(RunError::local("cannot read whose state this is in", path)(why)),
    };
    // Half a file, of a machine that went down, is as good as none.
    Ok(toml::from_str::<Owner>(&text).ok().map(|owner| owner.name))
}

/// A name without what makes no other school: case and spaces.
fn alike(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_takes_one_school_until_it_is_said_to_be_renamed() {
        let state = tempfile::tempdir().unwrap();
        let state = state.path();
        refuse_other_school(state, "Oak School").unwrap();
        remember(state, "Oak School").unwrap();
        remember(state, "Elm School").unwrap();
        refuse_other_school(state, "oak  school").unwrap();
        assert!(matches!(refuse_other_school(state, "Elm School"), Err(RunError::OtherSchool { .. })));
        assert!(renamed(state, "Ash School", "Elm School").is_err());
        renamed(state, "Oak School", "Elm School").unwrap();
        refuse_other_school(state, "Elm School").unwrap();
        assert!(refuse_other_school(state, "Oak School").is_err());
    }
}
