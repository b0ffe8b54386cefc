//! Which systems does the plan protect? Tables by id, or the short form: an id and its source.
//!
//! Targets must be known by now, since a system that names none goes to all of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::sources::{self, Read};
use super::values::{name, names, period, retention, schedule};
use super::{defaults, keys};
use crate::expect::{Expect, ExpectedPage};
use crate::period::Period;
use crate::reader::{Node, Section};
use crate::resolve::{as_pattern, plain};
use crate::retention::Retention;
use crate::schedule::Schedule;
use crate::source::Source;
use crate::system::{CopyRule, Hook, System};
use crate::target::{Class, Target};
use crate::{SystemId, TargetId};

type Targets = BTreeMap<TargetId, Target>;

pub(super) fn systems(node: &Node<'_>, targets: &Targets) -> Vec<System> {
    let Some(table) = node.names() else {
        return Vec::new();
    };
    if table.entries().is_empty() {
        table.missing("any system");
    }
    let mut by_rank: Vec<&str> = table.entries().iter().map(|(key, _)| *key).collect();
    by_rank.sort_by_key(|id| defaults::rank(id));
    let all_short = table.entries().iter().all(|(_, node)| node.is_text());

    let mut found: Vec<(System, bool)> = Vec::new();
    for (key, node) in table.entries() {
        if *key == "dr-state" {
            table.wrong_key(key, "another id: this one is reserved for the ledger and the plan themselves", None);
            continue;
        }
        let Ok(id) = SystemId::new(*key) else {
            table.wrong_key(key, super::values::NAME, None);
            continue;
        };
        let night = defaults::nightly(by_rank.iter().position(|other| other == key).unwrap_or(0));
        found.extend(if node.is_text() { short(id, node, targets, night) } else { long(id, node, targets, night) });
    }
    if all_short {
        found.sort_by_key(|(system, _)| defaults::rank(system.id.as_str()));
    }
    leave_inner_out(&mut found);
    found.into_iter().map(|(system, _)| system).collect()
}

fn short(id: SystemId, node: &Node<'_>, targets: &Targets, night: Schedule) -> Option<(System, bool)> {
    let Read { source, excludes_are_defaults } = sources::source(node)?;
    let max_age = defaults::max_age(id.as_str(), &source);
    let retention = capped(defaults::retention(), max_age);
    let copies: Vec<CopyRule> = everywhere(targets)
        .map(|target| CopyRule { schedule: turn(targets, &target, &night), target, retention: retention.clone() })
        .collect();
    let system = System {
        title: defaults::title(id.as_str()),
        tier: defaults::tier(id.as_str()),
        owner: None,
        rpo: interval_and_grace(targets, &copies),
        source,
        copies,
        rto: None,
        mtpd: None,
        max_age,
        retention,
        before: Vec::new(),
        after: Vec::new(),
        timeout: defaults::RUN_TIMEOUT,
        sensitive: false,
        expect: Vec::new(),
        pages: Vec::new(),
        id,
    };
    Some((system, excludes_are_defaults))
}

fn long(id: SystemId, node: &Node<'_>, targets: &Targets, night: Schedule) -> Option<(System, bool)> {
    let table = node.section(keys::SYSTEM)?;
    let read = table.need("source").and_then(sources::source);
    let length = |key| table.get(key).and_then(period);
    let (rpo, rto, mtpd) = (length("rpo"), length("rto"), length("mtpd"));
    let own_max_age = length("max-age");
    let own_retention = table.get("retention").and_then(retention);
    let max_age = own_max_age.or_else(|| read.as_ref().and_then(|read| defaults::max_age(id.as_str(), &read.source)));
    let retention = capped(own_retention.unwrap_or_else(defaults::retention), max_age);
    let copies = copies(&table, targets, &night, &retention, max_age);
    let tier = table.get("tier").and_then(|node| node.count(1..=3)).and_then(|tier| u8::try_from(tier).ok());
    let hooks = |key| table.get(key).map(|node| node.list().iter().filter_map(hook).collect()).unwrap_or_default();
    let (before, after) = (hooks("before"), hooks("after"));
    let title = table.get("title").and_then(Node::text);
    let owner = table.get("owner").and_then(name);
    let timeout = table.get("timeout").and_then(period).unwrap_or(defaults::RUN_TIMEOUT);
    let sensitive = table.get("sensitive").and_then(Node::flag).unwrap_or(false);
    let asked = table.get("expect").map(Node::list).unwrap_or_default();
    let asked: Vec<Asked> = asked.iter().filter_map(expect).collect();
    let (mut expect, mut pages) = (Vec::new(), Vec::new());
    for one in asked {
        match one {
            Asked::Question(question) => expect.push(question),
            Asked::Page(page) => pages.push(page),
        }
    }
    let Read { source, excludes_are_defaults } = read?;
    let system = System {
        title: title.unwrap_or_else(|| defaults::title(id.as_str())),
        tier: tier.unwrap_or_else(|| defaults::tier(id.as_str())),
        owner,
        rpo: rpo.unwrap_or_else(|| interval_and_grace(targets, &copies)),
        source,
        copies,
        rto,
        mtpd,
        max_age,
        retention,
        before,
        after,
        timeout,
        sensitive,
        expect,
        pages,
        id,
    };
    Some((system, excludes_are_defaults))
}

/// `schedule` and `targets` are short for copies; `copies` adds those with a turn of their own.
fn copies(
    table: &Section<'_>,
    targets: &Targets,
    night: &Schedule,
    retention: &Retention,
    max_age: Option<Period>,
) -> Vec<CopyRule> {
    let own = table.get("schedule").and_then(schedule);
    let turn_at = |target: &TargetId| own.clone().unwrap_or_else(|| turn(targets, target, night));
    let named: Vec<TargetId> = match (table.get("targets"), table.get("copies")) {
        (Some(node), _) => names(node),
        (None, Some(_)) => Vec::new(),
        (None, None) => everywhere(targets).collect(),
    };
    let mut copies: Vec<CopyRule> = Vec::new();
    let add = |copies: &mut Vec<CopyRule>, node: Option<&Node<'_>>, copy: CopyRule| {
        if copies.iter().any(|other| other.target == copy.target) {
            if let Some(node) = node {
                node.wrong(format!("each target once: there is a copy on `{}` already", copy.target), None);
            }
        } else {
            copies.push(copy);
        }
    };
    for target in named {
        let copy = CopyRule { schedule: turn_at(&target), target, retention: retention.clone() };
        add(&mut copies, table.get("targets"), copy);
    }
    for node in table.get("copies").map(Node::list).unwrap_or_default() {
        let Some(entry) = node.section(keys::COPY) else {
            continue;
        };
        let target = entry.need("target").and_then(name::<TargetId>);
        let own_schedule = entry.get("schedule").and_then(schedule);
        let own_retention = entry.get("retention").and_then(super::values::retention);
        let Some(target) = target else { continue };
        let copy = CopyRule {
            schedule: own_schedule.unwrap_or_else(|| turn_at(&target)),
            retention: capped(own_retention.unwrap_or_else(|| retention.clone()), max_age),
            target,
        };
        add(&mut copies, Some(&node), copy);
    }
    // Without any target that could be read, that was told already.
    if copies.is_empty() && !targets.is_empty() {
        table.missing("any copy");
    }
    copies
}

/// Every target: on-site first, disks last.
fn everywhere(targets: &Targets) -> impl Iterator<Item = TargetId> {
    let mut all: Vec<(Class, TargetId)> = targets.iter().map(|(id, target)| (target.class, id.clone())).collect();
    all.sort();
    all.into_iter().map(|(_, id)| id)
}

/// When a copy has its turn if the plan does not say.
fn turn(targets: &Targets, target: &TargetId, night: &Schedule) -> Schedule {
    match targets.get(target) {
        Some(target) if target.pool().is_some() => defaults::disk_night(),
        _ => night.clone(),
    }
}

/// The objective of a plan that states none: what its most frequent copy can hold, and an hour.
fn interval_and_grace(targets: &Targets, copies: &[CopyRule]) -> Period {
    let intervals = |disks: bool| {
        copies
            .iter()
            .filter(|copy| targets.get(&copy.target).is_some_and(|target| target.pool().is_some()) == disks)
            .map(|copy| copy.schedule.interval())
            .min()
    };
    let interval = intervals(false).or_else(|| intervals(true)).unwrap_or(jiff::SignedDuration::from_hours(24));
    Period::at_least(interval.saturating_add(defaults::grace(None)))
}

/// A retention that keeps nothing older than the system's `max-age`.
fn capped(mut retention: Retention, max_age: Option<Period>) -> Retention {
    let ages = [retention.max_age, max_age];
    retention.max_age = ages.into_iter().flatten().min_by_key(|age| age.longest());
    retention
}

pub(super) fn hook(node: &Node<'_>) -> Option<Hook> {
    let table = node.section(keys::HOOK)?;
    let node = table.need("run")?;
    let run = node.texts();
    if run.is_empty() && node.is_list() {
        node.wrong("a program and its arguments, as a list", None);
    }
    Some(Hook {
        run,
        timeout: table.get("timeout").and_then(period).unwrap_or(defaults::HOOK_TIMEOUT),
        optional: table.get("optional").and_then(Node::flag).unwrap_or(false),
    })
}

/// What a table of `expect` is: which, is said by its keys.
enum Asked {
    Question(Expect),
    Page(ExpectedPage),
}

/// One question. Of several statements, or of a command of a database's own client, nobody could say what they answer.
fn expect(node: &Node<'_>) -> Option<Asked> {
    let table = node.section(keys::EXPECT)?;
    let words = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty() && text.len() <= SAY_MAX);
    let say = table.need("say").and_then(|node| node.read("what is asked, in a few words", words));
    if table.get("page").is_some() || table.get("contains").is_some() {
        return page(&table, say).map(Asked::Page);
    }
    let one = |text: &str| {
        let text = text.trim().trim_end_matches(';').trim_end();
        let plain = !text.is_empty() && !text.contains([';', '\\', '\0']) && !text.contains("--");
        plain.then(|| text.to_owned())
    };
    let ask = table.need("ask").and_then(|node| {
        node.read("one statement of SQL that gives one value, without `;`, `--` or a backslash in it", one)
    });
    let percent = |text: &str| text.strip_suffix('%')?.trim().parse().ok().filter(|percent: &u8| *percent <= 100);
    let within = table.get("within").and_then(|node| node.read("percent, such as \"5%\"", percent));
    let at_least = table.get("at-least").and_then(|node| node.count(0..=u32::MAX)).map(i64::from);
    let equals = table.get("equals").and_then(|node| match node.is_text() {
        true => node.text(),
        false => node.count(0..=u32::MAX).map(|number| number.to_string()),
    });
    let newer_than = table.get("newer-than").and_then(period);
    Some(Asked::Question(Expect { say: say?, ask: ask?, within, at_least, equals, newer_than }))
}

/// One page. Without words that stand on it, any page would do, and one that says what went wrong too.
fn page(table: &Section<'_>, say: Option<String>) -> Option<ExpectedPage> {
    let address = |text: &str| {
        let whole = ["/", "http://", "https://"].iter().any(|begin| text.starts_with(begin));
        let plain = whole && !text.starts_with("//") && text.bytes().all(|byte| byte.is_ascii_graphic());
        plain.then(|| text.to_owned())
    };
    let some = |text: &str| text.chars().any(char::is_alphanumeric).then(|| text.trim().to_owned());
    let page = table.need("page").and_then(|node| {
        node.read("a page as its address has it, such as \"/\" or \"/term-dates/\", without blanks", address)
    });
    let contains = table.need("contains").and_then(|node| node.read("words that stand on the page", some));
    for key in ["ask", "within", "at-least", "equals", "newer-than"] {
        if table.get(key).is_some() {
            table.wrong_key(key, "`say`, `page` and `contains` alone, where a page is asked for", None);
        }
    }
    Some(ExpectedPage { say: say?, page: page?, contains: contains? })
}

/// What is said of a question is no longer: it stands in a line of a letter.
const SAY_MAX: usize = 60;

/// Leaves a system's folder out of every other system whose folders hold it, where people have
/// not written their own excludes.
fn leave_inner_out(systems: &mut [(System, bool)]) {
    // Sorted by whole names, what lies below a folder stands right after it: a plan may have thousands of systems.
    let written =
        systems.iter().flat_map(|(system, _)| system.source.paths().into_iter().map(|path| (&system.id, path)));
    let mut all: Vec<(PathBuf, usize, SystemId, PathBuf)> =
        written.enumerate().map(|(place, (id, path))| (plain(path), place, id.clone(), path.clone())).collect();
    all.sort();
    for (system, excludes_are_defaults) in systems.iter_mut().filter(|(_, defaults)| *defaults) {
        debug_assert!(*excludes_are_defaults);
        let Source::Files { paths, exclude, .. } = &mut system.source else {
            continue;
        };
        let mut held: Vec<(usize, String)> = Vec::new();
        for outer in paths.iter() {
            let folder = plain(outer);
            let first = all.partition_point(|(path, ..)| *path < folder);
            let below = all.iter().skip(first).take_while(|(path, ..)| path.starts_with(&folder));
            for (path, place, id, inner) in below {
                if *id != system.id && *path != folder && inner.is_absolute() == outer.is_absolute() {
                    held.push((*place, as_pattern(inner)));
                }
            }
        }
        // In the order of the plan.
        held.sort();
        for (_, text) in held {
            if !exclude.contains(&text) {
                exclude.push(text);
            }
        }
    }
}
