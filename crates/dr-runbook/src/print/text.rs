//! The runbook as plain text: 78 columns, pages of 60 lines, a foot under each.

use crate::bind::Bound;
use crate::print::Stamp;
use crate::print::view::{Part, Table, View};
use crate::wrapped::wrapped;

/// Columns of a page.
const WIDTH: usize = 78;
/// Lines of a page above its foot.
const HEIGHT: usize = 58;

/// The runbook as text for a printer: a form feed after every page.
#[must_use]
pub fn print_text(bound: &Bound<'_>, stamp: &Stamp) -> String {
    let view = View::of(bound, stamp);
    let mut lines = Vec::new();
    lines.extend([view.title.to_uppercase(), view.school.clone()]);
    lines.extend(view.marking.clone());
    lines.push(String::new());
    lines.extend(view.control.iter().map(|(name, value)| format!("{name:<14}{value}")));
    parts(&mut lines, "What has happened?", &view.scenarios);
    table(&mut lines, "Who", &view.people);
    table(&mut lines, "Whom to ring", &view.contacts);
    table(&mut lines, "Systems, first things first", &view.systems);
    for group in &view.steps {
        heading(&mut lines, &format!("Steps: {}", group.title));
        for step in &group.steps {
            let first = format!("[ ] {} - {} - {} - {}", step.id, step.who, step.how, step.expect);
            wrap(&mut lines, &first, "", "    ");
            wrap(&mut lines, &step.text, "    ", "    ");
            // A command is not broken: it must be typed as it stands.
            lines.extend(step.command.iter().map(|command| format!("    $ {command}")));
            if step.after != "-" {
                wrap(&mut lines, &format!("After: {}", step.after), "    ", "      ");
            }
            if let Some(proof) = &step.proof {
                wrap(&mut lines, &format!("Worked if: {proof}"), "    ", "      ");
            }
            lines.push("    Begun ______  Done ______  By ____________".to_owned());
            lines.push(String::new());
        }
    }
    parts(&mut lines, "Decisions", &view.decisions);
    table(&mut lines, "Who must be told", &view.notify);
    table(&mut lines, "What is needed again", &view.assets);
    pages(&lines, &view.foot)
}

fn pages(lines: &[String], foot: &str) -> String {
    let pages: Vec<&[String]> = lines.chunks(HEIGHT).collect();
    let of = pages.len();
    let mut out = String::new();
    for (n, page) in pages.into_iter().enumerate() {
        for line in page {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.push_str(&"\n".repeat(HEIGHT - page.len()));
        out.push_str(&format!("\n{foot} - page {} of {of}\n\u{c}", n + 1));
    }
    out
}

fn heading(lines: &mut Vec<String>, title: &str) {
    lines.extend([String::new(), title.to_uppercase(), "-".repeat(title.chars().count()), String::new()]);
}

fn parts(lines: &mut Vec<String>, title: &str, parts: &[Part]) {
    if parts.is_empty() {
        return;
    }
    heading(lines, title);
    for part in parts {
        wrap(lines, &part.title, "* ", "  ");
        part.lines.iter().for_each(|line| wrap(lines, line, "    ", "    "));
        lines.push(String::new());
    }
}

/// A row is a paragraph: real columns would not fit a page that is read by torchlight.
fn table(lines: &mut Vec<String>, title: &str, table: &Table) {
    if table.rows.is_empty() {
        return;
    }
    heading(lines, title);
    for row in &table.rows {
        for (place, (name, cell)) in table.head.iter().zip(row).enumerate() {
            if cell != "-" {
                let lead = if place == 0 { "* " } else { "    " };
                wrap(lines, &format!("{name}: {cell}"), lead, "      ");
            }
        }
        lines.push(String::new());
    }
}

/// Breaks a text at blanks of any kind.
fn wrap(lines: &mut Vec<String>, text: &str, first: &str, rest: &str) {
    lines.extend(wrapped(text.split_whitespace(), WIDTH, first, rest));
}
