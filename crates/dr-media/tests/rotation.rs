//! The right disk, by the right time, for the right person.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod pool;

use dr_media::{Ends, Holder, PoolFacts, Scheme, due, hanoi, next_medium};
use pool::{Story, WEEK, copied, ejected, handed, hour, loaded, lost, medium, person, place, pool, received, weekly};

fn plain(_week: i64) -> Ends {
    Ends::Week
}

/// Obeys the scheme for `weeks` weeks and says which disks were used.
fn obeyed(facts: &PoolFacts, disks: usize, weeks: i64) -> Vec<usize> {
    let mut story = Story::with_disks(disks);
    let mut used = Vec::new();
    for week in 0..weeks {
        let slot = facts.slots[usize::try_from(week).unwrap()];
        let register = story.register();
        let next = next_medium(facts, &register, slot.ends).unwrap().id.clone();
        let n = (1..=disks).find(|n| medium(*n) == next).unwrap();
        let coming = due(facts, &register, hour(week * WEEK - 6)).into_iter().find(|due| due.to == Holder::Server);
        assert_eq!(coming.map(|due| (due.medium, due.by)), Some((next, slot.at)), "week {week}");
        story.tell(week * WEEK - 1, loaded(n));
        story.tell(week * WEEK + 5, copied(n));
        story.tell(week * WEEK + 6, copied(n));
        story.tell(week * WEEK + 60, ejected(n));
        used.push(n);
    }
    used
}

#[test]
fn hanoi_of_five_is_the_known_answer() {
    let letters: String = (1..=16).map(|session| ["A", "B", "C", "D", "E"][hanoi(session, 5)]).collect();
    assert_eq!(letters, "ABACABADABACABAE");
    let facts = weekly(Scheme::Hanoi, plain);
    assert_eq!(obeyed(&facts, 5, 16), [1, 2, 1, 3, 1, 2, 1, 4, 1, 2, 1, 3, 1, 2, 1, 5]);
}

#[test]
fn the_oldest_copy_of_hanoi_stays_as_far_back_as_promised() {
    for media in 3..=7_usize {
        let mut last = vec![0_u64; media];
        for session in 1..=400_u64 {
            last[hanoi(session, media)] = session;
            if session >= 1 << media {
                let oldest = session - last.iter().min().unwrap();
                assert!((1 << (media - 2)..1 << (media - 1)).contains(&oldest), "{media} media, {session}: {oldest}");
            }
        }
    }
}

#[test]
fn round_robin_takes_each_in_turn() {
    assert_eq!(obeyed(&weekly(Scheme::RoundRobin, plain), 4, 10), [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]);
}

#[test]
fn four_weekly_and_three_termly_disks_keep_the_ends_of_three_terms() {
    let facts = weekly(Scheme::GfsTermly, |week| if week % 6 == 5 { Ends::Term } else { Ends::Week });
    assert_eq!(obeyed(&facts, 7, 18), [1, 2, 3, 4, 1, 5, 2, 3, 4, 1, 2, 6, 3, 4, 1, 2, 3, 7]);
}

#[test]
fn grandfathers_are_used_at_the_end_of_a_month_and_fathers_at_the_end_of_a_week() {
    let days = |day: i64| match day {
        day if day % 20 == 19 => Ends::Month,
        day if day % 5 == 4 => Ends::Week,
        _ => Ends::Day,
    };
    let used = obeyed(&weekly(Scheme::Gfs, days), 12, 40);
    let nth = |from: usize| used.iter().skip(from).step_by(5).copied().collect::<Vec<_>>();
    assert_eq!(used[..4], [1, 2, 3, 4]);
    assert_eq!(nth(4), [5, 6, 7, 9, 8, 5, 6, 10]);
    assert!(nth(0).into_iter().chain(nth(3)).all(|disk| disk <= 4));
    let monthly = weekly(Scheme::Gfs, |week| if week % 4 == 3 { Ends::Month } else { Ends::Week });
    assert_eq!(obeyed(&monthly, 4, 8), [1, 2, 3, 4, 1, 2, 3, 4], "sons are not left out of a weekly pool");
}

#[test]
fn every_scheme_works_with_one_disk_and_none() {
    for scheme in [Scheme::RoundRobin, Scheme::Gfs, Scheme::GfsTermly, Scheme::Hanoi] {
        for ends in [Ends::Day, Ends::Week, Ends::Month, Ends::Term] {
            let facts = weekly(scheme, |_| ends);
            assert_eq!(obeyed(&facts, 1, 3), [1, 1, 1]);
            assert_eq!(due(&facts, &Story::default().register(), hour(0)), []);
            for disks in 2..25 {
                assert_eq!(obeyed(&facts, disks, 3).len(), 3);
            }
        }
    }
}

#[test]
fn a_disk_that_is_lost_is_passed_over_and_a_session_without_a_copy_does_not_count() {
    let facts = weekly(Scheme::RoundRobin, plain);
    let mut story = Story::with_disks(4);
    for event in [loaded(1), copied(1), ejected(1)] {
        story.tell(0, event);
    }
    story.tell(WEEK, loaded(2));
    story.tell(WEEK + 1, ejected(2));
    assert_eq!(next_medium(&facts, &story.register(), Ends::Week).unwrap().id, medium(2));
    story.tell(WEEK + 2, lost(2, "elm"));
    assert_eq!(next_medium(&facts, &story.register(), Ends::Week).unwrap().id, medium(3));
}

#[test]
fn the_next_disk_comes_and_the_written_one_goes_by_the_slot() {
    let facts = weekly(Scheme::RoundRobin, plain);
    let mut story = Story::with_disks(2);
    story.tell(-2, loaded(1));
    story.tell(4, copied(1));
    let moves = due(&facts, &story.register(), hour(24));
    assert_eq!(moves.len(), 2);
    assert_eq!((&moves[0].medium, moves[0].by, &moves[0].to), (&medium(2), hour(WEEK), &Holder::Server));
    assert_eq!((&moves[1].medium, moves[1].by, &moves[1].from), (&medium(1), hour(WEEK), &Holder::Server));
    assert_eq!(moves[1].to, Holder::Place(place("annexe")));
    assert_eq!((&moves[1].pool, &moves[1].custodian), (&pool(), &Some(person("elm"))));
    assert_eq!(moves[1].deputies, [person("oak")]);
    for event in [ejected(1), handed(1, "oak", "elm")] {
        story.tell(30, event);
    }
    let carried = &due(&facts, &story.register(), hour(31))[1];
    assert_eq!((&carried.from, &carried.to), (&Holder::Person(person("elm")), &Holder::Place(place("annexe"))));
    story.tell(32, received(1, "elm", "annexe"));
    assert_eq!(due(&facts, &story.register(), hour(33)).len(), 1);
}

#[test]
fn six_missed_weeks_are_one_catch_up_due_since_the_first() {
    let facts = weekly(Scheme::RoundRobin, plain);
    let mut story = Story::with_disks(4);
    story.tell(0, loaded(1));
    story.tell(4, copied(1));
    let late = due(&facts, &story.register(), hour(7 * WEEK));
    assert_eq!((late.len(), &late[0].medium, late[0].by), (2, &medium(2), hour(WEEK)));
    story.tell(7 * WEEK + 1, ejected(1));
    story.tell(7 * WEEK + 2, loaded(2));
    let next = due(&facts, &story.register(), hour(7 * WEEK + 3));
    assert_eq!((&next[0].medium, next[0].by), (&medium(3), hour(8 * WEEK)));
}

#[test]
fn a_disk_brought_in_late_does_not_serve_the_next_slot_too() {
    let facts = weekly(Scheme::RoundRobin, plain);
    let mut story = Story::with_disks(2);
    story.tell(0, loaded(1));
    story.tell(1, copied(1));
    story.tell(WEEK + 60, ejected(1));
    story.tell(WEEK + 66, loaded(2));
    assert_eq!(due(&facts, &story.register(), hour(WEEK + 70))[0].by, hour(2 * WEEK));
}

#[test]
fn a_pool_whose_custodians_are_all_away_has_a_move_without_a_name() {
    let facts = PoolFacts { custodians: vec![], ..weekly(Scheme::RoundRobin, plain) };
    let moves = due(&facts, &Story::with_disks(2).register(), hour(-2));
    assert_eq!((moves.len(), &moves[0].custodian), (1, &None));
}
