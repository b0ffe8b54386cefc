//! A website as a source of the plan: a folder of this machine and a database.

use std::path::{Path, PathBuf};

use dr_entry::{Entries, EntryPath, Time};
use dr_plan::{Server, Tree};
use dr_process::quoted;

use super::load::SiteLoad;
use super::start::SiteStart;
use super::wordpress::lacks_configuration;
use super::{SITE, holds_something, moved};
use crate::driver::{
    Around, Begun, CaptureError, Check, Driver, Finding, Hands, InPlace, Layout, Load, Moment, Needs, Obstacle,
    StartRestored, something, there,
};
use crate::facts;
use crate::files::driver::Files;
use crate::files::{Options, Roots, capture};
use crate::mariadb::capture::{Dumping, begin};
use crate::mariadb::driver::Mariadb;
use crate::mariadb::load::Way;

/// The folder and the database that the plan names.
pub(crate) struct Site<'a> {
    pub(crate) path: &'a PathBuf,
    pub(crate) exclude: &'a [String],
    pub(crate) database: &'a Server,
}

impl Site<'_> {
    fn paths(&self) -> &[PathBuf] {
        std::slice::from_ref(self.path)
    }

    fn files(&self) -> Files<'_> {
        Files(Tree { paths: self.paths(), exclude: self.exclude, one_file_system: true })
    }

    fn database(&self) -> Mariadb<'_> {
        Mariadb(self.database)
    }
}

fn top() -> Option<EntryPath> {
    EntryPath::new(SITE).ok()
}

impl Driver for Site<'_> {
    fn needs(&self) -> Needs {
        let (mut needs, more) = (self.files().needs(), self.database().needs());
        needs.read.extend(more.read);
        needs.write.extend(more.write);
        needs
    }

    fn preflight(&self, around: &Around<'_>) -> Vec<Finding> {
        let mut found = self.files().preflight(around);
        found.extend(self.database().preflight(around));
        found
    }

    fn probe(&self, now: Time, hands: &Hands<'_>) -> Result<&'static str, Obstacle> {
        self.files().probe(now, hands)?;
        self.database().probe(now, hands)
    }

    fn capture(&self, moment: &Moment<'_>) -> Result<Begun, CaptureError> {
        there(self.paths())?;
        // In this order: the database's moment is fixed before the first name of the folder is looked at.
        let Dumping { entries, broken, note, answers } = begin(self.database, moment)?;
        let options = Options { exclude: self.exclude.to_vec(), places: moment.places.to_vec(), one_file_system: true };
        let site = capture(&Roots::Directory(self.path.clone()), &options, moment.real)?;
        let site = something(site, self.paths())?;
        let lacks = lacks_configuration(self.path).map(str::to_owned);
        note.into_iter().chain(lacks).for_each(|note| site.tally.note(note));
        site.tally.answered(answers);
        let dumped = std::iter::once(facts::root(moment.real)).chain(entries).map(Ok);
        let dumped: Vec<_> = dumped.collect();
        let entries: Entries<'static> = Box::new(dumped.into_iter().chain(site.entries.map(moved)));
        Ok(Begun { entries, tally: site.tally, export: None, broken: Some(broken) })
    }

    fn layout(&self) -> Layout {
        Layout { whole_paths: false, top: top() }
    }

    fn in_place(&self) -> InPlace<'_> {
        InPlace::Into {
            top: top().unwrap_or_default(),
            to: self.path.clone(),
            delete: Ok(self.exclude),
            no_part: "that is no part of the website's folder",
        }
    }

    fn loads(&self) -> Option<Box<dyn Load + '_>> {
        Some(Box::new(SiteLoad(Box::new(Way(self.database)))))
    }

    fn next_steps(&self, folder: &Path) -> Vec<String> {
        let mut steps = self.database().next_steps(folder);
        let site = quoted(&folder.join(SITE).to_string_lossy());
        steps.push(format!("cp -a {site}/. {}    # the website's folder", quoted(&self.path.to_string_lossy())));
        steps
    }

    fn starts(&self) -> Option<Box<dyn StartRestored + '_>> {
        Some(Box::new(SiteStart(self.database)))
    }

    fn verify(&self, root: &Path) -> Vec<Check> {
        let mut checks = self.database().verify(root);
        checks.push(holds_something(root));
        checks
    }
}
