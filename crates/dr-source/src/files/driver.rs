//! Files by paths and patterns as a source of the plan.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use dr_entry::Time;
use dr_plan::Tree;

use super::{Captured, Options, Roots, capture, idle, leaves_out, refused, resolved};
use crate::SourceError;
use crate::driver::{
    Around, Begun, CaptureError, Check, Driver, Finding, Hands, InPlace, Layout, Moment, Needs, Obstacle, READABLE,
    StartRestored, sampled, something, there,
};
use crate::opens::Documents;

/// The files that the plan names.
pub(crate) struct Files<'a>(pub(crate) Tree<'a>);

impl Files<'_> {
    fn options(&self, places: &[PathBuf]) -> Options {
        Options { exclude: self.0.exclude.to_vec(), places: places.to_vec(), one_file_system: self.0.one_file_system }
    }

    fn begin(&self, moment: &Moment<'_>) -> Result<Captured, SourceError> {
        capture(&Roots::of(self.0.paths), &self.options(moment.places), moment.real)
    }

    /// Where other file systems are mounted inside the source and nothing says that they are left out on purpose: the
    /// outermost.
    fn mounted(&self, around: &Around<'_>) -> Vec<PathBuf> {
        if !self.0.one_file_system {
            return Vec::new();
        }
        let options = self.options(around.places);
        let roots: Vec<PathBuf> = self.0.paths.iter().map(|path| resolved(path)).collect();
        let device = |path: &Path| path.symlink_metadata().ok().map(|about| about.dev());
        let mut found: Vec<PathBuf> = Vec::new();
        for at in around.mounts {
            let above = roots.iter().filter(|root| at.starts_with(root) && at != *root);
            let Some(root) = above.max_by_key(|root| root.as_os_str().len()) else { continue };
            // One that is mounted over is not to be seen; one of the same device is gone into.
            let elsewhere = device(at).is_some_and(|on| Some(on) != device(root));
            let named = roots.iter().any(|root| root == at);
            let known = found.iter().any(|known| at.starts_with(known));
            if elsewhere && !named && !known && !leaves_out(self.0.paths, &options, at).unwrap_or(false) {
                found.push(at.clone());
            }
        }
        found
    }
}

impl Driver for Files<'_> {
    fn needs(&self) -> Needs {
        Needs { read: self.0.paths.to_vec(), write: Vec::new() }
    }

    fn preflight(&self, around: &Around<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut add = |rule, is_error, reason| found.push(Finding { rule, is_error, reason });
        let own = self.0.exclude.iter().filter(|pattern| !(around.is_inner)(pattern));
        for (pattern, why) in own.filter_map(|pattern| Some((pattern, refused(pattern)?))) {
            add("exclude", true, format!("the pattern `{pattern}` of `exclude`: {why}"));
        }
        for one in idle(self.0.exclude, self.0.paths).into_iter().filter(|one| !(around.is_inner)(&one.pattern)) {
            add("exclude", false, format!("the pattern `{}` of `exclude`: {}", one.pattern, one.why));
        }
        for at in self.mounted(around) {
            let reason = format!(
                "{}: another file system is mounted there, and it would not be in the copies of {}. Leave it out with \
                 `exclude`, or write it as a path or a system of its own",
                at.display(),
                around.title
            );
            add("mounts", false, reason);
        }
        found
    }

    fn probe(&self, _now: Time, _hands: &Hands<'_>) -> Result<&'static str, Obstacle> {
        sampled(self.0.paths).map(|()| READABLE)
    }

    fn capture(&self, moment: &Moment<'_>) -> Result<Begun, CaptureError> {
        there(self.0.paths)?;
        something(self.begin(moment)?, self.0.paths)
    }

    fn names(&self, moment: &Moment<'_>) -> Result<Option<Captured>, SourceError> {
        self.begin(moment).map(Some)
    }

    fn layout(&self) -> Layout {
        Layout { whole_paths: matches!(Roots::of(self.0.paths), Roots::Paths(_)), top: None }
    }

    fn in_place(&self) -> InPlace<'_> {
        InPlace::Paths
    }

    fn verify(&self, _root: &Path) -> Vec<Check> {
        // What can be asked of files is asked of every kind.
        Vec::new()
    }

    fn starts(&self) -> Option<Box<dyn StartRestored + '_>> {
        Some(Box::new(Documents))
    }
}
