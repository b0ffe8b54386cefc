//! Does restored mail open? Every message is read as a mail program reads the list of a mailbox: by its headers.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use mail_parser::MessageParser;

use crate::driver::{NotStarted, Scene, StartRestored, StartedSystem};
use crate::opens::{Opened, files, mostly};

/// So much of a message is read: its headers, and more.
const FRONT: u64 = 64 << 10;
const NAME: &str = "messages read as mail";

/// How mailboxes are opened.
pub(super) struct Mail;

impl StartRestored for Mail {
    fn takes(&self, captured: u64) -> u64 {
        captured
    }

    fn start(&self, root: &Path, scene: &Scene<'_>) -> Result<Box<dyn StartedSystem>, NotStarted> {
        let (mut good, mut of) = (0, 0);
        let look = &mut |path: &Path| {
            let folder = path.parent().and_then(Path::file_name);
            if folder.is_some_and(|name| name == "cur" || name == "new") {
                of += 1;
                good += u64::from(reads(path).unwrap_or(false));
            }
        };
        files(root, scene.stop, look).map_err(|why| NotStarted(format!("scratch cannot be read: {}", why.kind())))?;
        Ok(Box::new(Opened(vec![mostly(NAME, good, of, "no message, so nothing to open")])))
    }
}

fn reads(path: &Path) -> io::Result<bool> {
    let mut front = Vec::new();
    let file: File = dr_open::plain(path)?;
    file.take(FRONT).read_to_end(&mut front)?;
    let message = MessageParser::default().parse(&front);
    Ok(message.is_some_and(|message| message.date().is_some() || message.from().is_some()))
}
