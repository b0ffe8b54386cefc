//! How an entry is listed, and how a snapshot's list is told.

use std::path::PathBuf;

use dr_entry::{Kind, Meta};
use dr_repo::{Listed, RepoError, Tree};
use dr_run::Naming;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::{View, paths};
use crate::exit::{Cause, Failure, Outcome};
use crate::shown;

/// Lists what is in a snapshot, or of it what `paths` name.
///
/// # Errors
/// [`Failure`], for a person to read.
pub fn list(view: &View<'_>, tree: &Tree, paths: &[PathBuf]) -> Result<Outcome, Failure> {
    let paths::Wanted { naming, there: wanted, missing, .. } = paths::wanted(paths, view.repository, tree)?;
    missing.iter().for_each(|line| view.context.screen.warning(line));
    let (screen, signals) = (view.context.screen, &view.context.signals);
    let (mut count, mut first) = (0u64, true);
    if screen.is_json() {
        screen.print(b"[");
    }
    let listed = view.repository.list(tree.id, &wanted, &mut |listed| {
        // What is above the wanted paths comes along, and was not asked for.
        if !wanted.is_empty() && !wanted.iter().any(|path| listed.path.is_within(path)) {
            return Ok(());
        }
        if screen.is_closed() || signals.stopped() {
            return Err(RepoError::Interrupted);
        }
        count += 1;
        if screen.is_json() {
            screen.print(if std::mem::take(&mut first) { b"\n" } else { b",\n" });
            screen.print(as_json(&listed, &naming).to_string().as_bytes());
        } else {
            screen.say(&as_line(&listed, &naming, &view.zone));
        }
        Ok(())
    });
    if screen.is_json() {
        screen.print(b"\n]\n");
    }
    match listed {
        Err(RepoError::Interrupted) if !signals.stopped() => Ok(Outcome::done()),
        Err(error @ RepoError::Interrupted) => Err(view.told(error)),
        Err(error) => {
            screen.warning(&format!("the list is not whole: {error}"));
            Ok(Outcome::done().with(true, Cause::Missing))
        }
        Ok(()) if count == 0 && !wanted.is_empty() => {
            Err(Failure::new(Cause::Failed, format!("snapshot {} has nothing of that name.", tree.id)))
        }
        Ok(()) => Ok(Outcome::done().with(!missing.is_empty(), Cause::Missing)),
    }
}

fn as_json(Listed { path, meta }: &Listed, naming: &Naming) -> Value {
    let mut out = Map::new();
    shown::put_name(&mut out, "path", path.as_bytes());
    shown::put_name(&mut out, "on_the_machine", &naming.on_the_machine(path));
    out.append(&mut meta_json(meta));
    Value::Object(out)
}

/// What an entry is, apart from its name.
pub fn meta_json(meta: &Meta) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("kind".into(), json!(word(&meta.kind)));
    out.insert("size".into(), json!(meta.size));
    out.insert("mode".into(), json!(format!("{:04o}", meta.mode)));
    out.insert("mtime".into(), json!(shown::rfc3339_exact(meta.mtime)));
    out.insert("uid".into(), json!(meta.user.id));
    out.insert("gid".into(), json!(meta.group.id));
    for (key, owner) in [("user", &meta.user), ("group", &meta.group)] {
        if let Some(name) = &owner.name {
            shown::put_name(&mut out, key, name);
        }
    }
    match &meta.kind {
        Kind::Symlink(text) => shown::put_name(&mut out, "target", text),
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
            out.insert("device".into(), json!([major, minor]));
        }
        _ => {}
    }
    if let Some(link) = meta.link {
        out.insert("link".into(), json!(link));
    }
    if !meta.xattrs.is_empty() {
        out.insert("xattrs".into(), json!(meta.xattrs.iter().map(|(name, _)| shown::text(name)).collect::<Vec<_>>()));
    }
    out
}

/// A kind in one word.
pub fn word(kind: &Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink(_) => "symlink",
        Kind::Fifo => "fifo",
        Kind::Socket => "socket",
        Kind::CharDevice { .. } => "char-device",
        Kind::BlockDevice { .. } => "block-device",
    }
}

fn as_line(Listed { path, meta }: &Listed, naming: &Naming, zone: &TimeZone) -> String {
    let letter = match &meta.kind {
        Kind::File => '-',
        Kind::Directory => 'd',
        Kind::Symlink(_) => 'l',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
        Kind::CharDevice { .. } => 'c',
        Kind::BlockDevice { .. } => 'b',
    };
    let owner =
        |owner: &dr_entry::Owner| owner.name.as_ref().map_or_else(|| owner.id.to_string(), |name| shown::name(name));
    let name = crate::command::put_back::name(naming, path);
    let arrow = match &meta.kind {
        Kind::Symlink(text) => format!(" -> {}", shown::name(text)),
        _ => String::new(),
    };
    format!(
        "{letter}{} {:>8} {:>8} {:>12} {}  {name}{arrow}",
        rights(meta),
        owner(&meta.user),
        owner(&meta.group),
        meta.size,
        shown::at(meta.mtime.seconds.saturating_mul(1000), zone),
    )
}

/// The permission bits as `ls` writes them.
fn rights(meta: &Meta) -> String {
    let mut out = String::with_capacity(9);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = meta.mode >> shift;
        out.push(if bits & 4 != 0 { 'r' } else { '-' });
        out.push(if bits & 2 != 0 { 'w' } else { '-' });
        out.push(match (meta.mode & special != 0, bits & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
        });
    }
    out
}
