//! `dr quickstart`: what is all of this like, with a school that nobody needs?

use std::path::{Path, PathBuf};

use clap::Args;

use crate::context::Context;
use crate::env;
use crate::exit::{Cause, Failure, Outcome};
use crate::quickstart::days::{self, Week};
use crate::quickstart::life::Life;
use crate::quickstart::place::{Found, Lived, Place};
use crate::quickstart::screen;
use crate::quickstart::typed::Keyboard;

/// Try everything on an invented school, in a folder of its own
///
/// Six systems with 450 pupils, 2,000 messages and some hundred documents live two days there: backups to two targets
/// and a disk, a file lost and brought back, the disk rotated, a rehearsed restore, the weekly letter. Takes about a
/// minute and 600 MB, no server, no network, no rights. Called again it shows the same screen and changes nothing.
#[derive(Args)]
pub struct Quickstart {
    /// The folder, absent or empty
    #[arg(value_name = "DIR", default_value = "hazel-bank")]
    dir: PathBuf,
    /// Live two more days in the folder of an earlier quickstart
    #[arg(long)]
    again: bool,
}

impl Quickstart {
    pub fn run(&self, context: &Context<'_>) -> Result<Outcome, Failure> {
        let global = context.global;
        if !global.plans.is_empty() || global.state.is_some() || global.by.is_some() {
            return Err(Failure::usage(
                "quickstart makes a plan, a state and people of its own: leave out --plan, --state and --by",
            ));
        }
        let found = Place::find(&self.dir)?;
        let lived = match (found, self.again) {
            (Found::Lived(_, lived), false) => lived,
            (Found::Lived(place, lived), true) => {
                let zone = place.zone()?;
                let week = days::next(lived.last(&zone)?, days::now(global.at.as_deref(), &zone)?);
                self.live(context, &place, &week, Some(lived))?
            }
            (Found::Nothing(place), false) => {
                let zone = place.zone()?;
                let now = days::now(global.at.as_deref(), &zone)?;
                place.found(now.date())?;
                let week = days::first(now)?;
                self.live(context, &place, &week, None)?
            }
            (Found::Nothing(_), true) => {
                return Err(Failure::usage(format!(
                    "there is no quickstart in {} that could live on: leave --again out to begin one",
                    self.dir.display()
                )));
            }
        };
        context.screen.document(&lived);
        for line in screen::lines(&lived, &self.dir, &env::called_as()) {
            context.screen.say(&line);
        }
        Ok(Outcome::done())
    }

    fn live(
        &self,
        context: &Context<'_>,
        place: &Place,
        week: &Week,
        before: Option<Box<Lived>>,
    ) -> Result<Box<Lived>, Failure> {
        // Nothing is left outside the folder.
        env::assign("DR_CACHE", place.cache().into());
        let keyboard = Keyboard::new(context, place.plan());
        let lived = Life::new(context, place, &keyboard, week).and_then(|life| life.live(before));
        let lived = lived.map_err(|failure| advised(failure, &self.dir))?;
        place.keep(&lived)?;
        Ok(lived)
    }
}

/// A sample that was ended halfway is not mended: nothing in it is worth that.
fn advised(failure: Failure, dir: &Path) -> Failure {
    let cause = match failure.cause {
        Cause::Interrupted | Cause::Terminated => failure.cause,
        _ => Cause::Failed,
    };
    Failure::new(
        cause,
        format!(
            "{}\nThe invented school in {} was left halfway. Nothing in it is worth keeping: delete that folder and begin again.",
            failure.message,
            dir.display()
        ),
    )
}
