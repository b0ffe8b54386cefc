//! The policy's table as Markdown, to be pasted into the policy.

use super::{Export, ExportCopy, Labelled};

const COLUMNS: [&str; 3] = ["daily", "weekly", "monthly"];

pub(super) fn write(export: &Export) -> String {
    let mut out = format!("# Backups of {}\n\n", text(&export.school));
    let moved = if export.clock_moved { " (clock moved)" } else { "" };
    out.push_str(&format!("As of {}{moved}. Status: {}.\n\n", export.as_of, export.status));
    let cells = export.document.iter();
    out.push_str(&row(cells.clone().map(|field| text(&field.label))));
    out.push_str(&row(cells.clone().map(|_| "---".to_owned())));
    out.push_str(&row(cells.map(|field| text(&field.text))));
    out.push_str("\n## What is copied where, declared and achieved in the last 30 days\n\n");
    let sides = ["On site", "Off site and on disks"];
    let heads = sides.iter().flat_map(|side| COLUMNS.iter().map(move |often| format!("{side}, {often}")));
    let heads: Vec<String> = std::iter::once("System".to_owned()).chain(heads).collect();
    out.push_str(&row(heads.iter().cloned()));
    out.push_str(&row(heads.iter().map(|_| "---".to_owned())));
    for system in &export.systems {
        let copies = system.on_site.iter().chain(&system.off_site).map(|copies| cell(copies));
        out.push_str(&row(std::iter::once(format!("**{}** {}", text(&system.title), system.status)).chain(copies)));
    }
    out.push_str("\n## What is promised, and what was proved\n\n");
    let heads = ["System", "Answers for it", "Promised", "Last brought back as a test"];
    out.push_str(&row(heads.iter().map(|head| (*head).to_owned())));
    out.push_str(&row(heads.iter().map(|_| "---".to_owned())));
    for system in &export.systems {
        let cells = [&system.title, &system.owner, &system.promised, &system.proved];
        out.push_str(&row(cells.into_iter().map(|cell| text(cell))));
    }
    out.push_str(&list("Where the copies are", &labels(&export.places)));
    out.push_str(&list("Who changes the disks", &labels(&export.rotation)));
    out.push_str(&list("Accepted gaps", &export.exceptions));
    out.push_str(&list("Not covered", &export.not_covered));
    out
}

fn cell(copies: &[ExportCopy]) -> String {
    let lines: Vec<String> = copies
        .iter()
        .map(|copy| {
            let mark = if copy.short { "**" } else { "" };
            format!("{}<br>{mark}{}{mark}", text(&copy.declared), text(&copy.achieved))
        })
        .collect();
    if lines.is_empty() { "-".to_owned() } else { lines.join("<br>") }
}

fn labels(of: &[Labelled]) -> Vec<String> {
    of.iter().map(|one| format!("{}: {}", one.label, one.text)).collect()
}

fn list(title: &str, lines: &[String]) -> String {
    let mut out = format!("\n## {title}\n\n");
    if lines.is_empty() {
        out.push_str("None.\n");
    }
    for line in lines {
        out.push_str(&format!("- {}\n", text(line)));
    }
    out
}

fn row(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// Words that stay words.
fn text(words: &str) -> String {
    let mut out = String::new();
    for c in words.chars() {
        if matches!(c, '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '#' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
