//! The runbook as one page of HTML: no other file, no script, made for A4 paper.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};

use crate::bind::Bound;
use crate::print::Stamp;
use crate::print::view::View;

const TEMPLATE: &str = include_str!("runbook.html.j2");

/// The runbook as HTML. Everything that people wrote is escaped.
///
/// # Errors
/// Only if the template, which is part of this program, is broken.
pub fn print_html(bound: &Bound<'_>, stamp: &Stamp) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let view = Serde(View::of(bound, stamp));
    let page = environment.render_str(TEMPLATE, view)?;
    // Blocks of the template leave empty lines behind.
    let lines: Vec<&str> = page.lines().filter(|line| !line.trim().is_empty()).collect();
    Ok(lines.join("\n") + "\n")
}
