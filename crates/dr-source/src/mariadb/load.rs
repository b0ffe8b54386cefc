//! How does a database come back to life? As a new one, which is made, loaded and counted; in place one is loaded beside
//! the live one first, and only when that is known to be whole the live one is replaced, since MariaDB gives no database
//! another name.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dr_entry::EntryPath;
use dr_plan::{SecretRef, Server};
use dr_process::Stream;

use super::address::Address;
use super::client::{MariadbClient, Password};
use super::facts::Facts;
use super::layout::{CLIENT, at};
use super::place::Place;
use super::sandbox;
use super::sql::{identifier, literal};
use super::version::{ServerVersion, Vendor, version};
use crate::driver::{Feed, Hands, Load, Loaded, NotFed, Onto};
use crate::output::{ended_well, failed};
use crate::{SourceError, recorded};

/// How long one statement may take: counting a large database does.
const LONG: Duration = Duration::from_secs(6 * 3_600);
/// A name of the server is no longer, in letters.
const NAME_MAX: usize = 64;
/// Where the password of an account lies that is not the plan's: the name that MariaDB's own programs have for it.
const GIVEN: &str = "MYSQL_PWD";

/// A database that can be loaded.
pub(crate) struct Way<'a>(pub(crate) &'a Server);

/// Who loads, and where.
struct Account {
    address: Address,
    password: Option<SecretRef>,
}

impl Way<'_> {
    fn account(&self, onto: &Onto<'_>, hands: &Hands<'_>) -> Result<Account, SourceError> {
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
        let same = (&address.host, &address.port, &address.socket, &address.user)
            == (&plan.host, &plan.port, &plan.socket, &plan.user);
        let given = SecretRef::Env(GIVEN.to_owned());
        let password = match same {
            true => self.0.password.clone(),
            // Whoever restores may need another account than the one that reads.
            false => (hands.secrets)(&given).is_ok().then_some(given),
        };
        Ok(Account { address, password })
    }

    fn server(&self, account: &Account, hands: &Hands<'_>) -> Result<MariadbClient, SourceError> {
        let password = account.password.as_ref().map_or(Password::None, Password::Found);
        MariadbClient::to(account.address.clone(), self.0.programs.as_deref(), &password, hands)
            .map_err(SourceError::of_loading)
    }
}

impl Load for Way<'_> {
    fn live(&self) -> Result<String, SourceError> {
        Ok(Address::parse(&self.0.url).map_err(SourceError::not_loaded)?.database)
    }

    fn in_its_place(&self) -> &'static str {
        "is backed up once more and then replaced"
    }

    fn new_one(&self) -> &'static str {
        "mariadb://USER@HOST/NEWNAME"
    }

    fn would_be_lost(&self, onto: &Onto<'_>, hands: &Hands<'_>) -> Result<bool, SourceError> {
        if onto.url.is_some() {
            return Ok(false);
        }
        let account = self.account(onto, hands)?;
        let server = self.server(&account, hands)?;
        let answer = server.ask(&format!(
            "select count(*) from information_schema.tables where table_schema = {};",
            literal(&account.address.database)
        ));
        Ok(answer.map_err(SourceError::of_loading)?.trim() != "0")
    }

    fn fed(&self) -> Result<EntryPath, SourceError> {
        at(&self.live()?).map_err(SourceError::not_loaded)
    }

    fn load(
        &self,
        folder: &Path,
        feed: &dyn Fn(Feed) -> Result<(), NotFed>,
        onto: &Onto<'_>,
        hands: &Hands<'_>,
        stop: &Arc<AtomicBool>,
    ) -> Result<Loaded, SourceError> {
        let account = self.account(onto, hands)?;
        let server = self.server(&account, hands)?;
        let facts = recorded::<Facts>(folder)
            .map_err(|_| SourceError::not_loaded("the snapshot holds no facts to hold the database to"))?;
        if facts.tables.is_empty() {
            return Err(SourceError::not_loaded("the facts of the snapshot name no table to hold the database to"));
        }
        let client = server.version(CLIENT).map_err(SourceError::of_loading)?;
        let answer = server.ask("select version();").map_err(SourceError::of_loading)?;
        if !matches!(version(&answer), Some(Vendor::MariaDb(_))) {
            return Err(SourceError::not_loaded(format!(
                "the server is not MariaDB but {}, and nothing was touched",
                answer.trim()
            )));
        }
        let work = Work { server: &server, programs: self.0.programs.as_deref(), facts: &facts, client, hands, stop };
        let live = account.address.database.clone();
        let stands = work.is_there(&live)?;
        let mut said = Vec::new();
        if !sandbox::knows(client) {
            said.push(format!(
                "{CLIENT} is of version {client}.{} and does not know the first line of a newer dump, so it was given the dump \
                 without it",
                client.patch
            ));
        }
        let rows = match onto.url {
            Some(_) if stands => {
                return Err(SourceError::not_loaded(format!(
                    "there is a database {live} already, and nothing was touched: name one that is not there"
                )));
            }
            None if stands => work.replace(&live, feed, &mut said)?,
            _ => work.make(&live, feed, &mut said)?,
        };
        Ok(Loaded { name: live, tables: facts.tables.len() as u64, rows, said })
    }
}

/// A name with something behind it, not too long for the server.
fn cut(name: &str, end: &str) -> String {
    let front: String = name.chars().take(NAME_MAX.saturating_sub(end.len())).collect();
    format!("{front}{end}")
}

type Fed<'a> = &'a dyn Fn(Feed) -> Result<(), NotFed>;

struct Work<'a> {
    server: &'a MariadbClient,
    programs: Option<&'a Path>,
    facts: &'a Facts,
    client: ServerVersion,
    hands: &'a Hands<'a>,
    stop: &'a Arc<AtomicBool>,
}

impl Work<'_> {
    fn ask(&self, script: &str) -> Result<String, SourceError> {
        self.server.ask_for(script, LONG).map_err(SourceError::of_loading)
    }

    fn is_there(&self, database: &str) -> Result<bool, SourceError> {
        let answer = self.ask(&format!(
            "select count(*) from information_schema.schemata where schema_name = {};",
            literal(database)
        ))?;
        Ok(answer.trim() != "0")
    }

    fn create(&self, database: &str) -> Result<(), SourceError> {
        let Facts { charset, collation, .. } = self.facts;
        let is_word = |text: &&String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let written = Some(charset).filter(is_word).map(|word| format!(" character set {word}")).unwrap_or_default();
        let sorted = Some(collation).filter(is_word).map(|word| format!(" collate {word}")).unwrap_or_default();
        self.ask(&format!("create database {}{written}{sorted};", identifier(database))).map(|_| ())
    }

    /// Makes a new one; it is gone again if it does not become whole. All rows.
    fn make(&self, name: &str, feed: Fed<'_>, said: &mut Vec<String>) -> Result<u64, SourceError> {
        self.create(name)?;
        self.fill(name, feed, said).map_err(|why| {
            // Made a moment ago, by us.
            let left = match self.ask(&format!("drop database {};", identifier(name))) {
                Ok(_) => "what had been loaded was removed again",
                Err(_) => "what had been loaded is still there",
            };
            SourceError::not_loaded(format!("{}; {left}, and nothing else was touched", why.of_loading()))
        })
    }

    /// Loads one beside the live one, and when that is whole another in its place.
    fn replace(&self, live: &str, feed: Fed<'_>, said: &mut Vec<String>) -> Result<u64, SourceError> {
        let beside = cut(live, "_dr_new");
        if beside == live || self.is_there(&beside)? {
            return Err(SourceError::not_loaded(format!(
                "there is a database {beside} already, which an earlier restore left; remove it first. Nothing was touched"
            )));
        }
        self.make(&beside, feed, &mut Vec::new())?;
        // Somebody else's lock is not waited for all day.
        let dropped = self.ask(&format!("set lock_wait_timeout = 60; drop database {};", identifier(live)));
        let rows = dropped.and_then(|_| self.create(live)).and_then(|()| self.fill(live, feed, said)).map_err(|why| {
            SourceError::not_loaded(format!(
                "{}; what was restored stands whole as the database {beside}, and what lived before is in the newest \
                 snapshot",
                why.of_loading()
            ))
        })?;
        if self.ask(&format!("drop database {};", identifier(&beside))).is_err() {
            said.push(format!("the database {beside}, which was loaded to try it, is still there: remove it"));
        }
        said.push("what lived before is in the newest snapshot".to_owned());
        Ok(rows)
    }

    /// Loads the dump, and counts what is there then. All rows.
    fn fill(&self, database: &str, feed: Fed<'_>, said: &mut Vec<String>) -> Result<u64, SourceError> {
        let place = Place::open(self.server, self.programs, database, self.facts, self.hands)?;
        said.extend(place.said.iter().cloned());
        self.run(&place, database, feed)?;
        drop(place);
        self.count(database)
    }

    fn run(&self, place: &Place<'_>, database: &str, feed: Fed<'_>) -> Result<(), SourceError> {
        let knows = sandbox::knows(self.client);
        // Nothing in a dump is a command for the program that loads it.
        let mut options = vec!["--binary-mode", "--max-allowed-packet=1G"];
        options.extend(knows.then_some("--sandbox"));
        let mut program = place.client().program(CLIENT, &options);
        program.args.extend(["--".into(), database.into()]);
        program.stdin = Some(Vec::new());
        let wrong = |why| failed(CLIENT, &why);
        let mut running = Stream::start(program).map_err(wrong)?;
        let input = running.input(self.stop).map_err(wrong)?;
        let input: Feed = if knows { Box::new(input) } else { Box::new(sandbox::Without::new(Box::new(input))) };
        let fed = feed(input);
        if let Err(NotFed::Lost(why)) = fed {
            return Err(SourceError::not_loaded(format!("the dump did not come back whole ({why})")));
        }
        let mut buffer = [0; 4 << 10];
        while running.read(&mut buffer, self.stop).map_err(wrong)? > 0 {}
        // Why it took no more it says itself.
        ended_well(CLIENT, &running.finish(self.stop).map_err(wrong)?)?;
        fed.map_err(|why| SourceError::not_loaded(format!("{CLIENT} did not take all of the dump ({why})")))
    }

    /// That each table has the rows that it had.
    fn count(&self, database: &str) -> Result<u64, SourceError> {
        let of = |table: &String| format!("{}.{}", identifier(database), identifier(table));
        let script: String =
            self.facts.tables.keys().map(|table| format!("select count(*) from {};\n", of(table))).collect();
        let answer = self.ask(&script)?;
        let counts: Vec<u64> = answer.lines().filter_map(|line| line.trim().parse().ok()).collect();
        if counts.len() != self.facts.tables.len() {
            return Err(SourceError::not_loaded(format!(
                "{} tables are there, and {} were captured",
                counts.len(),
                self.facts.tables.len()
            )));
        }
        for ((table, then), rows) in self.facts.tables.iter().zip(&counts) {
            if rows < then {
                return Err(SourceError::not_loaded(format!(
                    "{table} has {rows} rows, and had {then} when it was captured"
                )));
            }
        }
        Ok(counts.iter().sum())
    }
}
