//! The plan's people and calendar, as custody and rotation see them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod pool;

use dr_media::{Holder, PoolFacts, Presence, Register, Staff, due};
use dr_plan::{Calendar, Plan, PoolId, parse};
use jiff::Timestamp;
use pool::{Story, person, place};

const PLAN: &str = r#"
version = 1
[school]
name = "Hazel Bank Junior School"
[people.ash]
name = "A. Ash"
email = "head@hazelbank.example"
roles = ["head"]
[people.oak]
name = "J. Oak"
roles = ["it-lead", "custodian"]
absences = [{ from = 2026-01-09, until = 2026-01-09 }]
[people.elm]
name = "R. Elm"
roles = ["custodian"]
leaves = 2026-06-30
[places.annexe]
class = "offsite"
keyholders = ["elm"]
[targets.disks]
pool = "weekly"
[pools.weekly]
scheme = "round-robin"
media = 4
rotate = "weekly on Fri at 15:00"
shift = "previous"
custodians = ["oak", "elm"]
place = "annexe"
[systems.file-server]
source = { kind = "files", paths = ["/srv/shares"] }
schedule = "weekly on Fri at 15:00"
targets = ["disks"]
"#;

fn plan() -> Plan {
    parse(PLAN, "dr.toml").unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn facts(register: &Register, now: Timestamp) -> PoolFacts {
    let calendar = Calendar::every_week();
    PoolFacts::from_plan(&plan(), &calendar, register, &PoolId::new("weekly").unwrap(), now).unwrap()
}

#[test]
fn who_is_there_to_carry_on_the_day_of_the_turn_is_asked() {
    let (before, after) = ("2026-01-06T09:00:00Z", "2026-01-10T09:00:00Z");
    let mut story = Story::with_disks(4);
    story.tell(0, pool::loaded(1));
    story.tell(1, pool::copied(1));
    let register = story.register();
    let moves = |now: &str| due(&facts(&register, now.parse().unwrap()), &register, now.parse().unwrap());
    let coming = &moves(before)[0];
    assert_eq!(coming.by, "2026-01-09T15:00:00Z".parse().unwrap());
    assert_eq!((&coming.custodian, coming.deputies.len()), (&Some(person("elm")), 0), "oak is away on that day");
    assert_eq!(moves(before)[1].to, Holder::Place(place("annexe")));
    assert_eq!(moves(after)[0].custodian, Some(person("oak")), "overdue, so whoever is there today");
}

#[test]
fn people_are_here_or_not_as_the_plan_says_for_that_day() {
    let on = |date: &str| Staff::from_plan(&plan(), date.parse().unwrap());
    assert_eq!(on("2026-01-09").people[&person("oak")], Presence::Absent);
    assert_eq!(on("2026-01-10").people[&person("oak")], Presence::Here);
    assert_eq!(on("2026-07-01").people[&person("elm")], Presence::Left);
    assert_eq!(on("2026-01-09").places[&place("annexe")], [person("elm")].into());
    assert_eq!(on("2026-01-09").custodians[&PoolId::new("weekly").unwrap()], [person("elm")]);
}
