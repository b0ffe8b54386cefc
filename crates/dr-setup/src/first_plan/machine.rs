//! What is on this machine? The one place of a first plan that looks: folders, databases, mail, mounts, disks.
//!
//! It reads names and the first bytes of what is called a database, asks database servers of this machine what their
//! databases are called, follows no link, stops after so many names, and what it may not read it leaves out: it makes
//! proposals, a person decides.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::facts::{Disk, Facts, Folder};
use super::mounts;

/// How many names are read below one folder before it is enough for a proposal.
const NAMES_MAX: usize = 50_000;
/// How deep.
const DEPTH_MAX: usize = 5;
/// What databases of SQLite are called.
const ENDINGS: [&str; 4] = ["db", "sqlite", "sqlite3", "db3"];

/// Looks where people keep things; in `only` and nowhere else if that names any folder.
pub fn look(only: &[PathBuf]) -> Facts {
    let own = only.is_empty();
    let mut facts = Facts::default();
    let mut sized: Vec<(u64, PathBuf)> = Vec::new();
    for top in if own { usual() } else { only.iter().flat_map(|folder| folders_in(folder)).collect() } {
        let mut seen = Seen::default();
        walk(&top, 0, &mut seen);
        if seen.is_ours {
            continue;
        }
        sized.append(&mut seen.databases);
        facts.mail.extend(common(&seen.mail));
        facts.sites.append(&mut seen.sites);
        facts.folders.push(Folder { inner: folders_in(&top), has_files: seen.files > 0, path: top });
    }
    sized.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    facts.databases = sized.into_iter().map(|(_, path)| path).collect();
    let sockets = |usual: [&str; 2]| if own { usual.map(PathBuf::from).to_vec() } else { with_inner(only) };
    facts.served = dr_source::postgres_databases(&sockets(["/run/postgresql", "/tmp"]));
    facts.served.extend(dr_source::mariadb_databases(&sockets(["/run/mysqld", "/var/lib/mysql"])));
    if own {
        facts.servers = servers();
        let answered = |kind: &str| facts.served.iter().any(|database| database.source.starts_with(kind));
        facts.servers.retain(|(kind, _)| !answered(kind));
        facts.person = full_name();
    }
    let table = mounts::lines(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default());
    let wanted = |at: &Path| own || only.iter().any(|folder| at.starts_with(folder));
    facts.disks = disks(&table).into_iter().filter(|disk| own || disk.at.as_deref().is_some_and(wanted)).collect();
    let unplugs = |at: &Path| facts.disks.iter().any(|disk| disk.at.as_deref() == Some(at));
    facts.mounts =
        mounts::places(&table).into_iter().filter(|mount| wanted(&mount.at) && !unplugs(&mount.at)).collect();
    facts
}

/// The folders at the top of the usual places.
fn usual() -> Vec<PathBuf> {
    let homes = folders_in(Path::new("/home"));
    let lived_in = homes.iter().any(|home| fs::read_dir(home).is_ok_and(|mut names| names.any(|name| is_shown(&name))));
    let rest = ["/var/www", "/var/vmail"].map(PathBuf::from).into_iter().filter(|folder| folder.is_dir());
    folders_in(Path::new("/srv")).into_iter().chain(lived_in.then(|| "/home".into())).chain(rest).collect()
}

fn is_shown(name: &std::io::Result<fs::DirEntry>) -> bool {
    name.as_ref().is_ok_and(|name| !name.file_name().as_encoded_bytes().starts_with(b"."))
}

/// The folders in a folder, by name; no hidden ones, no links.
fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(names) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = names
        .filter(is_shown)
        .flatten()
        .filter(|name| name.file_type().is_ok_and(|kind| kind.is_dir()) && name.file_name() != "lost+found")
        .map(|name| name.path())
        .collect();
    found.sort();
    found
}

/// These folders, and the folders in them.
fn with_inner(folders: &[PathBuf]) -> Vec<PathBuf> {
    folders.iter().flat_map(|folder| std::iter::once(folder.clone()).chain(folders_in(folder))).collect()
}

/// What is below one folder.
#[derive(Default)]
struct Seen {
    names: usize,
    files: usize,
    databases: Vec<(u64, PathBuf)>,
    mail: Vec<PathBuf>,
    sites: Vec<PathBuf>,
    /// It is a repository of ours: where backups go, not what is backed up.
    is_ours: bool,
}

fn walk(folder: &Path, depth: usize, seen: &mut Seen) {
    if ["cur", "new", "tmp"].iter().all(|name| folder.join(name).is_dir()) {
        seen.mail.push(folder.to_owned());
        return;
    }
    if folder.join("repo.json").is_file() && folder.join("log").is_dir() {
        seen.is_ours = true;
        return;
    }
    // A server's own files are no backup of its databases while it runs: those are asked for by name.
    if folder.join("PG_VERSION").is_file() || folder.join("ibdata1").is_file() {
        return;
    }
    let Ok(names) = fs::read_dir(folder) else { return };
    if folder.join("wp-config.php").is_file() && folder.join("wp-content").is_dir() {
        seen.sites.push(folder.to_owned());
    }
    for name in names.flatten() {
        seen.names += 1;
        if seen.names > NAMES_MAX || seen.is_ours {
            return;
        }
        let (path, Ok(kind)) = (name.path(), name.file_type()) else { continue };
        if kind.is_dir() && depth < DEPTH_MAX && !name.file_name().as_encoded_bytes().starts_with(b".") {
            walk(&path, depth + 1, seen);
        } else if kind.is_file() {
            match database(&path) {
                Some(bytes) => seen.databases.push((bytes, path)),
                None if is_beside_a_database(&path) => {}
                None => seen.files += 1,
            }
        }
    }
}

/// The size of a database of SQLite, by its first bytes.
fn database(path: &Path) -> Option<u64> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    if !ENDINGS.contains(&ending.as_str()) {
        return None;
    }
    let mut file = dr_open::plain(path).ok()?;
    let mut magic = [0; 16];
    file.read_exact(&mut magic).ok()?;
    (&magic == b"SQLite format 3\0").then(|| file.metadata().map_or(0, |about| about.len()))
}

/// What SQLite keeps beside a database while it is open.
fn is_beside_a_database(path: &Path) -> bool {
    let name = path.to_string_lossy();
    ["-wal", "-shm", "-journal"].iter().any(|end| name.ends_with(end))
}

/// The deepest folder that holds all of them.
fn common(paths: &[PathBuf]) -> Option<PathBuf> {
    let first = paths.first()?;
    first.ancestors().find(|folder| paths.iter().all(|path| path.starts_with(folder))).map(Path::to_owned)
}

/// Database servers, by the places where Debian and its relatives keep their data and their sockets.
fn servers() -> Vec<(&'static str, PathBuf)> {
    const PLACES: [(&str, &str); 6] = [
        ("postgres", "/var/lib/postgresql"),
        ("postgres", "/var/lib/pgsql"),
        ("postgres", "/run/postgresql"),
        ("mariadb", "/var/lib/mysql"),
        ("mariadb", "/run/mysqld/mysqld.sock"),
        ("mariadb", "/var/lib/mysql/mysql.sock"),
    ];
    let mut found: Vec<(&'static str, PathBuf)> = Vec::new();
    for (kind, path) in PLACES {
        let there = fs::read_dir(path).map_or_else(|_| Path::new(path).exists(), |mut names| names.next().is_some());
        if there && !found.iter().any(|(other, _)| *other == kind) {
            found.push((kind, path.into()));
        }
    }
    found
}

/// Disks that say of themselves that they can be unplugged, and whatever is mounted where desktops put such disks.
fn disks(table: &[mounts::Line]) -> Vec<Disk> {
    let mut found: Vec<Disk> = Vec::new();
    for disk in fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        let name = disk.file_name().to_string_lossy().into_owned();
        let says = |about: &str| fs::read_to_string(disk.path().join(about)).unwrap_or_default();
        // A drive without a medium has no size.
        if says("removable").trim() != "1" || says("size").trim() == "0" || name.starts_with("loop") {
            continue;
        }
        let device = format!("/dev/{name}");
        let at = table.iter().find(|line| line.from.starts_with(&device)).map(|line| line.at.clone());
        found.push(Disk { name, at });
    }
    for line in table.iter().filter(|line| line.at.starts_with("/media") || line.at.starts_with("/run/media")) {
        if !found.iter().any(|disk| disk.at.as_ref() == Some(&line.at)) {
            let name = line.from.trim_start_matches("/dev/").to_owned();
            found.push(Disk { name, at: Some(line.at.clone()) });
        }
    }
    found
}

/// The account's own full name. Root's and a machine's accounts have none that is a person's.
fn full_name() -> Option<String> {
    let id = rustix::process::getuid().as_raw().to_string();
    let table = fs::read_to_string("/etc/passwd").ok()?;
    let line = table.lines().find(|line| line.split(':').nth(2) == Some(&id))?;
    let name = line.split(':').nth(4)?.split(',').next()?.trim();
    (name.contains(' ') && !name.chars().any(char::is_control)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machines_folders_databases_and_mail_are_found_and_a_repository_is_left_alone() {
        let machine = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = machine.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        put("shares/office/letter.txt", b"Dear all");
        put("mis/mis.db", b"SQLite format 3\0and so on");
        put("mis/mis.db-wal", b"");
        put("shares/not-one.db", b"a list of names");
        put("shares/.hidden/x.db", b"SQLite format 3\0and so on");
        for folder in ["mail/ash/cur", "mail/ash/new", "mail/ash/tmp", "mail/oak/cur", "mail/oak/new", "mail/oak/tmp"] {
            fs::create_dir_all(machine.path().join(folder)).unwrap();
        }
        put("web/school/wp-config.php", b"<?php");
        put("web/school/wp-content/uploads/a.jpg", b"a picture");
        put("cluster/PG_VERSION", b"15");
        put("cluster/base/1/1247", b"pages");
        put("nas/repo.json", b"{}");
        put("nas/log/a", b"");
        let facts = look(&[machine.path().to_owned()]);
        let here = |name: &str| machine.path().join(name);
        assert_eq!(facts.databases, [here("mis/mis.db")]);
        assert_eq!(facts.mail, [here("mail")]);
        let folders: Vec<_> = facts.folders.iter().map(|folder| (folder.path.clone(), folder.has_files)).collect();
        assert_eq!(
            folders,
            [
                (here("cluster"), false),
                (here("mail"), false),
                (here("mis"), false),
                (here("shares"), true),
                (here("web"), true)
            ]
        );
        assert_eq!(facts.sites, [here("web/school")]);
        assert_eq!(facts.folders[3].inner, [here("shares/office")]);
        assert!(facts.mounts.is_empty() && facts.disks.is_empty() && facts.person.is_none());
    }
}
