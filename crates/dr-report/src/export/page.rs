//! The policy's table as one page, to be printed for governors or put before an auditor.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};

use super::{Export, ExportError};

const TEMPLATE: &str = include_str!("export.html.j2");

pub(super) fn write(export: &Export) -> Result<String, ExportError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let page = environment.render_str(TEMPLATE, Serde(export)).map_err(ExportError::Page)?;
    let lines: Vec<&str> = page.lines().filter(|line| !line.trim().is_empty()).collect();
    Ok(lines.join("\n") + "\n")
}
