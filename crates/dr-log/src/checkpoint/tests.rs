//! What a checkpoint says is what the entries said, and nobody else's word passes for one.

use dr_format::key::FamilyKey;
use dr_format::log_entry::{Body, Entry, Named, ObjectRef, Registered};
use dr_format::take_over::take_over;

use super::*;

struct Dice(u64, Vec<Runs>);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn id<const N: usize>(&mut self) -> [u8; N] {
        [self.roll(5) as u8; N]
    }

    fn session(&mut self) -> SessionId {
        SessionId([self.roll(16) as u8; 16])
    }

    fn ids(&mut self) -> Vec<SnapshotId> {
        (0..self.roll(3)).map(|_| SnapshotId(self.id())).collect()
    }

    fn own(&mut self) -> Vec<(PackKind, u32, u32)> {
        let mut run = || {
            let (kind, first) = ([PackKind::Data, PackKind::Meta][self.roll(2) as usize], self.roll(4) as u32);
            (kind, first, first + self.roll(3) as u32)
        };
        vec![run(), run()]
    }

    fn runs(&mut self) -> Vec<Runs> {
        let one = |dice: &mut Self| Runs { session: dice.session(), host: HostId([1; 4]), runs: dice.own() };
        (0..self.roll(3)).map(|_| one(self)).collect()
    }

    fn object(&mut self) -> ObjectRef {
        ObjectRef { name: format!("idx/{}", self.roll(6)), len: self.roll(99), digest: Digest(self.id()) }
    }

    fn registered(&mut self, n: u64) -> Registered {
        let named = |dice: &mut Self| Named {
            id: SnapshotId(dice.id()),
            document: ChunkId(dice.id()),
            label: vec![7; dice.roll(9) as usize],
        };
        Registered {
            session: self.session(),
            host: HostId(if self.roll(9) == 0 { [2; 4] } else { [1; 4] }),
            sequence: n,
            last: self.roll(8) == 0,
            snapshots: (0..self.roll(3)).map(|_| named(self)).collect(),
            needs: self.runs(),
            own: self.own(),
            indexes: (0..self.roll(2)).map(|_| self.object()).collect(),
            used: Vec::new(),
            sources: self.runs(),
            superseded: Vec::new(),
            at: self.roll(2) * self.roll(n + 9),
        }
    }

    fn body(&mut self, n: u64) -> Body {
        match self.roll(24) {
            0..=4 => Body::Commit(self.registered(n)),
            5..=7 => Body::Packs(self.registered(n)),
            8 => Body::Forget(self.ids()),
            9 => Body::Unforget(self.ids()),
            10..=11 => {
                self.1 = self.runs();
                Body::Condemn(self.1.clone())
            }
            12..=13 => Body::Sweep {
                packs: self.1.clone(),
                view: n - 1 - self.roll(2).min(n - 1),
                undoable: self.ids(),
                keyless: self.roll(2) == 0,
            },
            14 => Body::Fence(vec![self.session()]),
            15 => Body::Reframe(self.registered(n)),
            16 => {
                Body::IndexMerge(Registered { superseded: vec![format!("idx/{}", self.roll(6))], ..self.registered(n) })
            }
            17 => Body::Verify { packs: self.runs(), level: self.roll(3) },
            18 => {
                let pack = PackId { session: self.session(), kind: PackKind::Data, no: self.roll(4) as u32 };
                Body::Heal { pack, host: HostId([1; 4]), object: self.object() }
            }
            19 => Body::Hold { snapshots: self.ids(), until_ms: -(self.roll(9) as i64) },
            20 => Body::SlotAdded { name: format!("keys/{}", self.roll(3)), digest: Digest(self.id()) },
            21 => Body::SlotRemoved { name: format!("keys/{}", self.roll(3)) },
            22 => match self.roll(6) {
                0 => Body::Revoked(KeyId(self.id())),
                1 => Body::Unknown { number: [13, 99][self.roll(2) as usize] },
                2 => Body::Features(vec!["later-1".to_owned()]),
                _ => Body::Features(vec![crate::fold::SWEEPS.to_owned()]),
            },
            _ => match self.roll(2) {
                0 => Body::Note(take_over(HostId(self.id()), HostId(self.id()))),
                _ => Body::Note("a word".to_owned()),
            },
        }
    }

    fn log(&mut self, len: u64) -> Vec<Entry> {
        let entry = |n, dice: &mut Self| Entry {
            n,
            before: n - 1,
            before_digest: Digest([0; 32]),
            time_ms: dice.roll(5) as i64 - 1,
            critical: true,
            author: match dice.roll(9) {
                0 => Author::Host(HostId([1; 4]), KeyId(dice.id())),
                _ => Author::Maintenance,
            },
            body: dice.body(n),
            digest: Digest([n as u8; 32]),
        };
        (1..=len).map(|n| entry(n, self)).collect()
    }
}

const GENESIS: Digest = Digest([9; 32]);

fn after(entries: &[Entry]) -> Checkpoint {
    let mut state = State::default();
    entries.iter().for_each(|entry| state.apply(entry));
    state.void.clear();
    let trail = entries.iter().map(|entry| entry.digest).collect();
    Checkpoint { n: entries.len() as u64, genesis: GENESIS, trail, accepted: 3, state }
}

fn writer() -> WriterKey {
    FamilyKey::generate().as_writer(HostId([1; 4])).unwrap()
}

#[test]
fn a_checkpoint_and_the_entries_after_it_say_what_all_entries_say() {
    let writer = writer();
    let (mut seen, mut swept, mut voids, mut taken_over) = (0, 0, 0, 0);
    for seed in 0..400 {
        let mut dice = Dice(seed, Vec::new());
        let entries = dice.log(60);
        let cut = 1 + dice.roll(59) as usize;
        let checkpoint = after(&entries[..cut]);
        let bytes = checkpoint.encode(&writer).unwrap();
        let back = Checkpoint::decode(&bytes, cut as u64, GENESIS, &writer.maintenance).unwrap();
        assert_eq!(back, checkpoint, "seed {seed}");
        assert_eq!(back.encode(&writer).unwrap(), bytes, "there is one way to say it");
        let (mut short, mut long) = (back.state, State::default());
        entries[cut..].iter().for_each(|entry| short.apply(entry));
        entries.iter().for_each(|entry| long.apply(entry));
        long.void.retain(|(n, _)| *n > cut as u64);
        assert_eq!(short, long, "seed {seed}, cut at {cut}");
        seen += long.snapshots.len();
        swept += long.packs.values().filter(|pack| pack.swept).count();
        voids += long.void.len();
        taken_over += u32::from(checkpoint.state.taken_over.is_some());
    }
    assert!(seen > 400 && swept > 200 && voids > 400, "the logs are about something: {seen}, {swept}, {voids}");
    assert!((50..350).contains(&taken_over), "with and without: {taken_over}");
}

#[test]
fn only_the_maintenance_keys_word_for_this_repository_and_this_number_is_taken() {
    let (family, other) = (FamilyKey::generate(), writer());
    let writer = family.as_writer(HostId([1; 4])).unwrap();
    let checkpoint = after(&Dice(1, Vec::new()).log(40));
    let good = checkpoint.encode(&writer).unwrap();
    let decode = |bytes: &[u8], n, genesis| Checkpoint::decode(bytes, n, genesis, &writer.maintenance);
    assert!(decode(&good, 40, GENESIS).is_ok());
    assert!(decode(&good, 41, GENESIS).is_err(), "an old one under a new name");
    assert!(decode(&good, 40, Digest([1; 32])).is_err(), "another repository's");
    assert!(decode(&checkpoint.encode(&other).unwrap(), 40, GENESIS).is_err(), "another family's");
    let host = family.writer().unwrap();
    assert!(decode(&checkpoint.encode(&host).unwrap(), 40, GENESIS).is_err(), "a host's");
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(decode(&bytes, 40, GENESIS).is_err(), "byte {at}");
        assert!(decode(&good[..at], 40, GENESIS).is_err(), "cut at {at}");
    }
    assert!(decode(&[&good[..], &[0]].concat(), 40, GENESIS).is_err());
}

/// As somebody with the right key and wrong bytes would.
fn sealed(raw: &[u8], writer: &WriterKey) -> Vec<u8> {
    let len = (raw.len() as u32).to_le_bytes();
    let mut out = [&CKPT_MAGIC[..], &VERSION.to_le_bytes(), &[0], &len, &len, raw].concat();
    let signature = writer.sign(&[b"dr ckpt v1".as_slice(), &out].concat());
    out.extend_from_slice(&signature);
    out
}

#[test]
fn well_signed_nonsense_ends_quickly() {
    let writer = writer();
    let decode = |raw: &[u8]| Checkpoint::decode(&sealed(raw, &writer), 30, GENESIS, &writer.maintenance);
    let raw = after(&Dice(5, Vec::new()).log(30)).write();
    assert!(decode(&raw).is_ok());
    let mut dice = Dice(77, Vec::new());
    for _ in 0..4_000 {
        let mut bytes = raw.clone();
        for _ in 0..=dice.roll(3) {
            let at = dice.roll(bytes.len() as u64) as usize;
            match dice.roll(3) {
                0 => bytes[at] ^= 1 << dice.roll(8),
                1 => bytes[at] = 0xff,
                _ => drop(bytes.splice(at..at, std::iter::repeat_n(0x9f, dice.roll(9) as usize))),
            }
        }
        drop(decode(&bytes));
    }
    let mut many = after(&[]);
    many.n = 30;
    many.trail = vec![GENESIS];
    let mut bytes = many.write();
    assert!(decode(&bytes).is_ok());
    // Key 5, no packs, becomes three hundred runs of sixteen million packs each.
    let at = bytes.windows(3).position(|at| at == [0x05, 0x80, 0x06]).unwrap() + 1;
    let mut packs = Writer::new();
    packs.array(300);
    for session in 0..300u16 {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&session.to_be_bytes());
        packs
            .array(5)
            .bytes(&id)
            .number(1)
            .number(0)
            .number(u64::from(PACK_NO_MAX - 1))
            .map(1)
            .number(1)
            .bytes(&[1; 4]);
    }
    bytes.splice(at..=at, packs.done());
    assert_eq!(decode(&bytes).unwrap_err().0, "its packs are beyond their limits");
}

#[test]
fn what_a_later_program_knew_is_asked_for() {
    let writer = writer();
    let mut checkpoint = after(&[]);
    (checkpoint.n, checkpoint.trail) = (7, vec![GENESIS]);
    checkpoint.state.features.insert("later-1".to_owned());
    let bytes = checkpoint.encode(&writer).unwrap();
    let back = Checkpoint::decode(&bytes, 7, GENESIS, &writer.maintenance).unwrap();
    assert_eq!(back.state.missing, Some((7, "later-1".to_owned())));
}

#[test]
fn the_trail_knows_the_last_entries() {
    let checkpoint = Checkpoint { trail: vec![Digest([8; 32]), Digest([7; 32])], ..after(&Dice(0, Vec::new()).log(9)) };
    let known: Vec<_> = (0..12).map(|n| checkpoint.digest_of(n).map(|digest| digest.0[0])).collect();
    assert_eq!(known[7..], [None, Some(8), Some(7), None, None]);
    assert!(known[..7].iter().all(Option::is_none));
}
