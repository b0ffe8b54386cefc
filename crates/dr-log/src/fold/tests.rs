//! Rules of the fold, one by one.

use dr_format::id::PackKind;
use dr_format::log_entry::Named;

use super::*;

const HOST: HostId = HostId([1; 4]);

fn session(n: u8) -> SessionId {
    SessionId([n; 16])
}

fn runs(s: u8, first: u32, last: u32) -> Vec<Runs> {
    vec![Runs { session: session(s), host: HOST, runs: vec![(PackKind::Data, first, last)] }]
}

fn registered(s: u8, sequence: u64, snapshot: Option<u8>, needs: Vec<Runs>, last: bool) -> Registered {
    Registered {
        session: session(s),
        host: HOST,
        sequence,
        last,
        snapshots: snapshot
            .map(|id| Named { id: SnapshotId([id; 16]), document: ChunkId([id; 24]), label: vec![] })
            .into_iter()
            .collect(),
        needs,
        own: vec![(PackKind::Data, sequence as u32, sequence as u32)],
        indexes: vec![],
        used: vec![],
        sources: vec![],
        superseded: vec![],
        at: 0,
    }
}

fn fold(bodies: Vec<(Author, Body)>) -> State {
    let mut state = State::default();
    for (at, (author, body)) in bodies.into_iter().enumerate() {
        let n = at as u64 + 1;
        state.apply(&Entry {
            n,
            before: n - 1,
            before_digest: Digest([0; 32]),
            time_ms: 0,
            critical: true,
            author,
            body,
            digest: Digest([n as u8; 32]),
        });
    }
    state
}

fn sweep(packs: Vec<Runs>, view: u64) -> Body {
    Body::Sweep { packs, view, undoable: vec![], keyless: false }
}

const M: Author = Author::Maintenance;

fn voids(state: &State) -> Vec<u64> {
    state.void.iter().map(|(n, _)| *n).collect()
}

#[test]
fn a_commit_that_needs_a_swept_pack_is_void() {
    let state = fold(vec![
        (M, Body::Commit(registered(1, 1, Some(1), vec![], true))),
        (M, Body::Forget(vec![SnapshotId([1; 16])])),
        (M, Body::Condemn(runs(1, 1, 1))),
        (M, sweep(runs(1, 1, 1), 0)),
        (M, Body::Commit(registered(2, 1, Some(2), runs(1, 1, 1), true))),
        (M, Body::Unforget(vec![SnapshotId([1; 16])])),
    ]);
    assert_eq!(voids(&state), [5, 6]);
    assert!(state.live().is_empty());
}

#[test]
fn a_commit_takes_the_condemnation_off_what_it_needs_so_that_a_sweep_is_void() {
    let state = fold(vec![
        (M, Body::Commit(registered(1, 1, Some(1), vec![], true))),
        (M, Body::Condemn(runs(1, 1, 1))),
        (M, Body::Commit(registered(2, 1, Some(2), runs(1, 1, 1), true))),
        (M, sweep(runs(1, 1, 1), 0)),
    ]);
    assert_eq!(voids(&state), [4]);
    assert_eq!(state.live().len(), 2);
}

#[test]
fn fenced_closed_and_repeated_sessions_commit_nothing() {
    let state = fold(vec![
        (M, Body::Fence(vec![session(1)])),
        (M, Body::Commit(registered(1, 1, Some(1), vec![], true))),
        (M, Body::Commit(registered(2, 1, Some(2), vec![], true))),
        (M, Body::Packs(registered(2, 2, None, vec![], false))),
        (M, Body::Packs(registered(3, 1, None, vec![], false))),
        (M, Body::Packs(registered(3, 1, None, vec![], false))),
        (M, Body::Commit(registered(3, 2, Some(3), vec![], true))),
    ]);
    assert_eq!(voids(&state), [2, 4, 6]);
    assert_eq!(state.live().len(), 2);
}

#[test]
fn hosts_may_only_add_and_only_for_themselves_until_their_key_is_revoked() {
    let host = Author::Host(HOST, KeyId([7; 16]));
    let other = Author::Host(HostId([2; 4]), KeyId([8; 16]));
    let state = fold(vec![
        (host, Body::Commit(registered(1, 1, Some(1), vec![], true))),
        (host, Body::Forget(vec![SnapshotId([1; 16])])),
        (host, Body::Condemn(runs(1, 1, 1))),
        (other, Body::Commit(registered(2, 1, Some(2), vec![], true))),
        (M, Body::Revoked(KeyId([7; 16]))),
        (host, Body::Commit(registered(3, 1, Some(3), vec![], true))),
    ]);
    assert_eq!(voids(&state), [2, 3, 4, 6]);
    assert_eq!(state.live().len(), 1);
}

#[test]
fn forget_and_unforget_and_hold_are_kept() {
    let id = SnapshotId([1; 16]);
    let state = fold(vec![
        (M, Body::Commit(registered(1, 1, Some(1), vec![], true))),
        (M, Body::Forget(vec![id])),
        (M, Body::Unforget(vec![id])),
        (M, Body::Hold { snapshots: vec![id], until_ms: 5 }),
        (M, Body::Unknown { number: 99 }),
    ]);
    assert_eq!(voids(&state), Vec::<u64>::new());
    assert_eq!(state.live()[0].1.held_until_ms, Some(5));
    assert_eq!(state.unknown, Some((5, 99)));
}

#[test]
fn a_sweep_from_before_another_sweep_or_an_unforget_is_void() {
    let two = |at| (M, Body::Commit(registered(at, 1, Some(at), vec![], true)));
    let begin = || vec![two(1), two(2), (M, Body::Condemn([runs(1, 1, 1), runs(2, 1, 1)].concat()))];
    let after = |first: Body, view: u64| {
        let mut bodies = begin();
        bodies.extend([(M, first), (M, sweep(runs(1, 1, 1), view))]);
        voids(&fold(bodies))
    };
    assert_eq!(after(sweep(runs(2, 1, 1), 3), 3), [5], "its author had not seen the other one");
    assert_eq!(after(sweep(runs(2, 1, 1), 3), 4), Vec::<u64>::new());
    let back = || Body::Unforget(vec![SnapshotId([1; 16])]);
    assert_eq!(after(back(), 3), [5], "what was put back was not followed");
    assert_eq!(after(back(), 4), Vec::<u64>::new());
}

#[test]
fn what_was_followed_although_forgotten_can_be_put_back_after_a_sweep_and_nothing_else() {
    let (one, two) = (SnapshotId([1; 16]), SnapshotId([2; 16]));
    let after = |undoable: Vec<SnapshotId>, back: SnapshotId| {
        let state = fold(vec![
            (M, Body::Commit(registered(1, 1, Some(1), vec![], true))),
            (M, Body::Commit(registered(2, 1, Some(2), vec![], true))),
            (M, Body::Commit(registered(3, 1, Some(3), vec![], true))),
            (M, Body::Forget(vec![one, two])),
            (M, Body::Condemn(runs(3, 1, 1))),
            (M, Body::Sweep { packs: runs(3, 1, 1), view: 5, undoable, keyless: false }),
            (M, Body::Unforget(vec![back])),
        ]);
        voids(&state)
    };
    assert_eq!(after(vec![one], one), Vec::<u64>::new());
    assert_eq!(after(vec![one], two), [7]);
    assert_eq!(after(vec![], one), [7]);
    assert_eq!(after(vec![one], SnapshotId([9; 16])), [7], "nobody knows it");
}

#[test]
fn the_newest_word_of_the_maintenance_key_says_who_has_taken_over() {
    let host = Author::Host(HOST, KeyId([7; 16]));
    let by = |host: u8| Body::Note(dr_format::take_over::take_over(HostId([host; 4]), HOST));
    let commit = || Body::Commit(registered(1, 1, Some(1), vec![], true));
    assert_eq!(fold(vec![(M, commit()), (host, by(2)), (M, Body::Note("a word".into()))]).taken_over, None);
    let bodies = vec![(M, by(2)), (M, by(3)), (M, commit()), (host, by(4)), (M, Body::Note("a word".into()))];
    let state = fold(bodies);
    assert_eq!(state.taken_over, Some(TakeOver { n: 2, host: HostId([3; 4]) }));
    assert_eq!((voids(&state), state.notes), (vec![], 4));
}

#[test]
fn a_session_whose_own_pack_was_swept_registers_nothing_more() {
    let state = fold(vec![
        (M, Body::Packs(registered(1, 1, None, vec![], false))),
        (M, Body::Condemn(runs(1, 1, 1))),
        (M, sweep(runs(1, 1, 1), 2)),
        (M, Body::Commit(registered(1, 2, Some(1), vec![], true))),
        (M, Body::Packs(registered(2, 1, None, vec![], false))),
        (M, Body::Condemn(runs(2, 1, 1))),
        (M, Body::Packs(registered(2, 2, None, vec![], false))),
        (M, sweep(runs(2, 1, 1), 7)),
    ]);
    assert_eq!(voids(&state), [4, 8], "what registers something more keeps what it has");
}

#[test]
fn runs_and_packs_are_the_same_set() {
    let pack = |s: u8, kind, no| (PackId { session: session(s), kind, no }, HOST);
    let packs = vec![
        pack(1, PackKind::Data, 0),
        pack(1, PackKind::Data, 1),
        pack(1, PackKind::Data, 5),
        pack(1, PackKind::Meta, 6),
        pack(2, PackKind::Data, 0),
    ];
    let runs = runs_of(packs.clone());
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0].runs.len(), 3);
}
