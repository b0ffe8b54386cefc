//! What does the reader have to do, by when? One cause is one job, and a job is never cut: where there is little room it
//! is said shorter, and what there is no room for is counted.

use super::content::WIDTH;

use crate::facts::Given;
use crate::findings::Cause;
use crate::judgement::Status;
use crate::status::StatusReport;
use crate::words;

const LEAD: &str = "NEED FROM YOU  ";

/// The jobs, worst first, the first and each of the others with at most so many lines if they can be said so short; at
/// most `most` of them, and how many more there are.
pub(super) fn todo(given: &Given<'_>, report: &StatusReport, most: usize, lines: [usize; 2]) -> Vec<Vec<String>> {
    let jobs: Vec<&Cause> = jobs(report).collect();
    let mut todo: Vec<Vec<String>> = Vec::new();
    for (place, job) in jobs.iter().take(most).enumerate() {
        let lead = if place == 0 { LEAD } else { "" };
        let ways = ways(given, job).into_iter().map(|text| format!("{lead}{}. {}", place + 1, words::plain(&text)));
        todo.push(words::whole(ways, WIDTH, 3, lines[usize::from(place > 0)]));
    }
    let more = jobs.len().saturating_sub(most);
    if more > 0 {
        let lead = given.plan.answers_for(None, given.now.to_zoned(given.plan.school.timezone.clone()).date());
        let who = lead.map_or_else(|| "the technician".to_owned(), |id| words::clip(&words::name(given.plan, id), 30));
        todo.push(vec![format!("   And {}: {who} has the list.", words::count(more, "more job", "more jobs"))]);
    }
    if todo.is_empty() {
        todo.push(vec![format!("{LEAD}nothing.")]);
    }
    todo
}

/// One job in ever fewer words.
fn ways(given: &Given<'_>, job: &Cause) -> Vec<String> {
    let titles = job.titles(given.plan);
    let Cause { next, risk, .. } = job;
    let cause = if titles.is_empty() { words::begun(&job.cause) } else { job.cause.clone() };
    let day = words::day(job.until());
    let whose =
        |most: usize| if titles.is_empty() { String::new() } else { format!("{}: ", words::list(&titles, most)) };
    let task = |most: usize| format!("By {day}, {}: {next}.", job.who(given.plan, most));
    let short = match titles.as_slice() {
        [] => String::new(),
        [one] => format!(" ({one})"),
        some => format!(" ({} systems)", some.len()),
    };
    vec![
        format!("{} {}{cause}; {risk}.", task(3), whose(3)),
        format!("{} {}{cause}.", task(2), whose(3)),
        format!("{} {}{cause}.", task(1), whose(1)),
        format!("{}{short}.", task(1).trim_end_matches('.')),
    ]
}

/// How many jobs there are.
pub(super) fn count(report: &StatusReport) -> usize {
    jobs(report).count()
}

/// The most urgent job.
pub(super) fn first(report: &StatusReport) -> Option<&Cause> {
    jobs(report).next()
}

/// What a supplier declares stands under "not covered"; nobody is asked every week.
fn jobs(report: &StatusReport) -> impl Iterator<Item = &Cause> {
    report.causes.iter().filter(|cause| cause.accepted.is_none() && cause.status != Status::Declared)
}
