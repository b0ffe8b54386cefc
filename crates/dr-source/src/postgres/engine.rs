//! Which PostgreSQL server of this machine can a dump be loaded into? One that is not older than what it came from.

use std::fs;
use std::path::{Path, PathBuf};

use super::client::version;
use super::facts::Facts;
use super::rights::major;

/// A server that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Engine {
    /// The folder of its programs.
    pub(super) bin: PathBuf,
    pub(super) major: u32,
}

/// Where packages put the programs of a server, a folder for each version.
const PACKAGES: [(&str, &str); 3] = [("/usr/lib/postgresql", ""), ("/usr", "pgsql-"), ("/opt", "pgsql-")];
/// Where they lie if there is one version alone.
const ALONE: [&str; 3] = ["/usr/bin", "/usr/local/bin", "/usr/local/pgsql/bin"];

/// The oldest that is new enough: nothing is gained by a newer one. `programs` is what the plan names.
pub(super) fn found(facts: &Facts, programs: Option<&Path>) -> Result<Engine, String> {
    chosen(&all(programs), facts)
}

fn chosen(all: &[Engine], facts: &Facts) -> Result<Engine, String> {
    let needed = major(facts.server).max(facts.dumped_by);
    let fits = all.iter().filter(|engine| engine.major >= needed).min_by_key(|engine| engine.major);
    let install = format!("install one (Debian and Ubuntu: apt-get install postgresql-{needed})");
    fits.cloned().ok_or_else(|| match all.iter().map(|engine| engine.major).max() {
        Some(newest) => {
            format!("the server on this machine is PostgreSQL {newest}, and {needed} or newer is needed: {install}")
        }
        None => format!("no PostgreSQL server is on this machine, and {needed} or newer is needed: {install}"),
    })
}

fn all(programs: Option<&Path>) -> Vec<Engine> {
    let mut folders: Vec<PathBuf> = programs.map(Path::to_owned).into_iter().collect();
    for (above, begins) in PACKAGES {
        let inside = fs::read_dir(above).into_iter().flatten().flatten();
        let versions = inside.filter(|entry| entry.file_name().to_string_lossy().starts_with(begins));
        folders.extend(versions.map(|entry| entry.path().join("bin")));
    }
    folders.extend(ALONE.map(PathBuf::from));
    let whole = |bin: &PathBuf| ["initdb", "postgres"].iter().all(|name| bin.join(name).is_file());
    let known = folders.into_iter().filter(whole).filter_map(|bin| {
        // A link may stand for it, and its other files lie beside what it leads to.
        let bin = bin.join("postgres").canonicalize().ok()?.parent()?.to_owned();
        let major = version(Some(&bin), "postgres").ok()?;
        Some(Engine { bin, major })
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_server_that_is_not_older_than_the_dump_is_started() {
        let engine = |major: u32| Engine { bin: format!("/usr/lib/postgresql/{major}/bin").into(), major };
        let facts = Facts { server: 150_018, dumped_by: 16, ..Facts::default() };
        assert_eq!(chosen(&[engine(17), engine(15), engine(16)], &facts), Ok(engine(16)));
        let why = chosen(&[engine(13), engine(15)], &facts).unwrap_err();
        assert!(why.contains("is PostgreSQL 15") && why.contains("apt-get install postgresql-16"), "{why}");
        assert!(chosen(&[], &facts).unwrap_err().starts_with("no PostgreSQL server is on this machine"));
    }
}
