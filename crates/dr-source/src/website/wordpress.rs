//! Where does WordPress keep what is asked of it? Its tables, its own address, its newest pages and uploads.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::serve::bytes;

/// So many of its newest posts and pages are fetched.
const PAGES: usize = 9;
/// So many of its newest uploads are looked at, for one that is there.
const UPLOADS: usize = 50;
/// A configuration is no longer.
const CONFIG_MAX: u64 = 1 << 20;
/// Its configuration, and what begins it.
const CONFIG: &str = "wp-config.php";
const LOADS: &str = "wp-load.php";

/// The program, as it lies in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WordPress {
    /// How the names of its tables begin.
    pub(super) prefix: String,
    /// The folder of its own that it lies in, if it does.
    pub(super) inner: Option<String>,
}

/// What a website is, as far as this version knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SiteProgram {
    WordPress(WordPress),
    /// WordPress without what it needs; why.
    Lacking(&'static str),
    Other,
}

/// Looks in the folder, and at the names of the tables.
pub(super) fn content<'t>(folder: &Path, tables: impl Iterator<Item = &'t str>) -> SiteProgram {
    let Some(inner) = inner(folder) else { return SiteProgram::Other };
    let Some(config) = configuration(folder, inner.as_deref()) else { return SiteProgram::Lacking(NO_CONFIG) };
    let prefixes = prefixes(tables);
    let written = prefix(&config).filter(|prefix| prefixes.contains(prefix));
    match written.or_else(|| prefixes.first().filter(|_| prefixes.len() == 1).cloned()) {
        Some(prefix) => SiteProgram::WordPress(WordPress { prefix, inner }),
        None => SiteProgram::Lacking("its database holds no tables of WordPress that belong to its wp-config.php"),
    }
}

const NO_CONFIG: &str = "its wp-config.php is not in the folder, and so in no backup of it: it lies above the folder or in \
                         /etc/wordpress; let a system of files keep it";

/// That a living WordPress keeps its configuration elsewhere, where no run reads it.
pub(super) fn lacks_configuration(folder: &Path) -> Option<&'static str> {
    let inner = inner(folder)?;
    let there =
        places(folder, inner.as_deref()).iter().any(|path| fs::symlink_metadata(path).is_ok_and(|one| one.is_file()));
    (!there).then_some(NO_CONFIG)
}

fn configuration(folder: &Path, inner: Option<&str>) -> Option<String> {
    places(folder, inner).iter().find_map(|path| dr_open::text(path, CONFIG_MAX).ok())
}

fn places(folder: &Path, inner: Option<&str>) -> [PathBuf; 2] {
    [folder.join(inner.unwrap_or_default()).join(CONFIG), folder.join(CONFIG)]
}

/// Which folder in the folder it lies in; `None` in it: in the folder itself.
fn inner(folder: &Path) -> Option<Option<String>> {
    if folder.join(LOADS).is_file() {
        return Some(None);
    }
    let names = fs::read_dir(folder).into_iter().flatten().flatten().filter(|one| one.path().join(LOADS).is_file());
    let mut names: Vec<String> = names.filter_map(|one| one.file_name().into_string().ok()).collect();
    names.sort();
    // One beside a website that is something else says nothing of that.
    names.into_iter().next().filter(|_| folder.join("index.php").is_file()).map(Some)
}

/// How the tables of WordPress begin, for each that is in a database.
fn prefixes<'t>(tables: impl Iterator<Item = &'t str>) -> Vec<String> {
    let tables: Vec<&str> = tables.collect();
    let has = |prefix: &str, name: &str| tables.iter().any(|table| table.strip_prefix(prefix) == Some(name));
    let begins = tables.iter().filter_map(|table| table.strip_suffix("options"));
    begins
        .filter(|prefix| prefix.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
        .filter(|prefix| ["posts", "postmeta", "terms"].iter().all(|name| has(prefix, name)))
        .map(str::to_owned)
        .collect()
}

/// What `$table_prefix` is in a configuration.
fn prefix(config: &str) -> Option<String> {
    let mut written = config.lines().map(str::trim_start).filter_map(|line| line.strip_prefix("$table_prefix"));
    let value = written.next_back()?.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    value[1..].split_once(quote).map(|(prefix, _)| prefix.to_owned())
}

/// What its database says, in columns that hold digits of base 16: a title may hold anything.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SiteContents {
    /// The address of its front page.
    pub(super) home: String,
    /// That of its own files.
    pub(super) program_at: String,
    /// The addresses of its newest posts and pages, with their titles.
    pub(super) pages: Vec<(String, String)>,
    /// The names of its newest uploads, below their folder.
    pub(super) uploads: Vec<String>,
}

impl WordPress {
    /// What its database is asked.
    pub(super) fn script(&self) -> String {
        let table = |name: &str| format!("`{}{name}`", self.prefix);
        let (options, posts, meta) = (table("options"), table("posts"), table("postmeta"));
        format!(
            "select option_name, hex(option_value) from {options} where option_name in ('home', 'siteurl');
             select post_type, concat(ID, ':', hex(post_title)) from {posts} where post_status = 'publish'
               and post_type in ('post', 'page') and post_password = '' order by post_date desc, ID desc limit {PAGES};
             select 'upload', hex(meta_value) from {meta} where meta_key = '_wp_attached_file'
               order by meta_id desc limit {UPLOADS};\n"
        )
    }
}

impl WordPress {
    /// Below which path of its address the folder stands.
    pub(super) fn below<'c>(&self, contents: &'c SiteContents) -> &'c str {
        let program = path(&contents.program_at);
        match &self.inner {
            None => program,
            Some(inner) => program
                .strip_suffix(inner.as_str())
                .and_then(|rest| rest.strip_suffix('/'))
                .unwrap_or_else(|| path(&contents.home)),
        }
    }

    /// Where an upload lies in the folder, and its address.
    pub(super) fn upload(&self, contents: &SiteContents, name: &str) -> (PathBuf, String) {
        let within = Path::new(self.inner.as_deref().unwrap_or_default()).join(UPLOADED).join(name);
        (within, format!("{}/{UPLOADED}/{name}", contents.program_at))
    }
}

/// Reads the answer; `None` if it has no address.
pub(super) fn contents(answer: &str) -> Option<SiteContents> {
    let (mut contents, mut options) = (SiteContents::default(), BTreeMap::new());
    let text = |digits: &str| bytes(digits).and_then(|bytes| String::from_utf8(bytes).ok());
    let mut pages = Vec::new();
    for (kind, value) in answer.lines().filter_map(|line| line.split_once('\t')) {
        match kind {
            "post" | "page" => {
                let (id, title) = value.split_once(':')?;
                let key = if kind == "post" { "p" } else { "page_id" };
                pages.push((format!("{key}={}", id.parse::<u64>().ok()?), text(title)?));
            }
            "upload" => contents.uploads.extend(text(value).filter(|name| plain(name))),
            name => {
                options.insert(name.to_owned(), text(value)?);
            }
        }
    }
    let address = |name: &str| options.get(name).map(|url| url.trim_end_matches('/').to_owned()).filter(|url| web(url));
    contents.home = address("home")?;
    contents.program_at = address("siteurl")?;
    contents.pages = pages.into_iter().map(|(key, title)| (format!("{}/?{key}", contents.home), title)).collect();
    Some(contents)
}

/// Whether it is an address that can be asked for in one line.
pub(super) fn web(url: &str) -> bool {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && url.bytes().all(|b| b.is_ascii_graphic()))
}

/// Whether it is a name below a folder, which needs nothing but itself in an address.
fn plain(name: &str) -> bool {
    let letters = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    !name.starts_with('/') && !name.split('/').any(|part| part == "..") && name.bytes().all(letters)
}

/// The path of an address, without its last `/`.
pub(super) fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |at| rest[at..].trim_end_matches('/'))
}

/// Where uploads lie in the folder of the program, and below its address.
const UPLOADED: &str = "wp-content/uploads";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_tables_are_those_of_its_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let tables = |prefix: &str| ["options", "posts", "postmeta", "terms"].map(|name| format!("{prefix}{name}"));
        let all: Vec<_> = tables("wp_").into_iter().chain(tables("hb_")).chain(["other_options".to_owned()]).collect();
        let seen = |all: &[String]| content(folder.path(), all.iter().map(String::as_str));
        assert_eq!(seen(&all), SiteProgram::Other);
        std::fs::write(folder.path().join(LOADS), "<?php").unwrap();
        assert!(matches!(seen(&all), SiteProgram::Lacking(why) if why.contains("wp-config.php")));
        assert!(lacks_configuration(folder.path()).is_some());
        let config = |text: &str| std::fs::write(folder.path().join(CONFIG), text).unwrap();
        let found = |prefix: &str| SiteProgram::WordPress(WordPress { prefix: prefix.to_owned(), inner: None });
        config("<?php\n  $table_prefix  = \"hb_\";\n");
        assert_eq!(seen(&all), found("hb_"));
        assert_eq!(lacks_configuration(folder.path()), None);
        config("<?php require '/etc/elsewhere.php';");
        assert!(matches!(seen(&all), SiteProgram::Lacking(_)), "two, and nobody says which");
        assert_eq!(seen(&all[..4]), found("wp_"));
        assert!(matches!(seen(&[]), SiteProgram::Lacking(_)));
        // In a folder of its own, with its configuration above.
        std::fs::create_dir(folder.path().join("wp")).unwrap();
        std::fs::rename(folder.path().join(LOADS), folder.path().join("wp").join(LOADS)).unwrap();
        assert_eq!(seen(&all[..4]), SiteProgram::Other);
        std::fs::write(folder.path().join("index.php"), "<?php").unwrap();
        let SiteProgram::WordPress(wordpress) = seen(&all[..4]) else { panic!() };
        assert_eq!(wordpress.inner.as_deref(), Some("wp"));
        let at = |url: &str| SiteContents {
            program_at: url.to_owned(),
            home: "http://x/home".to_owned(),
            ..SiteContents::default()
        };
        assert_eq!(wordpress.below(&at("http://x/a/wp")), "/a");
        assert_eq!(wordpress.below(&at("http://x/a/other")), "/home");
        let (within, address) = wordpress.upload(&at("http://x/wp"), "2026/a.jpg");
        assert_eq!(within, Path::new("wp/wp-content/uploads/2026/a.jpg"));
        assert_eq!(address, "http://x/wp/wp-content/uploads/2026/a.jpg");
    }

    #[test]
    fn its_answer_is_read_and_what_cannot_be_asked_for_is_left_out() {
        let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02X}")).collect::<String>();
        let answer = format!(
            "siteurl\t{}\nhome\t{}\npost\t7:{}\npage\t9:\nupload\t{}\nupload\t{}\n",
            hex("https://x.example/wp/"),
            hex("https://x.example"),
            hex("It's\na day"),
            hex("2026/11/a.jpg"),
            hex("../../etc/passwd"),
        );
        let contents = contents(&answer).unwrap();
        assert_eq!((contents.home.as_str(), path(&contents.program_at)), ("https://x.example", "/wp"));
        assert_eq!(contents.pages[0], ("https://x.example/?p=7".to_owned(), "It's\na day".to_owned()));
        assert_eq!(contents.pages[1], ("https://x.example/?page_id=9".to_owned(), String::new()));
        assert_eq!(contents.uploads, ["2026/11/a.jpg"]);
        assert!(super::contents("home\t\n").is_none());
        assert!(!web("http://x y") && !web("ftp://x") && web("http://x"));
        assert_eq!(path("http://x.example"), "");
    }
}
