//! Which devices does a sample school have, or a test? Nobody else may make any up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{DeviceId, Lies};

/// Beside the plan: which paths lie on which made-up device.
const FILE: &str = "dr-test-devices.toml";
/// What stands there for a device that cannot be told.
const UNKNOWN: &str = "unknown";

/// Devices that are made up: each role has its own, unless a test says otherwise.
#[derive(Debug, Clone)]
pub(super) struct MadeUp {
    said: Option<Vec<(PathBuf, String)>>,
}

impl MadeUp {
    /// Each role has its own.
    pub(super) fn apart() -> Self {
        Self { said: None }
    }

    /// As the file beside the plan says, if there is one.
    pub(super) fn of_test(plan: &Path) -> Self {
        let home = std::path::absolute(plan).ok().and_then(|plan| Some(plan.parent()?.to_owned())).unwrap_or_default();
        let text = std::fs::read_to_string(home.join(FILE)).ok();
        let said = text.map(|text| toml::from_str::<BTreeMap<String, String>>(&text).unwrap_or_default());
        let path = |name: String| real(&home.join(name));
        Self { said: said.map(|said| said.into_iter().map(|(name, device)| (path(name), device)).collect()) }
    }

    /// Whether nothing was said, so that folders stand for disks that nobody plugs in or out.
    pub(super) fn is_apart(&self) -> bool {
        self.said.is_none()
    }

    /// The device of a path that has a role.
    pub(super) fn lies(&self, role: &str, path: &Path) -> Lies {
        match self.said(path) {
            Some(UNKNOWN) => Lies::not_known("the test says so"),
            Some(device) => Lies::on(DeviceId::MadeUp(device.to_owned())),
            None => Lies::on(DeviceId::MadeUp(role.to_owned())),
        }
    }

    /// Whether a device was said for the path itself.
    pub(super) fn is_mounted(&self, path: &Path) -> bool {
        let path = real(path);
        self.said.as_ref().is_none_or(|said| said.iter().any(|(at, _)| *at == path))
    }

    fn said(&self, path: &Path) -> Option<&str> {
        let path = real(path);
        let above = self.said.iter().flatten().filter(|(at, _)| path.starts_with(at));
        above.max_by_key(|(at, _)| at.components().count()).map(|(_, device)| device.as_str())
    }
}

/// The path without links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    for above in path.ancestors() {
        if let Ok(real) = above.canonicalize() {
            return path.strip_prefix(above).map_or(real.clone(), |rest| real.join(rest));
        }
    }
    path.to_owned()
}
