//! How is `dr` told which room to make? As words before the program's own.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use super::way::Way;

/// Which of the two processes that make a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoomStage {
    Outer,
    Inner,
}

/// What each of them is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) stage: RoomStage,
    /// Who started it, and with whom it ends.
    pub(super) parent: u32,
    pub(super) folder: PathBuf,
    pub(super) way: Way,
    pub(super) also: Vec<PathBuf>,
    pub(super) hidden: Vec<PathBuf>,
    pub(super) loopback: bool,
    pub(super) program: Vec<OsString>,
}

const END: &str = "--";

impl Words {
    pub(super) fn written(&self) -> Vec<OsString> {
        let key = |key: &str, value: &OsStr| {
            let mut word = OsString::from(key);
            word.push("=");
            word.push(value);
            word
        };
        let stage = match self.stage {
            RoomStage::Outer => "outer",
            RoomStage::Inner => "inner",
        };
        let way = match self.way {
            Way::Users => "users",
            Way::Root => "root",
        };
        let mut words = vec![
            key("stage", stage.as_ref()),
            key("parent", self.parent.to_string().as_ref()),
            key("folder", self.folder.as_os_str()),
            key("way", way.as_ref()),
        ];
        words.extend(self.also.iter().map(|path| key("also", path.as_os_str())));
        words.extend(self.hidden.iter().map(|path| key("hidden", path.as_os_str())));
        if self.loopback {
            words.push("loopback=".into());
        }
        words.push(END.into());
        words.extend(self.program.iter().cloned());
        words
    }

    pub(super) fn read(mut from: impl Iterator<Item = OsString>) -> Option<Self> {
        let (mut stage, mut parent, mut folder, mut way) = (None, None, None, None);
        let (mut also, mut hidden, mut loopback) = (Vec::new(), Vec::new(), false);
        loop {
            let word = from.next()?;
            if word == END {
                break;
            }
            let bytes = word.as_bytes();
            let at = bytes.iter().position(|byte| *byte == b'=')?;
            let value = OsString::from_vec(bytes[at + 1..].to_vec());
            match (&bytes[..at], value.to_str()) {
                (b"stage", Some("outer")) => stage = Some(RoomStage::Outer),
                (b"stage", Some("inner")) => stage = Some(RoomStage::Inner),
                (b"parent", Some(number)) => parent = Some(number.parse().ok()?),
                (b"folder", _) => folder = Some(PathBuf::from(value)),
                (b"way", Some("users")) => way = Some(Way::Users),
                (b"way", Some("root")) => way = Some(Way::Root),
                (b"also", _) => also.push(PathBuf::from(value)),
                (b"hidden", _) => hidden.push(PathBuf::from(value)),
                (b"loopback", _) => loopback = true,
                _ => return None,
            }
        }
        let program = from.collect();
        Some(Self { stage: stage?, parent: parent?, folder: folder?, way: way?, also, hidden, loopback, program })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_a_programs_own_words_stay_its_own() {
        let words = Words {
            stage: RoomStage::Inner,
            parent: 7,
            folder: "/scratch of=ours".into(),
            way: Way::Users,
            also: vec!["/opt/pg 16".into(), "/opt/b".into()],
            hidden: vec!["/usr/share/nginx/html".into()],
            loopback: true,
            program: vec!["psql".into(), "--".into(), "way=root".into(), OsString::from_vec(vec![0xff])],
        };
        assert_eq!(Words::read(words.written().into_iter()), Some(words));
        for wrong in [&["stage=outer"][..], &["--"], &["stage=x", "parent=1", "folder=/", "way=root", "--"]] {
            assert_eq!(Words::read(wrong.iter().map(OsString::from)), None, "{wrong:?}");
        }
    }
}
