//! A program's output as a source of the plan.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use dr_entry::{Entries, EntryPath, Profile, Time};
use dr_plan::FileType;
use dr_process::Program;

use crate::driver::{
    Around, Begun, CaptureError, Check, Driver, Finding, Hands, InPlace, Layout, Moment, Needs, Obstacle,
};
use crate::drop::{fits, of_name};
use crate::output::{self, Broken, Output};
use crate::{SourceError, facts};

/// So much of what it says of itself is kept.
const SAID_MAX: usize = 64 << 10;
/// So much of the front says what it is.
const FRONT: u64 = 4 << 10;

/// The program, and what its output is called.
pub(crate) struct Command<'a> {
    pub(crate) run: &'a [String],
    pub(crate) name: &'a str,
}

impl Command<'_> {
    fn path(&self) -> Option<EntryPath> {
        EntryPath::root().join(self.name.as_bytes()).ok().filter(|path| !path.is_root())
    }

    fn program(&self) -> Program {
        Program {
            args: self.run.iter().map(OsString::from).collect(),
            env: Vec::new(),
            stdin: None,
            // The plan's limit for the run ends it.
            timeout: Duration::MAX,
            output_max: SAID_MAX,
        }
    }
}

impl Driver for Command<'_> {
    fn needs(&self) -> Needs {
        // What its program opens, nobody knows; that it can be found is looked for with the plan's other programs.
        Needs::default()
    }

    fn preflight(&self, around: &Around<'_>) -> Vec<Finding> {
        if self.path().is_some() {
            return Vec::new();
        }
        let reason = format!(
            "the `name` `{}` of what the program of {} writes is not a file name: write one without any `/`",
            self.name, around.title
        );
        vec![Finding { rule: "command", is_error: true, reason }]
    }

    fn probe(&self, _now: Time, _hands: &Hands<'_>) -> Result<&'static str, Obstacle> {
        Ok("its program runs at each backup; it was not run now")
    }

    fn capture(&self, moment: &Moment<'_>) -> Result<Begun, CaptureError> {
        let Some(path) = self.path() else {
            let why = format!("its output cannot be called {:?}", self.name);
            return Err(SourceError::Program { program: output::named(&self.program()), why }.into());
        };
        let broken = Broken::new(moment.stop);
        let made = Output {
            program: self.program(),
            may_be_empty: false,
            broken: broken.clone(),
            watch: None,
            waiting: None,
            kept: None,
        };
        // Nobody knows how long it becomes. A dump changes here and there from night to night, and what is compressed
        // again is new all over.
        let profile = match of_name(self.name.as_bytes()) {
            FileType::Zip | FileType::Gzip | FileType::SevenZip | FileType::Pdf => Profile::Auto,
            _ => Profile::Fine,
        };
        let entries = [facts::root(moment.real), output::entry(path, profile, moment.real, made)];
        let entries: Entries<'static> = Box::new(entries.into_iter().map(Ok));
        Ok(Begun { entries, tally: std::sync::Arc::default(), export: None, broken: Some(broken) })
    }

    fn layout(&self) -> Layout {
        Layout::default()
    }

    fn in_place(&self) -> InPlace<'_> {
        InPlace::Refused("it is what a program wrote, and dr knows no way back into where that came from")
    }

    fn verify(&self, root: &Path) -> Vec<Check> {
        let name = "it is inside what its name says";
        let kind = of_name(self.name.as_bytes());
        if kind == FileType::Any {
            let said = "nothing: its name does not say what it is";
            return vec![Check::not_known(name, "a name such as mis.sql", said)];
        }
        let mut front = Vec::new();
        let read = dr_open::plain(&root.join(self.name)).and_then(|file| file.take(FRONT).read_to_end(&mut front));
        let good = read.is_ok() && !front.is_empty() && fits(kind, &front);
        let word = kind.word();
        vec![Check::new(name, good, word, if good { word } else { "something else" })]
    }
}
