//! How is a system's data read? A table with a `kind`, or a short form in one text.

use std::path::PathBuf;

use super::keys;
use super::values::{address, has_password, path, period, secret};
use crate::junk::JUNK;
use crate::period::Period;
use crate::problem::nearest;
use crate::reader::{Node, Section};
use crate::source::{EXPORT, FileType, RemoteFolder, Server, Source, SourceKind, Supplier, Website};

/// So many databases one export may have.
const DATABASES_MAX: usize = 64;

/// A source, and whether its excludes are the defaults.
pub(super) struct Read {
    pub(super) source: Source,
    pub(super) excludes_are_defaults: bool,
}

const SHORT: [&str; 10] =
    ["drop", "postgres", "mariadb", "mysql", "sqlite", "maildir", "imap", "imaps", "sftp", "https"];
const EXPECTED: &str = "a path, or a source such as \"drop:/srv/drop/mis\", \"sqlite:/srv/mis.db\", \"maildir:/srv/mail\", \"postgres:mis\", \"mariadb:shop\", \"imaps://mail.school.example\" or \"sftp://web@host/htdocs\"";

pub(super) fn source(node: &Node<'_>) -> Option<Read> {
    if node.is_text() {
        let source = short(node)?;
        return Some(Read { excludes_are_defaults: true, source });
    }
    let mut kinds = SourceKind::ALL.to_vec();
    // What many call it.
    kinds.push(("mysql", SourceKind::Mariadb));
    let open = node.names()?;
    let Some((_, kind)) = open.entries().iter().find(|(key, _)| *key == "kind") else {
        open.missing("`kind`");
        return None;
    };
    match kind.word(&kinds)? {
        SourceKind::Files => files(&node.section(keys::FILES)?),
        SourceKind::Sqlite => plain(one_path(&node.section(keys::SQLITE)?).map(|path| Source::Sqlite { path })),
        SourceKind::Maildir => plain(one_path(&node.section(keys::MAILDIR)?).map(|path| Source::Maildir { path })),
        SourceKind::Postgres => plain(database(&node.section(keys::DATABASE)?).map(Source::Postgres)),
        SourceKind::Mariadb => plain(database(&node.section(keys::DATABASE)?).map(Source::Mariadb)),
        SourceKind::Imap => plain(server(&node.section(keys::SERVER)?).map(Source::Imap)),
        SourceKind::Website => plain(website(&node.section(keys::WEBSITE)?).map(Source::Website)),
        SourceKind::Command => plain(command(&node.section(keys::COMMAND)?)),
        SourceKind::Drop => plain(drop_folder(&node.section(keys::DROP)?)),
        SourceKind::Saas => plain(saas(&node.section(keys::SAAS)?)),
    }
}

fn plain(source: Option<Source>) -> Option<Read> {
    source.map(|source| Read { source, excludes_are_defaults: false })
}

fn short(node: &Node<'_>) -> Option<Source> {
    let text = node.raw()?;
    let word = text
        .split_once(':')
        .map(|(word, _)| word)
        .filter(|word| word.len() > 1 && word.bytes().all(|b| b.is_ascii_alphanumeric()));
    let Some(word) = word else {
        return node.text().map(|text| all_of(vec![PathBuf::from(text)]));
    };
    if has_password(text) {
        node.wrong_unshown(
            "an address without a password: write the source as a table and name the password's place with `password`",
        );
        return None;
    }
    let rest = text.get(word.len() + 1..).unwrap_or("");
    let server = || Server { url: text.to_owned(), password: None, programs: None };
    let source = match word {
        _ if rest.trim_start_matches('/').is_empty() || rest.chars().any(char::is_control) => None,
        "drop" => Some(drop_at(PathBuf::from(rest))),
        "sqlite" => Some(Source::Sqlite { path: PathBuf::from(rest) }),
        "maildir" => Some(Source::Maildir { path: PathBuf::from(rest) }),
        "postgres" => Some(Source::Postgres(server())),
        "mariadb" | "mysql" => Some(Source::Mariadb(server())),
        "imap" | "imaps" => Some(Source::Imap(server())),
        "sftp" | "https" => Some(Source::Website(Website::Away(server()))),
        _ => None,
    };
    if source.is_none() {
        let near = nearest(word, SHORT).filter(|near| near != word);
        node.wrong(EXPECTED, near.map(|near| text.replacen(word, &near, 1)));
    }
    source
}

fn all_of(paths: Vec<PathBuf>) -> Source {
    Source::Files { paths, exclude: JUNK.map(str::to_owned).to_vec(), one_file_system: true }
}

fn files(table: &Section<'_>) -> Option<Read> {
    let node = table.need("paths")?;
    let paths: Vec<PathBuf> = node.texts().into_iter().map(PathBuf::from).collect();
    if node.is_list() && node.list().is_empty() {
        node.wrong("at least one path", None);
    }
    let mut source = all_of(paths);
    if let Source::Files { exclude, one_file_system, .. } = &mut source {
        if let Some(node) = table.get("exclude") {
            *exclude = node.texts();
        }
        if let Some(flag) = table.get("one-file-system").and_then(Node::flag) {
            *one_file_system = flag;
        }
    }
    Some(Read { source, excludes_are_defaults: table.get("exclude").is_none() })
}

fn one_path(table: &Section<'_>) -> Option<PathBuf> {
    table.need("path").and_then(path)
}

fn server(table: &Section<'_>) -> Option<Server> {
    let url = table.need("url").and_then(|node| if node.is_text() { address(node) } else { node.text() });
    let password = table.get("password").and_then(secret);
    Some(Server { url: url?, password, programs: None })
}

fn database(table: &Section<'_>) -> Option<Server> {
    let programs = table.get("programs").and_then(path);
    server(table).map(|server| Server { programs, ..server })
}

/// A folder with a database, or an address alone.
fn website(table: &Section<'_>) -> Option<Website> {
    let is_there = table.get("url").is_some();
    let only = |keys: &[&'static str], why: &str| {
        for key in keys.iter().filter(|key| table.get(key).is_some()) {
            table.wrong_key(key, why, None);
        }
    };
    if is_there && table.get("database").is_none() {
        only(
            &["path", "exclude", "programs", "key", "known-hosts"],
            "a `database` beside the `url`, or no `url`: a website is a folder with its database, or an address that is shown",
        );
        return server(table).map(Website::Away);
    }
    match is_there {
        true => only(&["path"], "no `path` where there is a `url`: the folder is here or there"),
        false => only(&["key", "known-hosts"], "a `url` with it: it is for a folder of another machine"),
    }
    let folder = is_there.then(|| remote(table));
    let path = if is_there { None } else { one_path(table) };
    let exclude = table.get("exclude").map(Node::texts).unwrap_or_default();
    let node = table.need("database")?;
    let url = address(node)?;
    if !["mariadb:", "mysql:"].iter().any(|word| url.starts_with(word)) {
        node.wrong("the address of a MariaDB database, such as \"mariadb:wp\" or \"mariadb://USER@HOST/NAME\"", None);
        return None;
    }
    let password = table.get("password").and_then(secret);
    let programs = table.get("programs").and_then(self::path);
    let database = Server { url, password, programs };
    Some(match folder {
        Some(folder) => Website::There { folder: folder?, exclude, database },
        None => Website::Here { path: path?, exclude, database },
    })
}

fn remote(table: &Section<'_>) -> Option<RemoteFolder> {
    let node = table.need("url")?;
    let url = address(node)?;
    let names_a_folder = url.strip_prefix("sftp://").and_then(|rest| rest.split_once('/'));
    if names_a_folder.is_none_or(|(host, path)| host.is_empty() || path.is_empty()) {
        node.wrong("the address of a folder that is read by SFTP, such as \"sftp://web@host/srv/www/site\"", None);
        return None;
    }
    let file = |key| table.get(key).and_then(path);
    Some(RemoteFolder { url, key: file("key"), known_hosts: file("known-hosts") })
}

fn command(table: &Section<'_>) -> Option<Source> {
    let run = table.need("run").map(Node::texts);
    let name = table.get("name").and_then(Node::text).unwrap_or_else(|| "output".to_owned());
    let run = run?;
    if run.is_empty()
        && let Some(node) = table.get("run")
    {
        node.wrong("a program and its arguments, as a list", None);
    }
    Some(Source::Command { run, name })
}

fn drop_at(path: PathBuf) -> Source {
    Source::Drop {
        path,
        name: "*".to_owned(),
        fresh: Period::hours(26),
        settled: Period::minutes(5),
        shrink: 30,
        content: None,
        maker: None,
        marker: None,
        facts: None,
        databases: Vec::new(),
    }
}

fn drop_folder(table: &Section<'_>) -> Option<Source> {
    let mut source = drop_at(one_path(table)?);
    if let Source::Drop { name, fresh, settled, shrink, content, maker, marker, facts, databases, .. } = &mut source {
        if let Some(text) = table.get("name").and_then(Node::text) {
            *name = text;
        }
        *fresh = table.get("fresh").and_then(period).unwrap_or(*fresh);
        *settled = table.get("settled").and_then(period).unwrap_or(*settled);
        let percent = table.get("shrink").and_then(|node| node.count(0..=100));
        *content = table.get("type").and_then(|node| node.word(FileType::ALL));
        *maker = table.get("maker").and_then(super::values::name);
        *marker = table.get("marker").and_then(beside);
        *facts = table.get("facts").and_then(beside);
        if facts.is_some()
            && facts == marker
            && let Some(node) = table.get("facts")
        {
            node.wrong("another name than that of the marker", None);
        }
        *databases = table.get("databases").map(each_once).unwrap_or_default();
        *shrink = percent.and_then(|percent| u8::try_from(percent).ok()).unwrap_or(*shrink);
    }
    Some(source)
}

/// Names of databases, of which none stands there twice.
fn each_once(node: &Node<'_>) -> Vec<String> {
    let names = node.texts();
    let mut known: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    known.sort();
    known.dedup();
    if node.is_list() && (known.len() != names.len() || !(1..=DATABASES_MAX).contains(&node.list().len())) {
        node.wrong(format!("1 to {DATABASES_MAX} databases, each once"), None);
    }
    names
}

/// The name of a file that stands beside an export.
fn beside(node: &Node<'_>) -> Option<String> {
    node.read("the name of a file beside the export, such as \"{name}.ok\"", |text| {
        let rest = text.replacen(EXPORT, "", 1);
        let is_name = !rest.is_empty() && text != "." && text != ".." && !rest.contains(['/', '{', '}']);
        (is_name && !text.chars().any(char::is_control)).then(|| text.to_owned())
    })
}

fn saas(table: &Section<'_>) -> Option<Source> {
    Some(Source::Saas(Supplier {
        name: table.need("supplier").and_then(Node::text)?,
        rpo: table.get("rpo").and_then(period),
        rto: table.get("rto").and_then(period),
        contract: table.get("contract").and_then(Node::date),
        checked: table.get("checked").and_then(Node::date),
    }))
}
