//! May the account read all of a database? What it lacks, with the lines that give it that.

use serde::Deserialize;

/// Answers one line for [`Rights`].
pub(super) const QUESTION: &str = "
select json_build_object(
  'user', quote_ident(current_user),
  'server', current_setting('server_version_num')::int,
  'bypasses', r.rolsuper or r.rolbypassrls,
  'unreadable', (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'm', 'S') and n.nspname not in ('pg_catalog', 'information_schema')
    and n.nspname !~ '^pg_(toast|temp)'
    and not (has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'))),
  'guarded', (select count(*) from pg_class c where c.relrowsecurity
    and (c.relforcerowsecurity or not pg_has_role(c.relowner, 'usage'))),
  'large_objects', (select count(*) from pg_largeobject_metadata m where not r.rolsuper
    and not pg_has_role(m.lomowner, 'usage')
    and not exists (select 1 from aclexplode(m.lomacl) a where a.privilege_type = 'SELECT'
      and (a.grantee = 0 or pg_has_role(a.grantee, 'usage')))),
  'passwords', has_table_privilege('pg_catalog.pg_authid', 'select')
) from pg_roles r where r.rolname = current_user;
";

/// The first server that has the role `pg_read_all_data`.
const READS_ALL: u32 = 140_000;

/// What an account may, and what there is that it may not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Rights {
    /// Its name, as SQL has it.
    pub(super) user: String,
    pub(super) server: u32,
    /// Whether row security does not hold for it.
    bypasses: bool,
    /// Tables and sequences that it may not read.
    unreadable: u64,
    /// Tables of which row security hides rows from it.
    guarded: u64,
    /// Large objects that it may not read.
    large_objects: u64,
    /// Whether it reads the passwords of roles, without which nobody can log in after the bad day.
    passwords: bool,
}

impl Rights {
    /// What it lacks, for a person: what is not readable, and the lines that make it so.
    pub(super) fn lacking(&self) -> Option<String> {
        let user = &self.user;
        let (mut what, mut lines) = (Vec::new(), Vec::new());
        if self.unreadable > 0 || !self.passwords {
            match self.unreadable {
                0 => {}
                count => what.push(format!("may not read {count} tables and sequences")),
            }
            if !self.passwords {
                what.push("may not read the roles and their passwords".to_owned());
            }
            lines.push(match self.server >= READS_ALL {
                true => format!("GRANT pg_read_all_data TO {user};"),
                false => format!("ALTER ROLE {user} SUPERUSER; -- before PostgreSQL 14 no smaller right reads all"),
            });
        }
        if self.guarded > 0 && !self.bypasses {
            what.push(format!("does not see all rows of {} tables with row security", self.guarded));
            lines.push(format!("ALTER ROLE {user} BYPASSRLS;"));
        }
        if self.large_objects > 0 {
            what.push(format!("may not read {} large objects", self.large_objects));
            lines.push(format!(
                "DO $$DECLARE o oid; BEGIN FOR o IN SELECT oid FROM pg_largeobject_metadata LOOP EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO %s', o, {}); END LOOP; END$$;",
                literal(user)
            ));
        }
        if what.is_empty() {
            return None;
        }
        Some(format!(
            "the account {user} {}. As the server's administrator, in this database: {}",
            what.join(", and "),
            lines.join(" ")
        ))
    }
}

/// The major version out of a server's number for it: 15 of 150018.
pub(super) fn major(server: u32) -> u32 {
    server / 10_000
}

/// A text as SQL has it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A name as SQL has it, quoted in any case.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
