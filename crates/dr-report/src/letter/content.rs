//! What the letter says, line by line, before it is printed.
//!
//! Lines are cut to the width here and rows to the height, so that both ways of printing say the same.

use dr_ledger::{Event, History, LetterStatus};
use dr_plan::{Class, KeyMode, System};

use super::{disks, lines, recover, todo};
use crate::alerts::{Answer, answer_line};
use crate::facts::{Facts, Given, SystemFacts};
use crate::findings::{exceptions, unsent};
use crate::judgement::Status;
pub(crate) use crate::letter::sheet::word;
pub(super) use crate::letter::sheet::{COLUMNS, HEAD, HEIGHT, WIDTH};
use crate::status::{StatusReport, SystemStatus};
use crate::words;

/// Everything that stands in the letter. Each text is one paragraph, broken already.
#[derive(Debug, serde::Serialize)]
pub(super) struct Content {
    pub(super) subject: String,
    pub(super) word: &'static str,
    /// Whether that is a sample school's letter.
    pub(super) sample: Vec<String>,
    pub(super) sentence: Vec<String>,
    pub(super) building: Vec<String>,
    pub(super) hacked: Vec<String>,
    pub(super) todo: Vec<Vec<String>>,
    pub(super) answer: Vec<String>,
    pub(super) not_covered: Vec<String>,
    pub(super) rows: Vec<[String; 7]>,
    /// How many rows there was no room for.
    pub(super) more_rows: Option<String>,
    pub(super) disks: Vec<String>,
    /// What waits to be erased; nothing if nothing does.
    pub(super) erasures: Vec<String>,
    pub(super) rehearsal: Vec<String>,
    pub(super) plan: Vec<String>,
    pub(super) not_assessed: Vec<String>,
    pub(super) changes: Vec<String>,
    pub(super) dead_man: Vec<String>,
    pub(super) evidence: Vec<String>,
}

/// How much room each part may take.
#[derive(Clone, Copy)]
struct Room {
    sentence: usize,
    todo_lines: usize,
    other_todo_lines: usize,
    todos: usize,
    recover: usize,
    rows: usize,
    changes: usize,
    disks: usize,
}

impl Room {
    /// Takes a line from what can best do without; `false` if nothing can.
    fn shrink(&mut self) -> bool {
        let least = [
            (Part::Sentence, 1),
            (Part::Changes, 1),
            (Part::Todo, 2),
            (Part::Todos, 3),
            (Part::OtherTodo, 1),
            (Part::Rows, 8),
            (Part::Disks, 1),
            (Part::Todos, 2),
            (Part::Rows, 6),
            (Part::Todos, 1),
            (Part::Rows, 4),
            (Part::Todo, 1),
            (Part::Recover, 1),
            (Part::Rows, 1),
        ];
        for (part, least) in least {
            let room = self.of(part);
            if *room > least {
                *room -= 1;
                return true;
            }
        }
        false
    }

    fn of(&mut self, part: Part) -> &mut usize {
        match part {
            Part::Sentence => &mut self.sentence,
            Part::Todo => &mut self.todo_lines,
            Part::OtherTodo => &mut self.other_todo_lines,
            Part::Todos => &mut self.todos,
            Part::Recover => &mut self.recover,
            Part::Rows => &mut self.rows,
            Part::Changes => &mut self.changes,
            Part::Disks => &mut self.disks,
        }
    }
}

/// What may be given less room.
#[derive(Clone, Copy)]
enum Part {
    Sentence,
    Todo,
    OtherTodo,
    Todos,
    Recover,
    Rows,
    Changes,
    Disks,
}

impl Content {
    pub(super) fn of(
        given: &Given<'_>,
        facts: &Facts,
        report: &StatusReport,
        number: u64,
        code: Option<&Answer>,
    ) -> Self {
        let mut room = Room {
            sentence: 2,
            todo_lines: 3,
            other_todo_lines: 2,
            todos: 6,
            recover: 2,
            rows: report.systems.len(),
            changes: 2,
            disks: 2,
        };
        loop {
            let content = Self::within(given, facts, report, number, code, room);
            let over = content.height().saturating_sub(HEIGHT);
            if over == 0 {
                return content;
            }
            // Everything is smaller by one line at least; at the least of everything it fits. What would come back
            // tonight keeps its names longest.
            if !room.shrink() {
                return content;
            }
        }
    }

    fn within(
        given: &Given<'_>,
        facts: &Facts,
        report: &StatusReport,
        number: u64,
        code: Option<&Answer>,
        room: Room,
    ) -> Self {
        let word = word(report.overall);
        let todo = todo::todo(given, report, room.todos, [room.todo_lines, room.other_todo_lines]);
        let sentence = (0..=3).rev().map(|names| format!("{word} - {}", lines::sentence(given, report, names)));
        let (rows, more_rows) = rows(given, facts, report, room.rows);
        Self {
            subject: lines::subject(given, facts, report),
            word,
            sample: given.plan.school.sample.then(|| format!("{}.", words::SAMPLE)).into_iter().collect(),
            sentence: words::whole(sentence, WIDTH, 0, room.sentence),
            building: recover::building(given, facts, room.recover),
            hacked: recover::hacked(given, facts, room.recover),
            todo,
            answer: code.map_or_else(Vec::new, |code| words::fit(&answer(given, report, code), WIDTH, 2, 1)),
            not_covered: words::whole((0..=3).rev().map(|names| not_covered(given, names)), WIDTH, 2, 1),
            rows,
            more_rows,
            disks: words::whole(disks::ways(given, facts), WIDTH, 11, room.disks),
            erasures: words::whole(erasures(report), WIDTH, 11, 1),
            rehearsal: words::fit(&lines::rehearsal(given, facts), WIDTH, 11, 1),
            plan: words::fit(&lines::plan(given, facts), WIDTH, 11, 1),
            not_assessed: words::fit(&not_assessed(given), WIDTH, 2, 1),
            changes: words::whole(changes(given, facts, report, number), WIDTH, 2, room.changes),
            dead_man: words::fit(&lines::dead_man(given, facts), WIDTH, 2, 1),
            evidence: words::fit(&evidence(given), WIDTH, 2, 1),
        }
    }

    /// Lines of the text that this becomes.
    fn height(&self) -> usize {
        let paragraphs = [
            &self.sample,
            &self.sentence,
            &self.building,
            &self.hacked,
            &self.answer,
            &self.not_covered,
            &self.disks,
            &self.erasures,
            &self.rehearsal,
            &self.plan,
            &self.not_assessed,
            &self.changes,
            &self.dead_man,
            &self.evidence,
        ];
        let todo: usize = self.todo.iter().map(Vec::len).sum();
        // A blank line before the table and one after it, and its head.
        3 + paragraphs.iter().map(|lines| lines.len()).sum::<usize>()
            + todo.max(1)
            + self.rows.len()
            + usize::from(self.more_rows.is_some())
    }
}

/// The rows of the table in the order of the plan; if there is no room for all, the worst ones.
fn rows(given: &Given<'_>, facts: &Facts, report: &StatusReport, most: usize) -> (Vec<[String; 7]>, Option<String>) {
    let mut places: Vec<usize> = (0..report.systems.len()).collect();
    places.sort_by_key(|place| std::cmp::Reverse(report.systems[*place].status));
    let mut left: Vec<usize> = places.split_off(most.min(places.len()));
    places.sort_unstable();
    let shown = places.into_iter().filter_map(|place| {
        let (system, of, row) = (given.plan.systems.get(place)?, facts.systems.get(place)?, report.systems.get(place)?);
        Some(cells(given, facts, system, of, row))
    });
    let shown: Vec<_> = shown.collect();
    left.sort_unstable();
    let worst = left.iter().filter_map(|place| report.systems.get(*place)).map(|row| row.status).max();
    let more = worst.map(|worst| {
        let (count, best) = (left.len(), if worst == Status::Green { "all" } else { "none worse than" });
        format!("and {count} more, {best} {}", worst.shout())
    });
    (shown, more)
}

fn cells(given: &Given<'_>, facts: &Facts, system: &System, of: &SystemFacts, row: &SystemStatus) -> [String; 7] {
    let zone = &given.plan.school.timezone;
    let title = words::clip(&system.title, COLUMNS[0] - 1);
    let status = [row.status.shout(), &row.short].join(" ");
    let status = words::clip(status.trim_end(), WIDTH - COLUMNS.iter().sum::<usize>());
    if system.source.supplier().is_some() {
        let dash = || "-".to_owned();
        return [title, dash(), dash(), dash(), dash(), dash(), status];
    }
    let proved = of.proof.proved.map(|at| {
        let date = at.to_zoned(zone.clone()).date();
        let this_year = date.year() == facts.today.year();
        date.strftime(if this_year { "%-d %b" } else { "%b %Y" }).to_string()
    });
    [
        title,
        of.newest().map_or_else(
            || "never".to_owned(),
            |at| words::clip(&words::moment(at, facts.today, zone), COLUMNS[1] - 1),
        ),
        of.count().to_string(),
        of.off_site().to_owned(),
        of.offline().to_owned(),
        proved.map_or_else(|| "never".to_owned(), |date| words::clip(&date, COLUMNS[5] - 1)),
        status,
    ]
}

/// What would not come back whatever the table says.
fn not_covered(given: &Given<'_>, most: usize) -> String {
    let kind = |test: fn(&System) -> bool| -> Vec<String> {
        given.plan.systems.iter().filter(|system| test(system)).map(|system| words::plain(&system.title)).collect()
    };
    let unread = kind(|system| !system.source.runs() && system.source.supplier().is_none());
    let held = kind(|system| system.source.supplier().is_some());
    let mut parts = Vec::new();
    for (titles, why) in [(unread, "not backed up"), (held, "the supplier's")] {
        let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
        if !titles.is_empty() {
            let titles = match most {
                0 => words::count(titles.len(), "system", "systems"),
                most => words::list(&titles, most),
            };
            parts.push(format!("{titles} ({why})"));
        }
    }
    parts.push("whatever is not in the table below".to_owned());
    format!("Not covered: {}.", parts.join("; "))
}

/// What this version cannot know, so that nobody takes its silence for a yes.
fn not_assessed(given: &Given<'_>) -> String {
    let mut what = vec!["who has read the plan", "key holders", "other hardware"];
    if given.plan.targets.values().any(|target| target.class == Class::Cloud) {
        what.insert(0, "cloud locks");
    }
    if given.runbook.is_none() {
        what.push("insurance");
    }
    if given.plan.keys.mode == KeyMode::Full {
        what.insert(0, "who else could read the backups (this server can)");
    }
    format!("Not assessed: {}.", what.join("; "))
}

/// What is otherwise since the last letter, and which gaps somebody accepted; in ever fewer words.
fn changes(given: &Given<'_>, facts: &Facts, report: &StatusReport, number: u64) -> Vec<String> {
    let since = History::of(given.entries).last_letter().map_or(jiff::Timestamp::MIN, |letter| letter.at);
    let is_new = |entry: &&dr_ledger::Entry| entry.decided > since && entry.has_come(given.now);
    let new = || given.entries.iter().filter(is_new).map(|entry| &entry.event);
    let count = |test: fn(&Event) -> bool| new().filter(|event| test(event)).count();
    let places = new().map(|event| if let Event::Initialised { targets } = event { targets.len() } else { 0 }).sum();
    let kinds = [
        (places, "place set up", "places set up"),
        (count(|e| matches!(e, Event::MediumRegistered { .. })), "disk new", "disks new"),
        (count(|e| matches!(e, Event::MediumReceived { .. })), "put away", "put away"),
        (count(|e| matches!(e, Event::MediumLost { .. })), "disk lost", "disks lost"),
        (count(|e| matches!(e, Event::Restored { .. })), "restore", "restores"),
        (count(|e| matches!(e, Event::Rehearsed { .. })), "rehearsal", "rehearsals"),
        (count(|e| matches!(e, Event::Accepted { .. })), "decision", "decisions"),
        (count(|e| matches!(e, Event::AlertRaised { step: 0, .. })), "alert", "alerts"),
    ];
    let mut changes: Vec<String> = Vec::new();
    if facts.clock_moved {
        changes.push("clock moved".to_owned());
    }
    let seen = kinds.into_iter().filter(|(n, ..)| *n > 0);
    changes.extend(seen.map(|(n, one, many)| words::count(n, one, many)));
    let undelivered = unsent(given).map(|unsent| {
        let to = if unsent.to.is_empty() { String::new() } else { format!(" (to {})", unsent.to) };
        format!(" {} could not be delivered{to}.", words::count(unsent.count, "message", "messages"))
    });
    let undelivered = undelivered.unwrap_or_default();
    let plan = given.plan;
    let live = plan.exceptions.iter().filter(|exception| exception.until >= facts.today);
    let line = |title: &str, rule: &str, until, who: &str| {
        let until = words::short_day(until, facts.today);
        format!("{} {} to {until} ({who})", words::plain(title), words::plain(rule))
    };
    let mut accepted: Vec<String> = live
        .map(|exception| {
            let title = plan.system(&exception.system).map_or("", |system| system.title.as_str());
            line(title, &exception.rule, exception.until, &words::name(plan, &exception.approver))
        })
        .collect();
    // Only what is a finding now; a gap that was closed is accepted by nobody any more.
    accepted.extend(exceptions(given).into_iter().filter_map(|(key, until, by)| {
        let finding = report.findings.iter().find(|finding| finding.key == key && finding.accepted.is_some())?;
        let title = finding.system.as_ref().and_then(|id| plan.system(id)).map_or("", |system| system.title.as_str());
        Some(line(title, finding.rule, until, &by.map(|by| words::name(plan, by)).unwrap_or_default()))
    }));
    // What there is no room for is counted.
    let shown = |of: &[String], sign: &str, most: usize| match of.len() {
        0 => "none".to_owned(),
        n if most == 0 => n.to_string(),
        n if n > most => format!("{} and {} more", of[..most].join(sign), n - most),
        _ => of.join(sign),
    };
    let way = |most: usize| {
        let (accepted, changes) = (shown(&accepted, "; ", most), shown(&changes, ", ", most));
        words::plain(&format!("Letter {number}. Accepted gaps: {accepted}. Changes: {changes}.{undelivered}"))
    };
    [99, 5, 4, 3, 2, 1, 0].map(way).to_vec()
}

/// What waits to be erased, and where: a pupil's name is on it until then.
fn erasures(report: &StatusReport) -> Vec<String> {
    let all = &report.erasures;
    let mut places: Vec<&str> = all.iter().flat_map(|one| &one.waits).map(String::as_str).collect();
    places.sort_unstable();
    places.dedup();
    let waits = if all.len() == 1 { "waits" } else { "wait" };
    if all.is_empty() {
        return Vec::new();
    }
    let ways = [3, 1].map(|most| format!("Erasures   {} {waits} for {}.", all.len(), words::list(&places, most)));
    ways.into_iter().chain([format!("Erasures   {} {waits} for copies.", all.len())]).collect()
}

/// The ledger's end, as `dr ledger --verify --anchor` takes it, to be compared one day with what the ledger says then.
fn evidence(given: &Given<'_>) -> String {
    let anchor = format!("{}:{}", given.head.n, given.head.hash);
    // A ledger of ten million entries leaves no room for the word.
    let lead = if anchor.len() + EVIDENCE.len() <= WIDTH { EVIDENCE } else { "" };
    format!("{lead}{anchor}")
}

const EVIDENCE: &str = "Evidence ";

/// How the reader answers without a shell.
fn answer(given: &Given<'_>, report: &StatusReport, code: &Answer) -> String {
    let what = if report.overall == LetterStatus::Red { "acknowledge" } else { "accept a gap" };
    answer_line(given.plan, what, code)
}
