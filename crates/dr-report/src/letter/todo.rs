//! What does the reader have to do, by when? Findings that have the same way out are one job.

use super::content::WIDTH;
use crate::facts::Given;
use crate::findings::Finding;
use crate::status::{Status, StatusReport};
use crate::words;

/// Rules about the whole school: each finding is a job of its own.
type Job<'a> = (&'a Finding, Vec<&'a str>);

/// The jobs, worst first, each at most `lines` lines; at most `most` of them, and how many more there are.
pub(super) fn todo(given: &Given<'_>, report: &StatusReport, most: usize, lines: usize) -> Vec<Vec<String>> {
    let jobs = jobs(given, report);
    let mut todo: Vec<Vec<String>> = Vec::new();
    for (place, (finding, titles)) in jobs.iter().take(most).enumerate() {
        let titles = if titles.is_empty() { String::new() } else { format!("{}: ", words::list(titles, 3)) };
        let lead = if place == 0 { "NEED FROM YOU  " } else { "               " };
        let task = finding.task(given.plan);
        let text = format!("{lead}{}. {task} {titles}{}; {}.", place + 1, finding.cause, finding.risk);
        // The lead's blanks must not be broken at.
        let (lead, text) = text.split_at(lead.len());
        let mut wrapped = words::fit(text, WIDTH - lead.len(), 3, lines);
        for (n, line) in wrapped.iter_mut().enumerate() {
            *line = if n == 0 { format!("{lead}{line}") } else { format!("               {line}") };
        }
        todo.push(wrapped);
    }
    let more = jobs.len().saturating_sub(most);
    if more > 0 {
        todo.push(vec![format!(
            "               and {} more: `dr status` lists all",
            words::count(more, "job", "jobs")
        )]);
    }
    if todo.is_empty() {
        todo.push(vec!["NEED FROM YOU  nothing.".to_owned()]);
    }
    todo
}

/// How many jobs there are.
pub(super) fn count(given: &Given<'_>, report: &StatusReport) -> usize {
    jobs(given, report).len()
}

/// The most urgent job.
pub(super) fn first<'a>(given: &'a Given<'_>, report: &'a StatusReport) -> Option<Job<'a>> {
    jobs(given, report).into_iter().next()
}

fn jobs<'a>(given: &'a Given<'_>, report: &'a StatusReport) -> Vec<Job<'a>> {
    let mut jobs: Vec<Job<'_>> = Vec::new();
    for finding in report.findings.iter().filter(|finding| finding.accepted.is_none()) {
        // What a supplier declares stands under "not covered"; nobody is asked every week.
        if finding.status == Status::Declared {
            continue;
        }
        let title = finding.system.as_ref().and_then(|id| given.plan.system(id)).map(|system| system.title.as_str());
        let same = |job: &&mut Job<'_>| {
            title.is_some() && job.0.rule == finding.rule && job.0.next == finding.next && job.0.owner == finding.owner
        };
        match (jobs.iter_mut().find(same), title) {
            (Some(job), Some(title)) => {
                if !job.1.contains(&title) {
                    job.1.push(title);
                }
            }
            _ => jobs.push((finding, title.into_iter().collect())),
        }
    }
    jobs
}
