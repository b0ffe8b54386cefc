//! How a system's data is read: one kind per sort of system a school has.

use std::path::PathBuf;

use jiff::civil::Date;

use crate::PersonId;
use crate::junk::JUNK;
use crate::period::Period;
use crate::secret::SecretRef;

/// What stands for the name of an export in the names of files beside it.
pub const EXPORT: &str = "{name}";

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
    /// A website: its folder and its database.
    Website(Website),
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
        /// The name of the file that says of an export that it is whole; [`EXPORT`] in it stands for the export's own.
        marker: Option<String>,
        /// The name of the file with what its maker counted in an export; as `marker`.
        facts: Option<String>,
        /// The databases of which each must have come in a file of its own; none: nobody asks.
        databases: Vec<String>,
    },
    /// Held by a supplier: declared, never green.
    Saas(Supplier),
}

/// Where a website is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Website {
    /// Its folder is on this machine, and its database can be asked: one recovery point of both.
    Here {
        /// The folder.
        path: PathBuf,
        /// What is left out of it: patterns as a `.gitignore` in it would have them.
        exclude: Vec<String>,
        /// The database, of MariaDB.
        database: Server,
    },
    /// On another machine.
    Away(Server),
}

/// Who holds a system for the school, and what they declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supplier {
    /// Who holds it.
    pub name: String,
    /// What they declare to lose at most.
    pub rpo: Option<Period>,
    /// How fast they declare to be back.
    pub rto: Option<Period>,
    /// When the contract ends.
    pub contract: Option<Date>,
    /// When somebody last asked them.
    pub checked: Option<Date>,
}

/// Files that are read by paths and patterns.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    /// The folders and files.
    pub paths: &'a [PathBuf],
    /// What is left out of them.
    pub exclude: &'a [String],
    /// Whether mounts below are left out.
    pub one_file_system: bool,
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

    /// Its word in a plan.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, other)| *other == self).map_or("file", |(word, _)| word)
    }
}

/// A server that must be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its address, without a password.
    pub url: String,
    /// Where the password is found.
    pub password: Option<SecretRef>,
    /// The folder of its programs, if they are not where programs are: those of a database.
    pub programs: Option<PathBuf>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Which sort of source: its word in a plan, known before anything else of it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum SourceKind {
            $($(#[$doc])* $name,)*
        }

        impl SourceKind {
            /// Every kind with its word in a plan.
            pub const ALL: &'static [(&'static str, SourceKind)] = &[$(($word, Self::$name),)*];

            /// Its word in a plan.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

kinds! {
    /// [`Source::Files`].
    Files = "files",
    /// [`Source::Sqlite`].
    Sqlite = "sqlite",
    /// [`Source::Maildir`].
    Maildir = "maildir",
    /// [`Source::Postgres`].
    Postgres = "postgres",
    /// [`Source::Mariadb`].
    Mariadb = "mariadb",
    /// [`Source::Imap`].
    Imap = "imap",
    /// [`Source::Website`].
    Website = "website",
    /// [`Source::Command`].
    Command = "command",
    /// [`Source::Drop`].
    Drop = "drop",
    /// [`Source::Saas`].
    Saas = "saas",
}

/// Everything that others ask of a source without caring for its kind. What nobody says of a kind is no.
struct About<'a> {
    kind: SourceKind,
    /// `dr-source` has a driver for it, which a test there holds to this word.
    runs: bool,
    paths: &'a [PathBuf],
    tree: Option<Tree<'a>>,
    /// A few of its files may be brought back in the place of all.
    may_be_sampled: bool,
    is_mail: bool,
    is_export: bool,
    maker: Option<&'a PersonId>,
    program: &'a [String],
    password: Option<&'a SecretRef>,
    supplier: Option<&'a Supplier>,
}

impl<'a> About<'a> {
    /// Of a kind of which nothing else is said.
    fn of(kind: SourceKind) -> Self {
        Self {
            kind,
            runs: false,
            paths: &[],
            tree: None,
            may_be_sampled: false,
            is_mail: false,
            is_export: false,
            maker: None,
            program: &[],
            password: None,
            supplier: None,
        }
    }

    /// Of a server.
    fn asked(kind: SourceKind, server: &'a Server) -> Self {
        Self { password: server.password.as_ref(), ..Self::of(kind) }
    }
}

impl Source {
    /// The one place that says what each kind is: a new kind is one more arm.
    fn about(&self) -> About<'_> {
        let one = std::slice::from_ref;
        match self {
            Self::Files { paths, exclude, one_file_system } => {
                let tree = Tree { paths, exclude, one_file_system: *one_file_system };
                About { runs: true, paths, tree: Some(tree), may_be_sampled: true, ..About::of(SourceKind::Files) }
            }
            Self::Sqlite { path } => About { runs: true, paths: one(path), ..About::of(SourceKind::Sqlite) },
            Self::Maildir { path } => {
                About { runs: true, paths: one(path), is_mail: true, ..About::of(SourceKind::Maildir) }
            }
            Self::Postgres(server) => About { runs: true, ..About::asked(SourceKind::Postgres, server) },
            Self::Mariadb(server) => About { runs: true, ..About::asked(SourceKind::Mariadb, server) },
            Self::Imap(server) => About { is_mail: true, ..About::asked(SourceKind::Imap, server) },
            Self::Website(Website::Away(server)) => About::asked(SourceKind::Website, server),
            Self::Website(Website::Here { path, exclude, database }) => {
                let tree = Tree { paths: one(path), exclude, one_file_system: true };
                About { runs: true, paths: one(path), tree: Some(tree), ..About::asked(SourceKind::Website, database) }
            }
            Self::Command { run, .. } => About { runs: true, program: run, ..About::of(SourceKind::Command) },
            Self::Drop { path, maker, .. } => {
                let maker = maker.as_ref();
                About { runs: true, paths: one(path), is_export: true, maker, ..About::of(SourceKind::Drop) }
            }
            Self::Saas(supplier) => About { supplier: Some(supplier), ..About::of(SourceKind::Saas) },
        }
    }

    /// Its kind, as a plan names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.about().kind.word()
    }

    /// Whether this version can read it.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.about().runs
    }

    /// Whether this version can ask it the questions of the plan: it speaks SQL.
    #[must_use]
    pub fn takes_questions(&self) -> bool {
        match self {
            Self::Postgres(_) | Self::Mariadb(_) | Self::Sqlite { .. } | Self::Website(Website::Here { .. }) => true,
            Self::Files { .. }
            | Self::Maildir { .. }
            | Self::Imap(_)
            | Self::Website(Website::Away(_))
            | Self::Command { .. }
            | Self::Drop { .. }
            | Self::Saas(_) => false,
        }
    }

    /// The paths of this host that it reads.
    #[must_use]
    pub fn paths(&self) -> Vec<&PathBuf> {
        self.about().paths.iter().collect()
    }

    /// The files that it reads by paths and patterns, if it does.
    #[must_use]
    pub fn tree(&self) -> Option<Tree<'_>> {
        self.about().tree
    }

    /// Whether its patterns have those that a system gets which writes none: then folders of other systems inside it are
    /// left out as well.
    #[must_use]
    pub fn leaves_out_inner_systems(&self) -> bool {
        let Some(tree) = self.tree() else { return false };
        JUNK.iter().all(|junk| tree.exclude.iter().any(|pattern| pattern == junk))
    }

    /// Whether a rehearsal may bring back a few of its files in the place of all: each says something by itself.
    #[must_use]
    pub fn may_be_sampled(&self) -> bool {
        self.about().may_be_sampled
    }

    /// Whether it is people's mail.
    #[must_use]
    pub fn is_mail(&self) -> bool {
        self.about().is_mail
    }

    /// Whether somebody else has to bring it as an export.
    #[must_use]
    pub fn is_export(&self) -> bool {
        self.about().is_export
    }

    /// Who makes the export, if it is one and the plan says so.
    #[must_use]
    pub fn maker(&self) -> Option<&PersonId> {
        self.about().maker
    }

    /// The program whose output it is, with its arguments; empty for every other kind.
    #[must_use]
    pub fn program(&self) -> &[String] {
        self.about().program
    }

    /// Where its password is found, if it has one.
    #[must_use]
    pub fn password(&self) -> Option<&SecretRef> {
        self.about().password
    }

    /// Who holds it, if it is not the school.
    #[must_use]
    pub fn supplier(&self) -> Option<&Supplier> {
        self.about().supplier
    }
}
