//! Which absolute paths does a plan mean? Pure: no file is asked, links are not followed.

use std::path::{Component, Path, PathBuf};

use crate::plan::{Plan, SecretRef};
use crate::source::{Server, Source, Website};
use crate::target::{TargetKind, scheme_of};

impl Plan {
    /// The same plan with every path made absolute against `base`, the folder of the plan's file.
    /// A `file:` address with a relative path becomes a plain absolute path. Programs are left as
    /// they are written: they are found as any command is.
    #[must_use]
    pub fn resolve(&self, base: &Path) -> Plan {
        let mut plan = self.clone();
        let absolute = |path: &mut PathBuf| *path = join(base, path);
        plan.state.iter_mut().for_each(absolute);
        plan.school.calendar.iter_mut().for_each(absolute);
        plan.runbook.iter_mut().for_each(absolute);
        for target in plan.targets.values_mut() {
            let path = target.local_path();
            if let (TargetKind::Url(url), Some(path)) = (&mut target.kind, path) {
                let place = join(base, &path).to_string_lossy().into_owned();
                match scheme_of(url) {
                    "" => *url = place,
                    "file" if path.is_relative() => *url = place,
                    "file" => {}
                    other => *url = format!("{other}://{place}"),
                }
            }
        }
        plan.pools.values_mut().for_each(|pool| absolute(&mut pool.mount));
        for system in &mut plan.systems {
            resolve_source(&mut system.source, base);
        }
        let alerts = &mut plan.alerts;
        alerts.smtp.iter_mut().filter_map(|smtp| smtp.ca.as_mut()).for_each(absolute);
        let smtp = alerts.smtp.as_mut().and_then(|smtp| smtp.password.as_mut());
        let secrets = [plan.keys.unlock.as_mut(), alerts.ping.as_mut(), alerts.webhook.as_mut(), smtp];
        for secret in secrets.into_iter().flatten() {
            resolve_secret(secret, base);
        }
        plan
    }
}

impl Plan {
    /// Whether a pattern is the folder of one of the plan's systems.
    #[must_use]
    pub fn is_an_inner_system(&self, pattern: &str) -> bool {
        let mut paths = self.systems.iter().flat_map(|system| system.source.paths());
        paths.any(|path| as_pattern(path) == pattern.trim_end_matches('/'))
    }
}

fn resolve_source(source: &mut Source, base: &Path) {
    match source {
        Source::Files { paths, exclude, .. } => resolve_tree(paths, exclude, base),
        Source::Website(Website::Here { path, exclude, database }) => {
            resolve_tree(std::slice::from_mut(path), exclude, base);
            resolve_server(database, base);
        }
        Source::Website(Website::There { folder, exclude: _, database }) => {
            [&mut folder.key, &mut folder.known_hosts].into_iter().flatten().for_each(|path| *path = join(base, path));
            resolve_server(database, base);
        }
        Source::Sqlite { path } | Source::Maildir { path } | Source::Drop { path, .. } => *path = join(base, path),
        Source::Postgres(server)
        | Source::Mariadb(server)
        | Source::Imap(server)
        | Source::Website(Website::Away(server)) => resolve_server(server, base),
        Source::Command { .. } | Source::Saas(_) => {}
    }
}

fn resolve_tree(paths: &mut [PathBuf], exclude: &mut [String], base: &Path) {
    for pattern in exclude.iter_mut() {
        // Only a pattern written as the paths are is one place; any other matches anywhere.
        let below = |path: &PathBuf| path.is_relative() && inside(Path::new(&*pattern), path);
        if pattern.trim_end_matches('/').contains('/') && paths.iter().any(below) {
            let base = as_pattern(base);
            *pattern = format!("{}/{}", base.trim_end_matches('/'), pattern.trim_start_matches("./"));
        }
    }
    paths.iter_mut().for_each(|path| *path = join(base, path));
}

fn resolve_server(server: &mut Server, base: &Path) {
    let Server { password, programs, .. } = server;
    password.iter_mut().for_each(|secret| resolve_secret(secret, base));
    programs.iter_mut().for_each(|path| *path = join(base, path));
}

fn resolve_secret(secret: &mut SecretRef, base: &Path) {
    if let SecretRef::File(path) = secret {
        *path = join(base, path);
    }
}

/// `base` and `path` joined, without `.` and trailing `/`. `..` stays: what lies above a link
/// only the file system knows.
fn join(base: &Path, path: &Path) -> PathBuf {
    base.join(path).components().filter(|part| *part != Component::CurDir).collect()
}

/// A path as an exclude pattern that matches it alone.
pub(crate) fn as_pattern(path: &Path) -> String {
    let plain: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    let mut pattern = String::new();
    for letter in plain.to_string_lossy().chars() {
        if "*?[]{}\\".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    // A space at its end would not count.
    let end = pattern.trim_end_matches(' ').len();
    let spaces = pattern.len() - end;
    pattern.truncate(end);
    pattern + &"\\ ".repeat(spaces)
}

/// Whether `inner` is `outer` or lies below it, as the names go.
pub(crate) fn inside(inner: &Path, outer: &Path) -> bool {
    plain(inner).starts_with(plain(outer)) && inner.is_absolute() == outer.is_absolute()
}

/// A path without its `.`s and the `/` at its end.
pub(crate) fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lie_inside_by_whole_names() {
        let check = |inner: &str, outer: &str| inside(Path::new(inner), Path::new(outer));
        assert!(check("/srv/shares/office/", "/srv/shares"));
        assert!(check("./school/a", "school"));
        assert!(!check("/srv/shares2", "/srv/shares"));
        assert!(!check("srv/shares/a", "/srv/shares"));
    }

    #[test]
    fn a_pattern_of_a_path_matches_that_path_alone() {
        assert_eq!(as_pattern(Path::new("/srv/./{a}*")), r"/srv/\{a\}\*");
        assert_eq!(as_pattern(Path::new("/srv/a  ")), r"/srv/a\ \ ");
    }

    #[test]
    fn paths_become_absolute_against_the_plans_folder() {
        let text = "school = \"S\"\nstate = \"state\"\ncopies = { onsite = \"nas/\", offsite = \"file:off\", disks = { media = 2, mount = \"disks\" } }\n[systems]\nfiles = \"./school\"\noffice = \"school/office\"\n";
        let plan = crate::parse(text, "dr.toml").unwrap().resolve(Path::new("/hb"));
        assert_eq!(plan.state, Some("/hb/state".into()));
        let urls: Vec<_> = plan.targets.values().filter_map(|target| target.url()).collect();
        assert_eq!(urls, ["/hb/off", "/hb/nas"]);
        assert_eq!(plan.pools.values().next().unwrap().mount, PathBuf::from("/hb/disks"));
        let files = plan.systems.iter().find(|system| system.id.as_str() == "files").unwrap();
        let Source::Files { paths, exclude, .. } = &files.source else { panic!("files") };
        assert_eq!(paths, &[PathBuf::from("/hb/school")]);
        assert!(exclude.contains(&"/hb/school/office".to_owned()), "{exclude:?}");
        assert!(exclude.contains(&"*.tmp".to_owned()));
        let files = "school = 'S'\ncopies = { onsite = 'nas' }\n[systems]\nf = { source = { kind = 'files', paths = ['a'], exclude = ['a/b[1]*', 'x/y', 'cache/', './a/c/', '/abs/z', '**/q/r'] } }\n";
        let plan = crate::parse(files, "dr.toml").unwrap().resolve(Path::new("/h[b]"));
        let Source::Files { exclude, .. } = &plan.systems[0].source else { panic!("files") };
        assert_eq!(exclude, &[r"/h\[b\]/a/b[1]*", "x/y", "cache/", r"/h\[b\]/a/c/", "/abs/z", "**/q/r"]);
        assert_eq!(plan.resolve(Path::new("/elsewhere")), plan);
    }
}
