//! Somebody else's export as a source of the plan.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use dr_entry::Time;

use super::{Given, NoExport, Rule, UNFINISHED, capture, examined, facts};
use crate::driver::{
    Around, Begun, CaptureError, Check, Driver, Finding, Hands, InPlace, Layout, Moment, Needs, Obstacle, sampled,
};

/// The export that is to come into a folder.
pub(crate) struct Drop<'a>(pub(crate) Rule<'a>);

impl Driver for Drop<'_> {
    fn needs(&self) -> Needs {
        Needs { read: vec![self.0.path.to_owned()], write: Vec::new() }
    }

    fn preflight(&self, around: &Around<'_>) -> Vec<Finding> {
        let name = self.0.name;
        let Some(why) = never_matches(name) else { return Vec::new() };
        let reason = format!("the `name` `{name}` of the export of {}: {why}", around.title);
        vec![Finding { rule: "drop", is_error: true, reason }]
    }

    fn probe(&self, now: Time, _hands: &Hands<'_>) -> Result<&'static str, Obstacle> {
        sampled(&[self.0.path.to_owned()])?;
        // The newest file of the folder, whatever its name, is not too old.
        let names = std::fs::read_dir(self.0.path).into_iter().flatten().flatten();
        let newest =
            names.filter_map(|name| name.metadata().ok()).map(|about| (about.mtime(), about.mtime_nsec())).max();
        let Some((seconds, nanos)) = newest else {
            return Err(Obstacle { why: "there is no export".to_owned(), next: "Ask whoever makes it." });
        };
        let nanoseconds = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        let age = nanoseconds(now.seconds, i64::from(now.nanos)) - nanoseconds(seconds, nanos);
        if age > nanoseconds(self.0.fresh, 0) {
            return Err(Obstacle {
                why: format!("the newest export is {} h old", age / nanoseconds(3_600, 0)),
                next: "Ask whoever makes it: until a new one comes, the system is not backed up.",
            });
        }
        match examined(&self.0, &Given { decided: now, real: now, last: None }) {
            // That it is being made at this moment is no trouble.
            Err(why) if self.0.is_strict() && !matches!(why, NoExport::Writing { .. }) => Err(Obstacle {
                why: why.to_string(),
                next: "Ask whoever makes it: until a good one comes, the system is not backed up.",
            }),
            _ => Ok("the newest export is fresh"),
        }
    }

    fn capture(&self, moment: &Moment<'_>) -> Result<Begun, CaptureError> {
        let given = Given { decided: moment.decided, real: moment.real, last: moment.last_size };
        let export = capture(&self.0, &given, moment.stop)?;
        Ok(Begun {
            entries: export.entries,
            tally: export.tally,
            export: Some((export.size, export.spoiled)),
            broken: None,
        })
    }

    fn layout(&self) -> Layout {
        Layout::default()
    }

    fn in_place(&self) -> InPlace<'_> {
        InPlace::Paths
    }

    fn verify(&self, root: &Path) -> Vec<Check> {
        // What can be asked of files is asked of every kind.
        facts::checks(root)
    }
}

/// Why no export can have a name of this pattern.
fn never_matches(name: &str) -> Option<String> {
    if name.contains('/') {
        return Some("it is the name of a file in the folder, which has no `/`: write the folder as `path`".to_owned());
    }
    let ends = UNFINISHED.iter().find(|end| name.to_ascii_lowercase().ends_with(*end))?;
    Some(format!("what ends in `{ends}` is still being brought, and never counts"))
}
