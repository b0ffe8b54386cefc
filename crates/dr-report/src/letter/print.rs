//! The letter's two ways to be read: plain text, and a page for telephone and desk.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};

use super::content::{COLUMNS, Content, HEAD};
use super::mail::LetterError;

const TEMPLATE: &str = include_str!("letter.html.j2");

pub(super) fn text(content: &Content) -> String {
    let mut lines: Vec<String> = Vec::new();
    lines.extend(content.sample.iter().chain(&content.sentence).cloned());
    lines.extend(content.building.iter().chain(&content.hacked).cloned());
    lines.extend(content.todo.iter().flatten().cloned());
    lines.extend(content.answer.iter().chain(&content.not_covered).cloned());
    lines.push(String::new());
    lines.push(row(&HEAD.map(str::to_owned)));
    lines.extend(content.rows.iter().map(row));
    lines.extend(content.more_rows.iter().cloned());
    lines.push(String::new());
    let rest = [
        &content.disks,
        &content.erasures,
        &content.rehearsal,
        &content.plan,
        &content.not_assessed,
        &content.changes,
        &content.dead_man,
        &content.evidence,
    ];
    lines.extend(rest.into_iter().flatten().cloned());
    let trimmed: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    trimmed.join("\n") + "\n"
}

fn row(cells: &[String; 7]) -> String {
    let mut line = String::new();
    for (place, cell) in cells.iter().enumerate() {
        line.push_str(cell);
        let width = COLUMNS.get(place).copied().unwrap_or(0);
        line.push_str(&" ".repeat(width.saturating_sub(cell.chars().count())));
    }
    line.trim_end().to_owned()
}

/// A paragraph of the page: a label that stands out, and the rest.
#[derive(serde::Serialize)]
struct Labelled {
    label: String,
    text: String,
}

#[derive(serde::Serialize)]
struct View<'c> {
    content: &'c Content,
    sentence: String,
    building: Labelled,
    hacked: Labelled,
    todo_label: &'static str,
    todo: Vec<String>,
    answer: Option<Labelled>,
    not_covered: Labelled,
    head: [&'static str; 7],
    notes: Vec<Labelled>,
    last: Vec<String>,
}

/// Lines as one paragraph.
fn join(lines: &[String]) -> String {
    lines.iter().flat_map(|line| line.split_whitespace()).collect::<Vec<_>>().join(" ")
}

fn labelled(lines: &[String], sign: char) -> Labelled {
    let text = join(lines);
    match text.split_once(sign) {
        Some((label, rest)) => {
            let keep = if sign == ' ' { String::new() } else { sign.to_string() };
            Labelled { label: format!("{label}{keep}"), text: rest.trim().to_owned() }
        }
        None => Labelled { label: String::new(), text },
    }
}

pub(super) fn html(content: &Content) -> Result<String, LetterError> {
    let sentence = join(&content.sentence);
    let rest =
        sentence.strip_prefix(content.word).map_or(sentence.as_str(), |rest| rest.trim_start_matches([' ', '-']));
    let todo = content.todo.iter().map(|lines| {
        let text = join(lines);
        text.strip_prefix("NEED FROM YOU").map_or(text.clone(), |rest| rest.trim_start().to_owned())
    });
    let view = View {
        content,
        sentence: rest.to_owned(),
        building: labelled(&content.building, ':'),
        hacked: labelled(&content.hacked, ':'),
        todo_label: "NEED FROM YOU",
        todo: todo.collect(),
        answer: Some(labelled(&content.answer, ':')).filter(|answer| !answer.text.is_empty()),
        not_covered: labelled(&content.not_covered, ':'),
        head: HEAD,
        notes: [
            labelled(&content.disks, ' '),
            labelled(&content.erasures, ' '),
            labelled(&content.rehearsal, ' '),
            labelled(&content.plan, ' '),
            labelled(&content.not_assessed, ':'),
            labelled(&content.changes, '.'),
        ]
        .into_iter()
        .filter(|note| !note.text.is_empty())
        .collect(),
        last: vec![join(&content.dead_man), join(&content.evidence)],
    };
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let page = environment.render_str(TEMPLATE, Serde(view)).map_err(LetterError::Page)?;
    let lines: Vec<&str> = page.lines().filter(|line| !line.trim().is_empty()).collect();
    Ok(lines.join("\n") + "\n")
}
