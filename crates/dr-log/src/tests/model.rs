//! Writers and prunes on one log, in every order: does anything get lost?
//!
//! The product's fold (`fold.rs`) says what each log means. Whoever appends has the newest view, because the name of
//! the next entry can be created once and only then; what he appends may have been decided long before. Anybody may
//! stop for ever after any step. Chunks are two, `A` and `B`, and one of each writer's own; each session stores at most
//! one pack.
//!
//! Each rule of the fold is left out in turn, and the checker must then find a way to lose something: a model that
//! could not fail would prove nothing.

mod checkpoints;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use dr_format::id::{ChunkId, Digest, HostId, PackId, PackKind, SessionId, SnapshotId};
use dr_format::key::Author;
use dr_format::log_entry::{Body, Entry, Named, Registered, Runs};
use stateright::{Checker, Model, Property};

use crate::fold::{Rule, State, runs_of};

/// A set of chunks, packs, sessions or snapshots, a bit for each.
type Set = u16;

/// Both chunks.
const ALL: Set = 0b11;
/// Wrote the first pack, with both chunks, and two snapshots: this one needs both, ...
const FIRST: u8 = 0;
/// ... and this one only `A`. It is no session.
const HALF: u8 = 7;

fn has(set: Set, member: u8) -> bool {
    set >> member & 1 == 1
}

fn members(set: Set) -> impl Iterator<Item = u8> {
    (0..16).filter(move |member| has(set, *member))
}

fn one(member: u8) -> Set {
    1 << member
}

/// A log entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum E {
    /// The session's snapshot needs both chunks, these packs and its own, if it has one.
    Commit {
        session: u8,
        needs: Set,
        own: bool,
    },
    Packs {
        session: u8,
        needs: Set,
        own: bool,
    },
    Forget(u8),
    Unforget(u8),
    Condemn(Set),
    Sweep {
        packs: Set,
        view: usize,
        undoable: Set,
    },
    Fence(u8),
    Reframe {
        session: u8,
        sources: Set,
    },
    /// What nobody can read.
    Burned,
}

/// What a log adds up to, as far as anybody here asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Sum {
    /// Whether its last entry is void.
    void: bool,
    registered: Set,
    condemned: Set,
    swept: Set,
    /// Sessions that are known and not over.
    open: Set,
    over: Set,
    there: Set,
    /// Forgotten, and may be put back.
    undoable: Set,
    /// Packs of open sessions, and what they need.
    pinned: Set,
    /// What each snapshot said it needs, its own session's pack included.
    needs: [Set; 8],
    /// In which entry it was committed.
    since: [usize; 8],
    swept_at: usize,
    returned_at: usize,
    burned: bool,
}

fn session(n: u8) -> SessionId {
    SessionId([n; 16])
}

fn snapshot(n: u8) -> SnapshotId {
    SnapshotId([n; 16])
}

fn pack(n: u8) -> PackId {
    PackId { session: session(n), kind: PackKind::Data, no: 0 }
}

const HOST: HostId = HostId([1; 4]);

fn runs(packs: Set) -> Vec<Runs> {
    runs_of(members(packs).map(|n| (pack(n), HOST)))
}

fn body(entry: &E, sequence: u64) -> Body {
    let registered = |of: u8, needs: Set, own: bool, snapshots: &[u8], sources: Set, last: bool| Registered {
        session: session(of),
        host: HOST,
        sequence,
        last,
        snapshots: snapshots
            .iter()
            .map(|id| Named { id: snapshot(*id), document: ChunkId([0; 24]), label: Vec::new() })
            .collect(),
        needs: runs(needs),
        own: if own { vec![(PackKind::Data, 0, 0)] } else { Vec::new() },
        indexes: Vec::new(),
        used: Vec::new(),
        sources: runs(sources),
        superseded: Vec::new(),
        at: 0,
    };
    match *entry {
        E::Commit { session, needs, own } => {
            let made: &[u8] = if session == FIRST { &[FIRST, HALF] } else { &[session] };
            Body::Commit(registered(session, needs, own, made, 0, true))
        }
        E::Packs { session, needs, own } => Body::Packs(registered(session, needs, own, &[], 0, false)),
        E::Forget(id) => Body::Forget(vec![snapshot(id)]),
        E::Unforget(id) => Body::Unforget(vec![snapshot(id)]),
        E::Condemn(packs) => Body::Condemn(runs(packs)),
        E::Sweep { packs, view, undoable } => Body::Sweep {
            packs: runs(packs),
            view: view as u64,
            undoable: members(undoable).map(snapshot).collect(),
            keyless: false,
        },
        E::Fence(of) => Body::Fence(vec![session(of)]),
        E::Reframe { session, sources } => Body::Reframe(registered(session, 0, true, &[], sources, true)),
        E::Burned => Body::Note(String::new()),
    }
}

fn sum(log: &[E], without: Option<Rule>) -> Sum {
    let mut state = State { without, ..State::default() };
    let mut out = Sum::default();
    for (entry, n) in log.iter().zip(1..) {
        let voids = state.void.len();
        state.apply(&Entry {
            n,
            before: n - 1,
            before_digest: Digest([0; 32]),
            time_ms: 0,
            critical: true,
            author: Author::Maintenance,
            body: body(entry, n),
            digest: Digest([0; 32]),
        });
        out.void = state.void.len() > voids;
        out.burned |= *entry == E::Burned;
    }
    let number = |of: &SessionId| of.0[0];
    for (pack, at) in &state.packs {
        let bit = one(number(&pack.session));
        out.registered |= bit;
        out.condemned |= if at.condemned { bit } else { 0 };
        out.swept |= if at.swept { bit } else { 0 };
    }
    let named = |runs: &[Runs]| runs.iter().fold(0, |set, runs| set | one(number(&runs.session)));
    for (id, session) in &state.sessions {
        let bit = one(number(id));
        if session.is_open() {
            out.open |= bit;
            out.pinned |= bit | named(&session.needs);
        } else {
            out.over |= bit;
        }
    }
    for (id, snapshot) in &state.snapshots {
        let n = id.0[0];
        out.there |= if snapshot.is_there() { one(n) } else { 0 };
        let is_lost = snapshot.lost && without != Some(Rule::Lost);
        out.undoable |= if !snapshot.is_there() && !is_lost { one(n) } else { 0 };
        out.needs[usize::from(n)] = named(&snapshot.needs) | one(number(&snapshot.session));
        out.since[usize::from(n)] = snapshot.n as usize;
    }
    (out.swept_at, out.returned_at) = (state.swept_at as usize, state.returned_at as usize);
    out
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Writer {
    Begins,
    /// It found duplicates in these packs; the rest is stored in its own pack, if there is a rest.
    Stored {
        needs: Set,
        own: bool,
        registered: bool,
    },
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Pruner {
    Rests,
    /// It has followed what is needed up to an entry.
    Knows {
        view: usize,
        known: Set,
        live: Set,
        needed: Set,
        moved: Set,
        rewritten: bool,
        undo: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    log: Vec<E>,
    /// Which chunks each session's pack holds; nothing before it is stored.
    held: [u8; 8],
    /// Packs whose objects are there.
    present: Set,
    writers: Vec<Writer>,
    pruners: Vec<Pruner>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    /// The writer looks, finds these chunks in the newest or the oldest pack that has them, and stores the rest.
    Store {
        writer: u8,
        dup: Set,
        newest: bool,
    },
    Register(u8),
    Commit(u8),
    Forget(u8),
    Unforget(u8),
    Fence(u8),
    Burn,
    /// The pruner follows what is needed; with `undo` also what is forgotten.
    Look {
        pruner: u8,
        newest: bool,
        undo: bool,
    },
    Rewrite(u8),
    Condemn(u8),
    Sweep(u8),
    Rest(u8),
    Delete(u8),
}

/// What is left out, to see that it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    Nothing,
    Rule(Rule),
    /// Packs are deleted as soon as they are condemned.
    Patience,
    /// A pruner takes no notice of sessions that are not over.
    Pins,
}

struct Protocol {
    writers: u8,
    pruners: u8,
    /// Log entries, the first one included.
    slots: usize,
    without: Without,
    /// Nobody fences, nothing is put back, every entry can be read: for a search that is long.
    few: bool,
    sums: Mutex<HashMap<Vec<E>, Arc<Sum>>>,
}

impl Protocol {
    fn new(writers: u8, pruners: u8, slots: usize, without: Without) -> Self {
        Self { writers, pruners, slots: slots + 1, without, few: false, sums: Mutex::default() }
    }

    fn sum(&self, log: &[E]) -> Arc<Sum> {
        let mut sums = self.sums.lock().unwrap();
        if let Some(known) = sums.get(log) {
            return Arc::clone(known);
        }
        let without = if let Without::Rule(rule) = self.without { Some(rule) } else { None };
        let new = Arc::new(sum(log, without));
        sums.insert(log.to_vec(), Arc::clone(&new));
        new
    }

    /// The log with this entry, if it is not void there and there is room.
    fn append(&self, world: &World, entry: E) -> Option<World> {
        if world.log.len() >= self.slots {
            return None;
        }
        let mut after = world.clone();
        after.log.push(entry);
        (!self.sum(&after.log).void).then_some(after)
    }

    fn pruner_session(&self, pruner: u8) -> u8 {
        1 + self.writers + pruner
    }
}

/// What a snapshot needs: a writer that stores anything stores something that nobody else has, too.
fn chunks(world: &World, of: u8) -> Set {
    match of {
        HALF => 0b01,
        FIRST => ALL,
        writer => ALL | Set::from(world.held[usize::from(writer)]),
    }
}

/// Of these packs, the newest or the oldest that holds the chunk.
fn choose(world: &World, packs: Set, chunk: u8, newest: bool) -> Option<u8> {
    let mut holders = members(packs).filter(|pack| has(Set::from(world.held[usize::from(*pack)]), chunk));
    if newest { holders.last() } else { holders.next() }
}

impl Protocol {
    fn store(&self, world: &World, writer: u8, dup: Set, newest: bool) -> Option<World> {
        let (sum, own) = (self.sum(&world.log), writer + 1);
        // A log that cannot be read whole: nothing old is relied on.
        let usable = if sum.burned { 0 } else { sum.registered & !sum.condemned & !sum.swept };
        let needs = members(dup).map(|chunk| choose(world, usable, chunk, newest)).collect::<Option<Vec<_>>>()?;
        let needs = needs.into_iter().fold(0, |set, pack| set | one(pack));
        let mut after = world.clone();
        let rest = ALL & !dup;
        if rest != 0 {
            after.held[usize::from(own)] = (rest | one(2 + writer)) as u8;
            after.present |= one(own);
        }
        after.writers[usize::from(writer)] = Writer::Stored { needs, own: rest != 0, registered: false };
        Some(after)
    }

    fn look(&self, world: &World, pruner: u8, newest: bool, undo: bool) -> Option<World> {
        let sum = self.sum(&world.log);
        if sum.burned {
            return None;
        }
        let followed = sum.there | if undo { sum.undoable } else { 0 };
        let live = members(followed).fold(0, |set, of| set | chunks(world, of));
        let at_hand = sum.registered & !sum.swept;
        let mut needed = 0;
        for chunk in members(live) {
            needed |= one(choose(world, at_hand, chunk, newest)?);
        }
        // Of what is half needed, the rest is worth moving.
        let moved = members(needed).filter(|pack| Set::from(world.held[usize::from(*pack)]) & !live != 0);
        let moved = moved.fold(0, |set, pack| set | one(pack)) & !self.pinned(&sum, world.log.len());
        let mut after = world.clone();
        let view = world.log.len();
        after.pruners[usize::from(pruner)] =
            Pruner::Knows { view, known: sum.registered, live, needed, moved, rewritten: false, undo };
        Some(after)
    }

    /// Packs that must not go, whatever was followed up to `view`.
    fn pinned(&self, sum: &Sum, view: usize) -> Set {
        if self.without == Without::Pins {
            return 0;
        }
        let new = members(sum.there | sum.undoable).filter(|of| sum.since[usize::from(*of)] > view);
        sum.pinned | new.fold(0, |set, of| set | sum.needs[usize::from(of)])
    }

    fn prune(&self, world: &World, pruner: u8, step: Step) -> Option<World> {
        let Pruner::Knows { view, known, live, needed, moved, rewritten, undo } = world.pruners[usize::from(pruner)]
        else {
            return None;
        };
        let sum = self.sum(&world.log);
        if sum.burned {
            return None;
        }
        let own = self.pruner_session(pruner);
        let gone = known & !if rewritten { needed & !moved } else { needed };
        let free = gone & !sum.swept & !self.pinned(&sum, view);
        match step {
            Step::Rewrite(_) if moved != 0 && !rewritten => {
                if moved & !world.present != 0 {
                    return None;
                }
                let held = members(moved).fold(0, |set, pack| set | Set::from(world.held[usize::from(pack)])) & live;
                let mut after = self.append(world, E::Reframe { session: own, sources: moved })?;
                after.held[usize::from(own)] = held as u8;
                after.present |= one(own);
                after.pruners[usize::from(pruner)] =
                    Pruner::Knows { view, known, live, needed, moved, rewritten: true, undo };
                Some(after)
            }
            Step::Condemn(_) if free & !sum.condemned != 0 => self.append(world, E::Condemn(free & !sum.condemned)),
            Step::Sweep(_) if free & sum.condemned != 0 => {
                let undoable = if undo { sum.undoable } else { 0 };
                self.append(world, E::Sweep { packs: free & sum.condemned, view, undoable })
            }
            _ => None,
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let mut held = [0; 8];
        held[usize::from(FIRST)] = ALL as u8;
        vec![World {
            log: vec![E::Commit { session: FIRST, needs: 0, own: true }],
            held,
            present: one(FIRST),
            writers: vec![Writer::Begins; usize::from(self.writers)],
            pruners: vec![Pruner::Rests; usize::from(self.pruners)],
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Step>) {
        for writer in 0..self.writers {
            match world.writers[usize::from(writer)] {
                Writer::Begins => {
                    for dup in 0..=ALL {
                        actions.extend([false, true].map(|newest| Step::Store { writer, dup, newest }));
                    }
                }
                Writer::Stored { registered, .. } => {
                    actions.push(Step::Commit(writer));
                    if !registered {
                        actions.push(Step::Register(writer));
                    }
                }
                Writer::Ended => {}
            }
        }
        let sum = self.sum(&world.log);
        actions.extend(members(sum.there).map(Step::Forget));
        if !self.few {
            actions.extend(members(sum.undoable).map(Step::Unforget));
            actions.extend((1..=self.writers).filter(|session| !has(sum.over, *session)).map(Step::Fence));
            if !sum.burned {
                actions.push(Step::Burn);
            }
        }
        for pruner in 0..self.pruners {
            match world.pruners[usize::from(pruner)] {
                Pruner::Rests => {
                    for newest in [false, true] {
                        actions.extend([false, true].map(|undo| Step::Look { pruner, newest, undo }));
                    }
                }
                Pruner::Knows { .. } => {
                    actions.extend([Step::Rewrite(pruner), Step::Condemn(pruner), Step::Sweep(pruner)]);
                    if !self.few {
                        actions.push(Step::Rest(pruner));
                    }
                }
            }
        }
        let left = world.present & sum.over & !sum.registered;
        let deletable = sum.swept | left | if self.without == Without::Patience { sum.condemned } else { 0 };
        actions.extend(members(world.present & deletable).map(Step::Delete));
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        match step {
            Step::Store { writer, dup, newest } => self.store(world, writer, dup, newest),
            Step::Register(writer) | Step::Commit(writer) => {
                let Writer::Stored { needs, own, .. } = world.writers[usize::from(writer)] else { return None };
                let (session, is_over) = (writer + 1, matches!(step, Step::Commit(_)));
                let entry = if is_over { E::Commit { session, needs, own } } else { E::Packs { session, needs, own } };
                let mut after = self.append(world, entry)?;
                after.writers[usize::from(writer)] =
                    if is_over { Writer::Ended } else { Writer::Stored { needs, own, registered: true } };
                Some(after)
            }
            Step::Forget(of) => self.append(world, E::Forget(of)),
            Step::Unforget(of) => self.append(world, E::Unforget(of)),
            Step::Fence(session) => self.append(world, E::Fence(session)),
            Step::Burn => self.append(world, E::Burned),
            Step::Look { pruner, newest, undo } => self.look(world, pruner, newest, undo),
            Step::Rewrite(pruner) | Step::Condemn(pruner) | Step::Sweep(pruner) => self.prune(world, pruner, step),
            Step::Rest(pruner) => {
                let mut after = world.clone();
                after.pruners[usize::from(pruner)] = Pruner::Rests;
                Some(after)
            }
            Step::Delete(pack) => {
                let mut after = world.clone();
                after.present &= !one(pack);
                Some(after)
            }
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "every snapshot that is listed or can be put back is whole",
                |protocol: &Self, world: &World| {
                    let sum = protocol.sum(&world.log);
                    let at_hand = sum.registered & !sum.swept & world.present;
                    let held = members(at_hand).fold(0, |set, pack| set | Set::from(world.held[usize::from(pack)]));
                    members(sum.there | sum.undoable).all(|of| chunks(world, of) & !held == 0)
                },
            ),
            Property::always("what was acknowledged stays", |protocol: &Self, world: &World| {
                let sum = protocol.sum(&world.log);
                let mut writers = world.writers.iter().zip(1..);
                writers.all(|(writer, of): (_, usize)| *writer != Writer::Ended || sum.since[of] > 0)
            }),
            Property::sometimes("a pack that nobody needs is deleted", |_, world: &World| !has(world.present, FIRST)),
            Property::sometimes("a pack that was rewritten is deleted", |protocol: &Self, world: &World| {
                let rewritten = world.log.iter().any(|entry| matches!(entry, E::Reframe { .. }));
                rewritten && !has(world.present, FIRST) && has(protocol.sum(&world.log).there, HALF)
            }),
            Property::sometimes("a commit of nothing but duplicates counts", |_, world: &World| {
                world.log.iter().any(|entry| matches!(entry, E::Commit { own: false, .. }))
            }),
        ]
    }
}

/// Looks everywhere; how many states there were.
fn exhaust(writers: u8, pruners: u8, slots: usize) -> usize {
    let checker = Protocol::new(writers, pruners, slots, Without::Nothing).checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    checker.unique_state_count()
}

#[test]
fn one_writer_and_one_prune_lose_nothing_in_five_entries() {
    let states = exhaust(1, 1, 5);
    println!("{states} states");
    assert!(states > 10_000);
}

#[test]
fn two_writers_and_one_prune_lose_nothing_in_four_entries() {
    println!("{} states", exhaust(2, 1, 4));
}

#[test]
#[ignore = "a minute: cargo xtask soak model"]
fn one_writer_and_two_prunes_lose_nothing_in_five_entries() {
    println!("{} states", exhaust(1, 2, 5));
}

/// [`Rule::Own`] and [`Rule::Reprieve`] are a second line behind the pins, and hold where a prune has none of them.
#[test]
fn each_rule_that_is_left_out_loses_something() {
    for (without, writers, pruners, slots) in [
        (Without::Rule(Rule::Needs), 1, 1, 5),
        (Without::Rule(Rule::Fenced), 1, 1, 2),
        (Without::Rule(Rule::Sweeps), 0, 2, 6),
        (Without::Rule(Rule::Returns), 1, 1, 5),
        (Without::Rule(Rule::Lost), 1, 1, 4),
        (Without::Patience, 1, 1, 4),
        (Without::Pins, 1, 1, 4),
    ] {
        let protocol = Protocol { few: pruners == 2, ..Protocol::new(writers, pruners, slots, without) };
        let checker = protocol.checker().threads(2).spawn_bfs().join();
        let found = checker.discovery("every snapshot that is listed or can be put back is whole");
        assert!(found.is_some(), "without {without:?} nothing was lost in {} states", checker.unique_state_count());
    }
}
