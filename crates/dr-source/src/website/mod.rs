//! How a website is captured as one recovery point: the moment of its database first, then its folder, in one snapshot.
//!
//! A program writes an upload before the row that mentions it. So whatever the database mentions is in the folder when that
//! is read afterwards; a file that no row mentions yet does no harm. Each of the two must hold something, or there is no
//! snapshot. The database is whole or the run failed; files that cannot be read are named.

use dr_entry::{Entry, EntryPath, Unread};

mod copied;
pub(crate) mod driver;
mod judge;
mod load;
mod page;
mod php;
mod serve;
mod start;
mod wordpress;

/// The folder of the capture that holds the website's own.
pub const SITE: &str = "site";
/// And that which holds the dump of its database.
pub use crate::mariadb::FOLDER as DATABASE;

/// Where an entry of the website's folder is in a capture.
fn within(path: &EntryPath) -> Result<EntryPath, Unread> {
    let whole = match path.is_root() {
        true => SITE.as_bytes().to_vec(),
        false => [SITE.as_bytes(), b"/", path.as_bytes()].concat(),
    };
    EntryPath::new(whole).map_err(|why| Unread { path: path.clone(), why: why.to_string() })
}

/// The same for what was read of it, or could not be.
fn moved(item: Result<Entry, Unread>) -> Result<Entry, Unread> {
    match item {
        Ok(entry) => within(&entry.path).map(|path| Entry { path, ..entry }),
        Err(unread) => Err(within(&unread.path).map_or_else(|why| why, |path| Unread { path, ..unread })),
    }
}
