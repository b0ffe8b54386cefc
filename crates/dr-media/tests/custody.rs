//! Every medium is somewhere, and only who may move it moves it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod pool;

use dr_ledger::{Event, MediumKind};
use dr_media::{Holder, Refusal, Register, State, check, history};
use pool::{
    Story, copied, ejected, found, handed, initialised, loaded, lost, medium, person, place, received, registered,
    staff,
};
use proptest::prelude::*;

/// Tells the events, each of which the rules must allow.
fn allowed(events: Vec<Event>) -> Story {
    let mut story = Story::default();
    for (hours, event) in (0..).zip(events) {
        if event.medium().is_some() {
            check(&story.register(), &staff(), Some(&person("oak")), &event).unwrap();
        }
        story.tell(hours, event);
    }
    assert_eq!(story.register().gaps(), []);
    story
}

fn refused(events: Vec<Event>, by: &str, event: Event) -> Refusal {
    check(&allowed(events).register(), &staff(), Some(&person(by)), &event).unwrap_err()
}

fn round() -> Vec<Event> {
    vec![
        registered(1),
        initialised(1),
        loaded(1),
        copied(1),
        ejected(1),
        handed(1, "oak", "elm"),
        received(1, "elm", "annexe"),
    ]
}

#[test]
fn a_disk_goes_out_and_comes_back_with_one_state_and_holder_at_each_step() {
    let mut events = round();
    events.extend([handed(1, "elm", "oak"), loaded(1)]);
    let story = allowed(events);
    let steps: Vec<_> = (1..=story.entries.len())
        .map(|told| {
            let register = Register::of(&story.entries[..told]);
            let disk = register.medium(&medium(1)).unwrap();
            format!("{}: {}", disk.state, disk.holder)
        })
        .collect();
    assert_eq!(
        steps,
        [
            "registered: server",
            "scratch: server",
            "loaded: server",
            "written: server",
            "ejected: server",
            "in transit: elm",
            "stored: annexe",
            "in transit: oak",
            "loaded: server",
        ]
    );
    assert_eq!(history(&story.entries, &medium(1)).len(), 9);
    assert_eq!(history(&story.entries, &medium(2)).len(), 0);
}

#[test]
fn a_handover_needs_two_people_and_the_receiver_must_be_here() {
    let before = || round()[..5].to_vec();
    let who = vec![person("elm")];
    let same = Refusal::SamePerson { medium: medium(1), person: person("oak"), who };
    assert_eq!(refused(before(), "oak", handed(1, "oak", "oak")), same);
    for away in ["rowan", "birch", "fir"] {
        let refusal = refused(before(), "oak", handed(1, "oak", away));
        assert!(
            matches!(&refusal, Refusal::NotHere { who, .. } if *who == [person("elm"), person("oak")]),
            "{refusal:?}"
        );
    }
    assert!(matches!(refused(before(), "oak", handed(1, "oak", "nemo")), Refusal::UnknownPerson { .. }));
    assert!(matches!(refused(before(), "birch", handed(1, "oak", "elm")), Refusal::NotHere { .. }));
}

/// A school may have one person who carries the disks, and she needs nobody to hand them to her.
#[test]
fn who_carries_alone_takes_a_disk_from_beside_the_server_and_puts_it_away() {
    let mut story = allowed(round()[..5].to_vec());
    let away = received(1, "elm", "annexe");
    assert_eq!(check(&story.register(), &staff(), Some(&person("elm")), &away), Ok(()));
    story.tell(9, away);
    assert_eq!(story.register().medium(&medium(1)).unwrap().state, State::Stored);
}

#[test]
fn only_who_has_a_disk_can_give_it_and_only_who_was_given_it_can_receive_it() {
    let carried = || round()[..6].to_vec();
    for event in [handed(1, "oak", "ash"), received(1, "oak", "annexe")] {
        let refusal = refused(carried(), "oak", event);
        assert!(matches!(&refusal, Refusal::NotHolder { who, .. } if *who == [person("elm")]), "{refusal:?}");
    }
    let refusal = refused(round()[..5].to_vec(), "oak", received(1, "oak", "annexe"));
    assert!(matches!(refusal, Refusal::NoKey { .. }));
    let nowhere = refused(carried(), "elm", received(1, "elm", "attic"));
    assert!(matches!(nowhere, Refusal::UnknownPlace { .. }));
}

#[test]
fn who_has_no_key_can_neither_put_a_disk_there_nor_take_it_out() {
    let mut to_oak = round()[..5].to_vec();
    to_oak.push(handed(1, "elm", "oak"));
    for refusal in [
        refused(to_oak, "oak", received(1, "oak", "annexe")),
        refused(round(), "oak", handed(1, "oak", "ash")),
        refused(round(), "oak", loaded(1)),
    ] {
        assert!(matches!(&refusal, Refusal::NoKey { who, .. } if *who == [person("elm")]), "{refusal:?}");
        assert_eq!(refusal.to_string(), "oak has no key to annexe; could: elm");
    }
}

#[test]
fn a_disk_is_loaded_only_if_it_is_ours_initialised_and_trusted_and_no_other_is_in() {
    assert!(matches!(refused(vec![], "oak", loaded(1)), Refusal::Unregistered { .. }));
    assert!(matches!(refused(vec![registered(1)], "oak", loaded(1)), Refusal::NotInitialised { .. }));
    let two = vec![registered(1), initialised(1), registered(2), initialised(2), loaded(1)];
    assert!(matches!(refused(two.clone(), "oak", loaded(2)), Refusal::OtherLoaded { other, .. } if other == medium(1)));
    assert!(matches!(refused(two, "oak", loaded(1)), Refusal::WrongState { .. }));
    let gone = || [round()[..5].to_vec(), vec![lost(1, "oak")]].concat();
    assert!(matches!(refused(gone(), "oak", loaded(1)), Refusal::WrongState { state: State::Lost, .. }));
    let back = || [gone(), vec![found(1, "elm")]].concat();
    assert!(matches!(refused(back(), "elm", loaded(1)), Refusal::Suspect { .. }));
    let moved_on = [back(), vec![handed(1, "elm", "oak")]].concat();
    assert!(matches!(refused(moved_on, "oak", loaded(1)), Refusal::Suspect { .. }), "suspicion travels with the disk");
    allowed([back(), vec![initialised(1), loaded(1)]].concat());
}

#[test]
fn backups_are_not_initialised_away_and_a_loaded_disk_is_not_carried_off() {
    assert!(matches!(refused(round(), "oak", initialised(1)), Refusal::InitialisedAlready { .. }));
    assert!(matches!(refused(round(), "oak", registered(1)), Refusal::RegisteredAlready { .. }));
    assert!(matches!(refused(round()[..4].to_vec(), "oak", handed(1, "oak", "elm")), Refusal::WrongState { .. }));
    assert!(matches!(refused(round(), "oak", ejected(1)), Refusal::WrongState { .. }));
    assert!(matches!(refused(round(), "oak", found(1, "elm")), Refusal::WrongState { .. }));
}

#[test]
fn a_move_is_never_nobodys() {
    let refusal = check(&allowed(round()).register(), &staff(), None, &handed(1, "elm", "oak")).unwrap_err();
    assert_eq!(refusal, Refusal::Nobody { who: vec![person("elm"), person("oak")] });
    let note = Event::Note { text: String::new() };
    assert_eq!(check(&Register::default(), &staff(), None, &note), Err(Refusal::NoMove));
}

#[test]
fn a_leaver_can_give_a_disk_back_but_not_take_one() {
    let story = allowed(round()[..6].to_vec());
    let mut later = staff();
    later.people.insert(person("elm"), dr_media::Presence::Left);
    check(&story.register(), &later, Some(&person("oak")), &handed(1, "elm", "oak")).unwrap();
    let keeps = check(&story.register(), &later, Some(&person("oak")), &received(1, "elm", "office"));
    assert!(matches!(keeps, Err(Refusal::NotHere { .. })));
}

#[test]
fn what_the_rules_would_have_refused_is_believed_and_shown_as_a_gap() {
    let mut story = Story::with_disks(1);
    story.tell(0, handed(1, "oak", "elm"));
    story.tell(1, received(1, "ash", "annexe"));
    story.tell(2, loaded(7));
    let register = story.register();
    assert_eq!(register.medium(&medium(1)).unwrap().holder, Holder::Place(place("annexe")));
    assert_eq!(register.medium(&medium(7)), None);
    let gaps: Vec<_> = register.gaps().iter().map(|gap| (gap.n, gap.medium.clone())).collect();
    assert_eq!(gaps, [(4, medium(1)), (5, medium(7))]);
}

fn any_event() -> impl Strategy<Value = Event> {
    let someone = || prop::sample::select(vec!["ash", "birch", "elm", "fir", "oak", "rowan", "nemo"]);
    let somewhere = prop::sample::select(vec!["annexe", "office", "attic"]);
    (0..10_u8, 1..4_usize, someone(), someone(), somewhere).prop_map(|(kind, n, from, to, at)| match kind {
        0 => registered(n),
        1 => initialised(n),
        2 => loaded(n),
        3 => copied(n),
        4 => ejected(n),
        5 => handed(n, from, to),
        6 => received(n, from, at),
        7 => lost(n, from),
        8 => found(n, from),
        _ => Event::Note { text: from.to_owned() },
    })
}

proptest! {
    /// One state and one holder is the type; that the two always fit each other is this.
    #[test]
    fn whatever_is_told_every_medium_has_a_state_and_a_holder_that_fit(events in prop::collection::vec(any_event(), 0..60)) {
        let mut story = Story::default();
        for (hours, event) in (0..).zip(events) {
            story.tell(hours, event);
            let register = story.register();
            for disk in register.media().values() {
                let fits = match disk.state {
                    State::Registered | State::Scratch | State::Loaded | State::Written | State::Ejected => {
                        disk.holder == Holder::Server
                    }
                    State::InTransit | State::Found => matches!(disk.holder, Holder::Person(_)),
                    State::Stored => matches!(disk.holder, Holder::Place(_)),
                    State::Lost => true,
                };
                prop_assert!(fits, "{disk:?}");
                let open = register.sessions().iter().filter(|s| s.open && s.medium == disk.id).count();
                prop_assert_eq!(open, usize::from(disk.state.is_connected()));
                prop_assert_eq!(disk.kind, MediumKind::Hdd);
            }
        }
    }

    /// What custody lets through leaves no gap, is in nobody's hands who is not here, and loads one disk at a time.
    #[test]
    fn what_is_checked_first_never_leaves_a_gap(events in prop::collection::vec(any_event(), 0..120)) {
        let mut story = Story::default();
        for (hours, event) in (0..).zip(events) {
            let register = story.register();
            let ok = match &event {
                Event::RunFinished { copies, .. } => {
                    let on = copies[0].medium.as_ref().and_then(|id| register.medium(id));
                    on.is_some_and(|disk| disk.state.is_connected())
                }
                event => check(&register, &staff(), Some(&person("ash")), event).is_ok(),
            };
            if !ok {
                continue;
            }
            story.tell(hours, event);
            let register = story.register();
            prop_assert_eq!(register.gaps(), []);
            prop_assert!(register.media().values().filter(|disk| disk.state.is_connected()).count() <= 1);
            for disk in register.media().values() {
                if let Holder::Person(holder) = &disk.holder {
                    prop_assert_eq!(staff().people.get(holder).copied(), Some(dr_media::Presence::Here));
                }
            }
        }
    }
}
