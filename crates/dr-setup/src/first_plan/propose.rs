//! Which systems, and which places for copies, does what was found suggest? Pure.

use std::path::{Path, PathBuf};

use super::facts::{Facts, Folder, Reach};

/// A system as it could stand in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// Its id.
    pub id: String,
    /// Its source in the short form.
    pub source: String,
}

/// The ids of the policy's table, with the words in the names of folders that mean them.
const WORDS: [(&str, &[&str]); 6] = [
    ("mis", &["mis", "sims", "arbor", "bromcom", "pupils", "marks"]),
    ("admin", &["admin", "administration", "office", "finance", "hr"]),
    ("curriculum", &["curriculum", "teaching", "classes", "lessons", "resources", "staff"]),
    ("website", &["www", "web", "website", "htdocs", "html"]),
    ("email", &["mail", "vmail", "email", "maildir"]),
    ("file-server", &["shares", "shared", "share", "files", "fileserver", "file-server", "home", "data", "samba"]),
];

/// The order of the policy's table.
const ORDER: [&str; 6] = ["mis", "admin", "email", "curriculum", "file-server", "website"];

/// More databases than that are some program's own.
const DATABASES_MAX: usize = 4;
/// Databases on servers have a name each that somebody gave them; more than that are some program's own.
const SERVED_MAX: usize = 12;

/// The systems that were found, by the ids of the policy's six where their names say so.
pub fn systems(facts: &Facts) -> Vec<System> {
    let mut all = Systems::default();
    for path in facts.databases.iter().take(DATABASES_MAX) {
        let words = path.ancestors().filter_map(Path::file_stem).any(|name| meant(&name.to_string_lossy()) == "mis");
        let id = if words { "mis".to_owned() } else { id_of(path.file_stem()) };
        all.add(&id, "sqlite:", path);
    }
    for database in facts.served.iter().take(SERVED_MAX) {
        let own = meant(&database.name);
        let id = if own.is_empty() { id_of(Some(database.name.as_ref())) } else { own.to_owned() };
        all.add_source(&id, database.source.clone());
    }
    for path in &facts.mail {
        all.add("email", "maildir:", path);
    }
    for folder in facts.folders.iter().filter(|folder| folder.has_files) {
        let own = meant(&name(&folder.path));
        // Mail that lies among other files is a system of its own already; a folder named after mail is that.
        if own == "email" && facts.mail.contains(&folder.path) {
            continue;
        }
        for (id, inner) in ["admin", "curriculum"].into_iter().filter_map(|id| Some((id, part(folder, id)?))) {
            if own != id {
                all.add(id, "", inner);
            }
        }
        let id = if own.is_empty() { id_of(folder.path.file_name()) } else { own.to_owned() };
        all.add(&id, "", &folder.path);
    }
    // In the policy's order; the rest as it was found.
    all.0.sort_by_key(|system| ORDER.iter().position(|id| *id == system.id).unwrap_or(ORDER.len()));
    all.0
}

/// The folder in `folder` whose name means `id`.
fn part<'f>(folder: &'f Folder, id: &str) -> Option<&'f PathBuf> {
    folder.inner.iter().find(|inner| meant(&name(inner)) == id)
}

#[derive(Default)]
struct Systems(Vec<System>);

impl Systems {
    fn add(&mut self, id: &str, kind: &str, path: &Path) {
        // A name that is not text, or would read as something else, is for a person to write.
        let Some(path) = path.to_str().filter(|path| !path.chars().any(char::is_control) && !path.contains(',')) else {
            return;
        };
        self.add_source(id, format!("{kind}{path}"));
    }

    fn add_source(&mut self, id: &str, source: String) {
        let mut names = std::iter::once(id.to_owned()).chain((2..).map(|n: u32| format!("{id}-{n}")));
        let free = names.find(|name| !self.0.iter().any(|system| system.id == *name));
        self.0.extend(free.map(|id| System { id, source }));
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The id of the policy that a folder's name means; empty if none.
fn meant(name: &str) -> &'static str {
    let name = name.to_lowercase();
    WORDS.iter().find(|(_, words)| words.contains(&name.as_str())).map_or("", |(id, _)| id)
}

/// An id from any name.
fn id_of(name: Option<&std::ffi::OsStr>) -> String {
    let name = name.unwrap_or_default().to_string_lossy().to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let id: String = words.join("-").chars().take(40).collect();
    let id = id.trim_end_matches('-');
    if id.is_empty() { "system".to_owned() } else { id.to_owned() }
}

/// Where the on-site copy could go: another machine of the building, else another disk of this one.
pub fn onsite(facts: &Facts) -> Option<String> {
    let first = |reach| facts.mounts.iter().find(|mount| mount.reach == reach && !holds_a_system(facts, &mount.at));
    let mount = first(Reach::Network).or_else(|| first(Reach::Disk))?;
    mount.at.join("dr").to_str().map(str::to_owned)
}

/// Where a copy outside could go.
pub fn outside(facts: &Facts) -> Option<String> {
    let mount = facts.mounts.iter().find(|mount| mount.reach == Reach::Away)?;
    mount.at.join("dr").to_str().map(str::to_owned)
}

/// A disk that holds what is backed up is no place for its backups.
fn holds_a_system(facts: &Facts, at: &Path) -> bool {
    let kept = facts.folders.iter().map(|folder| &folder.path).chain(&facts.databases).chain(&facts.mail);
    kept.into_iter().any(|path| path.starts_with(at))
}

/// How many disks, and the folder under which they appear.
pub fn disks(facts: &Facts, leaves_the_building: bool) -> Option<(u32, String)> {
    let mounted = facts.disks.iter().filter_map(|disk| disk.at.as_ref()?.parent()?.to_str()).next();
    let count = u32::try_from(facts.disks.len()).unwrap_or(u32::MAX).clamp(2, 12);
    match (facts.disks.is_empty(), leaves_the_building) {
        (true, true) => None,
        _ => Some((count, mounted.unwrap_or("/mnt/dr-disks").to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use dr_source::Database;

    use super::super::facts::{Disk, Mount};
    use super::*;

    fn folder(path: &str, inner: &[&str]) -> Folder {
        Folder {
            path: path.into(),
            inner: inner.iter().map(|name| Path::new(path).join(name)).collect(),
            has_files: true,
        }
    }

    fn ids(facts: &Facts) -> Vec<(String, String)> {
        systems(facts).into_iter().map(|system| (system.id, system.source)).collect()
    }

    #[test]
    fn the_policys_six_are_known_by_their_names_and_others_get_their_own() {
        let facts = Facts {
            folders: vec![
                folder("/srv/shares", &["office", "curriculum", "tmp"]),
                folder("/var/www", &["html"]),
                Folder { path: "/srv/mis".into(), inner: vec![], has_files: false },
                folder("/srv/Choir & Band", &[]),
                folder("/home", &["oak"]),
            ],
            databases: vec!["/srv/mis/pupils.db".into(), "/srv/library/Loans 2026.sqlite".into()],
            served: ["sims", "timetable"]
                .map(|name| Database { name: name.into(), source: format!("postgres:{name}") })
                .to_vec(),
            mail: vec!["/var/vmail".into()],
            ..Facts::default()
        };
        let own = |id: &str, source: &str| (id.to_owned(), source.to_owned());
        assert_eq!(
            ids(&facts),
            [
                own("mis", "sqlite:/srv/mis/pupils.db"),
                own("admin", "/srv/shares/office"),
                own("email", "maildir:/var/vmail"),
                own("curriculum", "/srv/shares/curriculum"),
                own("file-server", "/srv/shares"),
                own("website", "/var/www"),
                own("loans-2026", "sqlite:/srv/library/Loans 2026.sqlite"),
                own("mis-2", "postgres:sims"),
                own("timetable", "postgres:timetable"),
                own("choir-band", "/srv/Choir & Band"),
                own("file-server-2", "/home"),
            ]
        );
    }

    #[test]
    fn a_network_drive_comes_before_a_disk_and_a_disk_with_the_data_is_no_place() {
        let mount = |at: &str, reach| Mount { at: at.into(), reach };
        let mut facts = Facts {
            folders: vec![folder("/srv/data/shares", &[])],
            mounts: vec![mount("/srv/data", Reach::Disk), mount("/mnt/nas", Reach::Network)],
            ..Facts::default()
        };
        assert_eq!(onsite(&facts).as_deref(), Some("/mnt/nas/dr"));
        facts.mounts.pop();
        assert_eq!(onsite(&facts), None);
        facts.mounts = vec![mount("/mnt/spare", Reach::Disk), mount("/mnt/trust", Reach::Away)];
        assert_eq!((onsite(&facts), outside(&facts)), (Some("/mnt/spare/dr".into()), Some("/mnt/trust/dr".into())));
    }

    #[test]
    fn disks_are_proposed_where_they_are_plugged_in_or_where_nothing_else_leaves_the_building() {
        let mut facts = Facts::default();
        assert_eq!(disks(&facts, true), None);
        assert_eq!(disks(&facts, false), Some((2, "/mnt/dr-disks".into())));
        facts.disks = vec![Disk { name: "sdb".into(), at: Some("/media/oak/WEEKLY".into()) }];
        assert_eq!(disks(&facts, true), Some((2, "/media/oak".into())));
    }
}
