//! Which driver reads a source of the plan? The one place that knows them all.

use dr_plan::{Source, Tree, Website};

use crate::SourceError;
use crate::command::driver::Command;
use crate::driver::Driver;
use crate::drop::driver::Drop;
use crate::drop::{Beside, Rule};
use crate::files::driver::Files;
use crate::maildir::driver::Maildir;
use crate::mariadb::driver::Mariadb;
use crate::postgres::driver::Postgres;
use crate::sqlite::driver::Sqlite;
use crate::website::driver::Site;
use crate::website::there::SiteThere;

/// The driver of `source`.
///
/// # Errors
/// [`SourceError::NoCapture`] for kinds that this version does not read.
pub fn driver(source: &Source) -> Result<Box<dyn Driver + '_>, SourceError> {
    Ok(match source {
        Source::Files { paths, exclude, one_file_system } => {
            Box::new(Files(Tree { paths, exclude, one_file_system: *one_file_system }))
        }
        Source::Sqlite { path } => Box::new(Sqlite(path)),
        Source::Maildir { path } => Box::new(Maildir(path)),
        Source::Drop { path, name, fresh, settled, shrink, content, maker: _, marker, facts, databases } => {
            let (fresh, settled) = (fresh.longest().as_secs(), settled.longest().as_secs());
            let (marker, facts) = (marker.as_deref().map(Beside), facts.as_deref().map(Beside));
            let (shrink, content) = (*shrink, *content);
            Box::new(Drop(Rule { path, name, fresh, settled, shrink, content, marker, facts, databases }))
        }
        Source::Command { run, name } => Box::new(Command { run, name }),
        Source::Postgres(server) => Box::new(Postgres(server)),
        Source::Mariadb(server) => Box::new(Mariadb(server)),
        Source::Website(Website::Here { path, exclude, database }) => Box::new(Site { path, exclude, database }),
        Source::Website(Website::There { folder, exclude, database }) => {
            Box::new(SiteThere { folder, exclude, database })
        }
        Source::Imap(_) | Source::Website(Website::Away(_)) | Source::Saas(_) => {
            return Err(SourceError::NoCapture { kind: source.kind() });
        }
    })
}

#[cfg(test)]
mod tests {
    use dr_plan::SourceKind;

    use super::*;

    const EVERY_KIND: &str = r#"
school = "S"
people = { head = "A" }
copies = { onsite = "/n" }
[systems]
a = "/srv/a"
b = "sqlite:/srv/b.db"
c = "maildir:/srv/c"
d = "drop:/srv/d"
e = "postgres:e"
f = "mariadb:f"
g = "imaps://mail.school.example"
h = "sftp://web@host/htdocs"
i = { source = { kind = "command", run = ["dump"] } }
j = { source = { kind = "saas", supplier = "Cloud" } }
k = { source = { kind = "website", url = "sftp://web@host/htdocs", database = "mariadb:k" } }
"#;

    #[test]
    fn the_plan_says_of_each_kind_whether_there_is_a_driver() {
        let plan = dr_plan::parse(EVERY_KIND, "dr.toml").unwrap();
        let mut kinds: Vec<&str> = plan.systems.iter().map(|system| system.source.kind()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut all: Vec<&str> = SourceKind::ALL.iter().map(|(word, _)| *word).collect();
        all.sort_unstable();
        assert_eq!(kinds, all);
        for source in plan.systems.iter().map(|system| &system.source) {
            assert_eq!(driver(source).is_ok(), source.runs(), "{}", source.kind());
        }
    }
}
