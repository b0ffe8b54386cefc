//! How a system's data is read: one kind per sort of system a school has.

use std::path::PathBuf;

use jiff::civil::Date;

use crate::PersonId;
use crate::parse::JUNK;
use crate::period::Period;
use crate::plan::SecretRef;

/// How a system's data is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A tree of files.
    Files {
        /// The folders and files.
        paths: Vec<PathBuf>,
        /// What is left out: patterns as a `.gitignore` in each of the paths above would have them;
        /// and one that begins as one of those paths does is a place in it.
        exclude: Vec<String>,
        /// Whether mounts below are left out.
        one_file_system: bool,
    },
    /// A SQLite database, read through its own backup interface.
    Sqlite {
        /// The database's file.
        path: PathBuf,
    },
    /// A Maildir.
    Maildir {
        /// Its folder.
        path: PathBuf,
    },
    /// A PostgreSQL database.
    Postgres(Server),
    /// A MariaDB or MySQL database.
    Mariadb(Server),
    /// Mailboxes on a mail server.
    Imap(Server),
    /// A website's folder on its host.
    Website(Server),
    /// What a program writes to its output.
    Command {
        /// The program and its arguments.
        run: Vec<String>,
        /// The name under which the output is kept.
        name: String,
    },
    /// A folder where somebody else's export must appear.
    Drop {
        /// The folder.
        path: PathBuf,
        /// Which files of it count, as a pattern.
        name: String,
        /// The newest must be younger than this.
        fresh: Period,
        /// Its size must have stood still for this long.
        settled: Period,
        /// By how many percent it may shrink against the last.
        shrink: u8,
        /// What the files must be inside; `None`: what their names say.
        content: Option<FileType>,
        /// Who makes the export, and is reminded when it is missing.
        maker: Option<PersonId>,
    },
    /// Held by a supplier: declared, never green.
    Saas {
        /// Who holds it.
        supplier: String,
        /// What they declare to lose at most.
        rpo: Option<Period>,
        /// How fast they declare to be back.
        rto: Option<Period>,
        /// When the contract ends.
        contract: Option<Date>,
        /// When somebody last asked them.
        checked: Option<Date>,
    },
}

/// What a file is inside, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileType {
    /// Whatever it is.
    Any,
    /// A ZIP archive.
    Zip,
    /// A gzip stream.
    Gzip,
    /// A 7-Zip archive.
    SevenZip,
    /// Text: CSV, SQL, JSON and the like.
    Text,
    /// An XML document.
    Xml,
    /// A PDF document.
    Pdf,
    /// A backup of Microsoft SQL Server (`.bak`).
    SqlServer,
    /// A SQLite database.
    Sqlite,
}

impl FileType {
    /// Every type with its word in a plan.
    pub const ALL: &'static [(&'static str, FileType)] = &[
        ("any", FileType::Any),
        ("zip", FileType::Zip),
        ("gzip", FileType::Gzip),
        ("7z", FileType::SevenZip),
        ("text", FileType::Text),
        ("xml", FileType::Xml),
        ("pdf", FileType::Pdf),
        ("sql-server", FileType::SqlServer),
        ("sqlite", FileType::Sqlite),
    ];
}

/// A server that must be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its address, without a password.
    pub url: String,
    /// Where the password is found.
    pub password: Option<SecretRef>,
}

impl Source {
    /// Every kind of source, as a plan names it.
    pub const KINDS: &'static [&'static str] =
        &["files", "sqlite", "maildir", "postgres", "mariadb", "imap", "website", "command", "drop", "saas"];

    /// Its kind, as a plan names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Files { .. } => "files",
            Self::Sqlite { .. } => "sqlite",
            Self::Maildir { .. } => "maildir",
            Self::Postgres(_) => "postgres",
            Self::Mariadb(_) => "mariadb",
            Self::Imap(_) => "imap",
            Self::Website(_) => "website",
            Self::Command { .. } => "command",
            Self::Drop { .. } => "drop",
            Self::Saas { .. } => "saas",
        }
    }

    /// Whether its patterns have those that a system gets which writes none: then folders of other systems inside it are
    /// left out as well.
    #[must_use]
    pub fn leaves_out_inner_systems(&self) -> bool {
        let Self::Files { exclude, .. } = self else { return false };
        JUNK.iter().all(|junk| exclude.iter().any(|pattern| pattern == junk))
    }

    /// Whether this version can read it.
    #[must_use]
    pub fn runs(&self) -> bool {
        matches!(self, Self::Files { .. } | Self::Sqlite { .. } | Self::Maildir { .. } | Self::Drop { .. })
    }

    /// The paths of this host that it reads.
    #[must_use]
    pub fn paths(&self) -> Vec<&PathBuf> {
        match self {
            Self::Files { paths, .. } => paths.iter().collect(),
            Self::Sqlite { path } | Self::Maildir { path } | Self::Drop { path, .. } => vec![path],
            _ => Vec::new(),
        }
    }
}
