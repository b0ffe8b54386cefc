//! How does a website's database come back? As any database of its kind; the website's folder goes back beside it, as files.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dr_entry::EntryPath;

use super::SITE;
use crate::SourceError;
use crate::driver::{Feed, Hands, Load, Loaded, NotFed, Onto};

/// The database of a website.
pub(super) struct SiteLoad<'a>(pub(super) Box<dyn Load + 'a>);

impl Load for SiteLoad<'_> {
    fn live(&self) -> Result<String, SourceError> {
        self.0.live()
    }

    fn in_its_place(&self) -> &'static str {
        self.0.in_its_place()
    }

    fn new_one(&self) -> &'static str {
        self.0.new_one()
    }

    fn would_be_lost(&self, onto: &Onto<'_>, hands: &Hands<'_>) -> Result<bool, SourceError> {
        self.0.would_be_lost(onto, hands)
    }

    fn beside(&self) -> Option<EntryPath> {
        EntryPath::new(SITE).ok()
    }

    fn fed(&self) -> Result<EntryPath, SourceError> {
        self.0.fed()
    }

    fn load(
        &self,
        folder: &Path,
        feed: &dyn Fn(Feed) -> Result<(), NotFed>,
        onto: &Onto<'_>,
        hands: &Hands<'_>,
        stop: &Arc<AtomicBool>,
    ) -> Result<Loaded, SourceError> {
        self.0.load(folder, feed, onto, hands, stop)
    }
}
