//! What does the reader have to do, by when? Findings that have the same way out are one job.

use super::content::WIDTH;
use dr_plan::PersonId;

use crate::facts::Given;
use crate::findings::Finding;
use crate::status::{Status, StatusReport};
use crate::words;

/// The worst finding of a job, the systems that it is about (none if it is about the school), and who is asked.
pub(super) struct Job<'a> {
    pub(super) finding: &'a Finding,
    pub(super) titles: Vec<&'a str>,
    owners: Vec<&'a PersonId>,
}

const LEAD: &str = "NEED FROM YOU  ";

/// The jobs, worst first, the first and each of the others with at most so many lines; at most `most` of them, and how
/// many more there are.
pub(super) fn todo(given: &Given<'_>, report: &StatusReport, most: usize, lines: [usize; 2]) -> Vec<Vec<String>> {
    let jobs = jobs(given, report);
    let mut todo: Vec<Vec<String>> = Vec::new();
    for (place, job) in jobs.iter().take(most).enumerate() {
        let titles = if job.titles.is_empty() { String::new() } else { format!("{}: ", words::list(&job.titles, 3)) };
        let lead = if place == 0 { LEAD } else { "" };
        let who: Vec<String> = job.owners.iter().map(|id| words::name(given.plan, id)).collect();
        let who: Vec<&str> = who.iter().map(String::as_str).collect();
        let who = if who.is_empty() { "Somebody".to_owned() } else { words::list(&who, 2) };
        let Finding { next, cause, risk, .. } = job.finding;
        let day = words::day(job.finding.until());
        let text = words::plain(&format!("{}. By {day}, {who}: {next}. {titles}{cause}; {risk}.", place + 1));
        todo.push(words::fit(&format!("{lead}{text}"), WIDTH, 3, lines[usize::from(place > 0)]));
    }
    let more = jobs.len().saturating_sub(most);
    if more > 0 {
        todo.push(vec![format!("   and {} more: `dr status` lists all", words::count(more, "job", "jobs"))]);
    }
    if todo.is_empty() {
        todo.push(vec![format!("{LEAD}nothing.")]);
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
            title.is_some() && job.finding.rule == finding.rule && job.finding.next == finding.next
        };
        match (jobs.iter_mut().find(same), title) {
            (Some(job), Some(title)) => {
                if !job.titles.contains(&title) {
                    job.titles.push(title);
                }
                job.owners.extend(finding.owner.iter().filter(|owner| !job.owners.contains(owner)).collect::<Vec<_>>());
            }
            _ => {
                let (titles, owners) = (title.into_iter().collect(), finding.owner.iter().collect());
                jobs.push(Job { finding, titles, owners });
            }
        }
    }
    jobs
}
