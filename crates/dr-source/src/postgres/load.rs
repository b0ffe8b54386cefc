//! How does a database come back to life? As a new one, which is made, loaded and counted; in place the new one takes the
//! name of the live one when it is known to be whole, and the live one is kept under another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dr_entry::EntryPath;
use dr_plan::{SecretRef, Server};
use dr_process::Stream;

use super::address::Address;
use super::client::Client;
use super::facts::Facts;
use super::rights::{identifier, literal, major};
use super::session::counts;
use super::{at, dump_name, globals, roles};
use crate::driver::{Feed, Hands, Load, Loaded, NotFed, Onto};
use crate::output::{ended_well, failed};
use crate::{SourceError, recorded};

/// How long one statement may take: counting a large database does.
const LONG: Duration = Duration::from_secs(6 * 3_600);
/// How often a rename is tried: it is refused while a session is just ending.
const TRIES: u32 = 20;
/// Settings that are lists of names, and are kept as they are written.
const LISTS: &str = "'search_path', 'local_preload_libraries', 'session_preload_libraries', 'shared_preload_libraries', \
                     'temp_tablespaces', 'unix_socket_directories'";
/// A name of the server is no longer, in bytes.
const NAME_MAX: usize = 63;

/// A database that can be loaded.
pub(super) struct Way<'a>(pub(super) &'a Server);

impl Load for Way<'_> {
    fn live(&self) -> Result<String, SourceError> {
        Ok(Address::parse(&self.0.url).map_err(SourceError::not_loaded)?.database)
    }

    fn in_its_place(&self) -> &'static str {
        "is set aside under another name, and its sessions are ended"
    }

    fn new_one(&self) -> &'static str {
        "postgres://USER@HOST/NEWNAME"
    }

    fn fed(&self) -> Result<EntryPath, SourceError> {
        at(&dump_name(&self.live()?)).map_err(SourceError::not_loaded)
    }

    fn load(
        &self,
        folder: &Path,
        feed: &dyn Fn(Feed) -> Result<(), NotFed>,
        onto: &Onto<'_>,
        hands: &Hands<'_>,
        stop: &Arc<AtomicBool>,
    ) -> Result<Loaded, SourceError> {
        let plan = Address::parse(&self.0.url).map_err(SourceError::not_loaded)?;
        let mut address = match onto.url {
            // It may hold a password, so it is not shown.
            Some(url) => Address::parse(url)
                .map_err(|why| SourceError::not_loaded(format!("the address of the new database is wrong: {why}")))?,
            None => plan.clone(),
        };
        if let Some(account) = onto.account {
            address.user = Some(account.to_owned());
        }
        let same = (&address.host, &address.port, &address.user) == (&plan.host, &plan.port, &plan.user);
        let given = SecretRef::Env("PGPASSWORD".to_owned());
        let password = match same {
            true => self.0.password.as_ref(),
            // Whoever restores may need another account than the one that reads.
            false => (hands.secrets)(&given).is_ok().then_some(&given),
        };
        let programs = self.0.programs.as_deref();
        let of = |database: &str| Address { database: database.to_owned(), ..address.clone() };
        let server = Client::to(of("postgres"), programs, password, hands).map_err(SourceError::of_loading)?;
        let facts = recorded::<Facts>(folder)
            .map_err(|_| SourceError::not_loaded("the snapshot holds no facts to hold the database to"))?;
        let work = Work { server: &server, facts: &facts, stop };
        work.fits()?;
        let live = address.database.clone();
        let taken = work.is_there(&live)?;
        let (new, before) = match onto.url {
            Some(_) if taken => {
                return Err(SourceError::not_loaded(format!(
                    "there is a database {live} already, and nothing was touched: name one that is not there"
                )));
            }
            Some(_) => (live.clone(), None),
            None => (cut(&live, "_dr_new"), taken.then(|| cut(&live, &format!("_before_{}", onto.moment)))),
        };
        if work.is_there(&new)? || before.as_ref().is_some_and(|before| before == &live) {
            return Err(SourceError::not_loaded(format!(
                "there is a database {new} already, which an earlier restore left; remove it first. Nothing was touched"
            )));
        }
        let mut said = work.roles(folder)?;
        work.create(&new)?;
        let target = Client::to(of(&new), programs, password, hands);
        let filled = target.and_then(|target| {
            let rows = work.fill(&target, feed)?;
            if onto.url.is_none() && taken {
                work.like(&live, &new)?;
            }
            Ok(rows)
        });
        let rows = match filled {
            Ok(rows) => rows,
            Err(why) => {
                // Made a moment ago, by us.
                let removed = server.ask(&format!("drop database {};", identifier(&new))).is_ok();
                let left = if removed {
                    "what had been loaded was removed again"
                } else {
                    "what had been loaded is still there"
                };
                return Err(SourceError::not_loaded(format!(
                    "{}; {left}, and nothing else was touched",
                    why.of_loading()
                )));
            }
        };
        if onto.url.is_none() {
            work.exchange(&live, &new, before.as_deref())?;
        }
        if let Some(before) = before {
            said.push(format!(
                "the database that was live is kept as {before}: remove it when nobody needs it any more"
            ));
        }
        Ok(Loaded { name: live, tables: facts.tables.len() as u64, rows, said })
    }
}

/// A name with something behind it, not too long for the server.
fn cut(name: &str, end: &str) -> String {
    let most = NAME_MAX.saturating_sub(end.len());
    let at = (0..=most.min(name.len())).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    format!("{}{end}", &name[..at])
}

/// A server, and what a capture knew of the database that is to be made there.
pub(super) struct Work<'a> {
    pub(super) server: &'a Client,
    pub(super) facts: &'a Facts,
    pub(super) stop: &'a Arc<AtomicBool>,
}

impl Work<'_> {
    fn ask(&self, script: &str) -> Result<String, SourceError> {
        self.server.ask(script).map(|answer| answer.trim().to_owned()).map_err(SourceError::of_loading)
    }

    /// Whether programs and server are new enough for the dump.
    fn fits(&self) -> Result<(), SourceError> {
        let (dumped, from) = (self.facts.dumped_by, major(self.facts.server));
        let ours = self.server.version("pg_restore").map_err(SourceError::of_loading)?;
        if ours < dumped {
            return Err(SourceError::not_loaded(format!(
                "pg_restore is of PostgreSQL {ours}, and the dump of {dumped}: install postgresql-client-{dumped} or newer"
            )));
        }
        let answer = self.ask("select current_setting('server_version_num');")?;
        let server = major(answer.parse().unwrap_or(0));
        match server < from {
            true => Err(SourceError::not_loaded(format!(
                "the server is of PostgreSQL {server}, and the database came from {from}: take one that is not older"
            ))),
            false => Ok(()),
        }
    }

    fn is_there(&self, database: &str) -> Result<bool, SourceError> {
        let answer = self.ask(&format!("select count(*) from pg_database where datname = {};", literal(database)))?;
        Ok(answer != "0")
    }

    /// Makes the roles that are not there; what is there stays as it is.
    pub(super) fn roles(&self, folder: &Path) -> Result<Vec<String>, SourceError> {
        let text =
            globals(folder).map_err(|why| SourceError::not_loaded(format!("the roles cannot be read: {why}")))?;
        let text = String::from_utf8_lossy(&text);
        let there: BTreeSet<String> = self.ask("select rolname from pg_roles;")?.lines().map(str::to_owned).collect();
        let script = roles::missing(&text, &there);
        let made = script.lines().filter(|line| line.starts_with("CREATE ROLE ")).count();
        if made == 0 {
            return Ok(Vec::new());
        }
        // All of them, or none.
        self.ask(&format!("begin;\n{script}commit;\n"))?;
        Ok(vec![format!("{made} roles that were not there were made, with the passwords that they had")])
    }

    pub(super) fn create(&self, name: &str) -> Result<(), SourceError> {
        let Facts { encoding, collate, ctype, owner, .. } = self.facts;
        let owned =
            match self.ask(&format!("select count(*) from pg_roles where rolname = {};", literal(owner)))?.as_str() {
                "1" => format!(" owner {}", identifier(owner)),
                _ => String::new(),
            };
        self.ask(&format!(
            "create database {}{owned} template template0 encoding {} lc_collate {} lc_ctype {};",
            identifier(name),
            literal(encoding),
            literal(collate),
            literal(ctype)
        ))?;
        Ok(())
    }

    /// Loads the dump, and counts what is there then. All rows.
    fn fill(&self, target: &Client, feed: &dyn Fn(Feed) -> Result<(), NotFed>) -> Result<u64, SourceError> {
        self.loaded(target, feed)?;
        let there = self.counted(target)?;
        let mut found = 0;
        for (table, then) in &self.facts.tables {
            let Some(rows) = there.get(table) else {
                let tables = self.facts.tables.keys().filter(|table| there.contains_key(*table)).count();
                let captured = self.facts.tables.len();
                return Err(SourceError::not_loaded(format!(
                    "{tables} tables are there, and {captured} were captured"
                )));
            };
            if rows != then {
                return Err(SourceError::not_loaded(format!(
                    "{table} has {rows} rows, and had {then} when it was captured"
                )));
            }
            found += rows;
        }
        Ok(found)
    }

    /// Loads the dump.
    pub(super) fn loaded(&self, target: &Client, feed: &dyn Fn(Feed) -> Result<(), NotFed>) -> Result<(), SourceError> {
        let database = &target.address.database;
        let mut program = target.program("pg_restore", &["-w", "--exit-on-error", "--no-tablespaces", "-d", database]);
        program.stdin = Some(Vec::new());
        let wrong = |why| failed("pg_restore", &why);
        let mut running = Stream::start(program).map_err(wrong)?;
        let fed = feed(Box::new(running.input(self.stop).map_err(wrong)?));
        if let Err(NotFed::Lost(why)) = fed {
            // It would say that the dump is cut off.
            return Err(SourceError::not_loaded(format!("the dump did not come back whole ({why})")));
        }
        let mut buffer = [0; 4 << 10];
        while running.read(&mut buffer, self.stop).map_err(wrong)? > 0 {}
        // Why it took no more it says itself.
        ended_well("pg_restore", &running.finish(self.stop).map_err(wrong)?)?;
        fed.map_err(|why| SourceError::not_loaded(format!("pg_restore did not take all of the dump ({why})")))
    }

    /// The rows of each table that is there.
    pub(super) fn counted(&self, target: &Client) -> Result<BTreeMap<String, u64>, SourceError> {
        let answer = target.ask_for(&counts(), LONG)?;
        let lines = answer.lines().filter(|line| line.starts_with('['));
        lines.map(|line| serde_json::from_str(line).map_err(SourceError::not_loaded)).collect()
    }

    /// How many large objects are there.
    pub(super) fn large_objects(&self, target: &Client) -> Result<u64, SourceError> {
        target
            .ask_for("select count(*) from pg_catalog.pg_largeobject_metadata;", LONG)?
            .trim()
            .parse()
            .map_err(SourceError::not_loaded)
    }

    /// Gives the new one the rights and settings that the live one has: a dump holds none of the database itself, and who
    /// was kept out of it is kept out.
    fn like(&self, live: &str, new: &str) -> Result<(), SourceError> {
        self.ask(&format!(
            "select format(s.said, {new}) from (
               select 1 as nth, 'revoke all on database %1$I from public' as said
                 from pg_database where datname = {live} and datacl is not null
               union all select 2, 'grant ' || a.privilege_type || ' on database %1$I to '
                 || case a.grantee when 0 then 'public' else replace(quote_ident(pg_get_userbyid(a.grantee)), '%', '%%') end
                 || case when a.is_grantable then ' with grant option' else '' end
                 from pg_database d, aclexplode(d.datacl) a where d.datname = {live}
               union all select 3, case r.setrole when 0 then 'alter database %1$I'
                   else 'alter role ' || replace(quote_ident(pg_get_userbyid(r.setrole)), '%', '%%') || ' in database %1$I' end
                 || ' set ' || split_part(c, '=', 1) || ' to '
                 || replace(case when split_part(c, '=', 1) in ({LISTS}) then substr(c, strpos(c, '=') + 1)
                      else quote_literal(substr(c, strpos(c, '=') + 1)) end, '%', '%%')
                 from pg_db_role_setting r join pg_database d on d.oid = r.setdatabase, unnest(r.setconfig) c
                 where d.datname = {live}
             ) s order by s.nth \\gexec\n",
            live = literal(live),
            new = literal(new),
        ))?;
        Ok(())
    }

    /// The new one takes the name of the live one, which is kept as `before`.
    fn exchange(&self, live: &str, new: &str, before: Option<&str>) -> Result<(), SourceError> {
        let (live_name, new_name) = (identifier(live), identifier(new));
        let Some(before) = before else {
            self.ask(&format!("alter database {new_name} rename to {live_name};"))?;
            return Ok(());
        };
        let old = identifier(before);
        let open = |name: &str| self.ask(&format!("alter database {name} with allow_connections true;"));
        let still = |why: SourceError| {
            let opened = open(&live_name).is_ok();
            let state = if opened {
                "goes on as it was"
            } else {
                "takes no connections: `alter database … with allow_connections true`"
            };
            SourceError::not_loaded(format!("{why}; the live database {state}, and what was restored is {new}"))
        };
        self.ask(&format!("alter database {live_name} with allow_connections false;"))?;
        let aside = format!(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = {};\nalter database {live_name} rename to {old};",
            literal(live)
        );
        let mut tried = self.ask(&aside);
        for _ in 1..TRIES {
            if tried.is_ok() || self.stop.load(Ordering::Relaxed) {
                break;
            }
            tried = self.ask(&aside);
        }
        tried.map_err(still)?;
        if let Err(why) = self.ask(&format!("alter database {new_name} rename to {live_name};")) {
            let back = self.ask(&format!("alter database {old} rename to {live_name};"));
            return Err(match back {
                Ok(_) => still(why),
                Err(_) => SourceError::not_loaded(format!(
                    "{why}; the live database is now called {before}, and what was restored {new}: rename one of them to {live}"
                )),
            });
        }
        // It can be looked at; nobody comes to it by its old name.
        let _ = open(&old);
        Ok(())
    }
}
