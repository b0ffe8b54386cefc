//! Does parity heal what it says, and nothing else?

use super::*;
use crate::pack::noise;

const FAMILY: FamilyId = FamilyId([7; 16]);

fn line(bytes: &[u8]) -> PackLine {
    let id = PackId { session: SessionId([9; 16]), kind: PackKind::Data, no: 3 };
    PackLine { id, len: bytes.len() as u64, digest: Digest::of(bytes) }
}

fn spare(bytes: &[u8]) -> Spare {
    let mut read = |at: u64, to: &mut [u8]| {
        to.copy_from_slice(&bytes[at as usize..at as usize + to.len()]);
        Ok(())
    };
    Spare::of::<FormatError>(line(bytes), &mut read).unwrap()
}

/// The parity object of packs.
fn object_of(packs: Vec<Spare>) -> Vec<u8> {
    let mut out = front(FAMILY, SessionId([9; 16]), &packs);
    packs.iter().for_each(|pack| out.extend_from_slice(pack.bytes()));
    out
}

/// The row of a pack, and its spare shards.
fn kept(bytes: &[u8]) -> (Row, Vec<u8>) {
    let object = object_of(vec![spare(bytes)]);
    let table = table_len(&object).unwrap() as usize;
    let rows = decode(&object[..table], object.len() as u64, FAMILY).unwrap();
    let [row] = rows.try_into().unwrap();
    let spare = object[row.at as usize..(row.at + row.len) as usize].to_vec();
    assert!(row.is_whole(&spare));
    (row, spare)
}

/// Bytes that are the same on every machine.
fn known(len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    blake3::Hasher::new_derive_key("dr parity test vector").finalize_xof().fill(&mut out);
    out
}

#[test]
fn half_a_mebibyte_destroyed_anywhere_is_healed_bit_for_bit() {
    for len in [1, SHARD - 1, SHARD, 5 * SHARD + 17, 8 * SHARD, 8 * SHARD + 1, 70 * SHARD + 4_000, 33 << 20] {
        let pack = noise(len);
        let (row, spare) = kept(&pack);
        for part in 0..9 {
            let from = (len * part / 8).min(len.saturating_sub(512 << 10));
            let mut bad = pack.clone();
            bad[from..(from + (512 << 10)).min(len)].fill(0xa5);
            assert_eq!(row.heal(bad, &spare).unwrap().as_ref(), Some(&pack), "{len} bytes, part {part}");
        }
    }
}

#[test]
fn any_eight_shards_are_healed_and_nine_are_not() {
    let pack = noise(40 * SHARD + 99);
    let (row, spare) = kept(&pack);
    let spoil = |numbers: &[usize]| {
        let mut bad = pack.clone();
        numbers.iter().for_each(|number| bad[number * SHARD] ^= 1);
        row.heal(bad, &spare).unwrap()
    };
    assert_eq!(spoil(&[0, 1, 5, 17, 18, 33, 39, 40]).as_ref(), Some(&pack));
    assert_eq!(spoil(&[0, 1, 5, 17, 18, 33, 38, 39, 40]), None);
    assert_eq!(spoil(&[]).as_ref(), Some(&pack));
}

#[test]
fn what_was_cut_off_or_grew_is_healed_and_bad_spares_are_not_used() {
    let pack = noise(20 * SHARD);
    let (row, mut spare) = kept(&pack);
    assert_eq!(row.heal(pack[..13 * SHARD].to_vec(), &spare).unwrap().as_ref(), Some(&pack));
    assert_eq!(row.heal([&pack[..], b"more"].concat(), &spare).unwrap().as_ref(), Some(&pack));
    spare[2 * SHARD + 7] ^= 0x40;
    assert!(!row.is_whole(&spare));
    assert_eq!(row.heal(pack[..13 * SHARD].to_vec(), &spare).unwrap().as_ref(), Some(&pack), "seven bad, seven spare");
    assert_eq!(row.heal(pack[..12 * SHARD].to_vec(), &spare).unwrap(), None, "eight bad, seven spare");
}

#[test]
fn a_small_pack_is_there_twice() {
    let pack = noise(3 * SHARD + 5);
    let (row, spare) = kept(&pack);
    assert_eq!(spare, pack);
    assert_eq!(row.heal(Vec::new(), &spare).unwrap().as_ref(), Some(&pack));
    let mut half = spare.clone();
    half[0] ^= 1;
    let mut bad = pack.clone();
    bad[2 * SHARD] ^= 1;
    assert_eq!(row.heal(bad, &half).unwrap().as_ref(), Some(&pack));
}

#[test]
fn parity_takes_less_than_a_thirtieth_of_a_whole_pack() {
    let pack = noise(33 << 20);
    let object = object_of(vec![spare(&pack)]);
    assert!(object.len() as f64 <= pack.len() as f64 * 0.033, "{}", object.len());
}

#[test]
fn a_table_that_was_changed_anywhere_is_refused() {
    let object = object_of(vec![spare(&noise(100)), spare(&noise(9 * SHARD))]);
    let (table, len) = (table_len(&object).unwrap() as usize, object.len() as u64);
    assert_eq!(decode(&object[..table], len, FAMILY).unwrap().len(), 2);
    for at in 0..table {
        let mut bad = object[..table].to_vec();
        bad[at] ^= 0x10;
        assert!(decode(&bad, len, FAMILY).is_err(), "byte {at}");
    }
    assert!(decode(&object[..table], len - 1, FAMILY).is_err());
    assert!(decode(&object[..table], len, FamilyId([8; 16])).is_err());
    assert!(decode(&object[..20], len, FAMILY).is_err());
}

#[test]
fn the_code_is_the_one_of_the_format_page() {
    let (_, spare) = kept(&known(9 * SHARD + 100));
    let sums: Vec<String> = (0..SPARES).map(|n| Digest::of(&spare[range(n, spare.len())]).to_string()).collect();
    let page = include_str!("../../../../docs/format/repository.md");
    for sum in sums {
        assert!(page.contains(&sum), "the page should name {sum}");
    }
}
