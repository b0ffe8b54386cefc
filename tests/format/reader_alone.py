#!/usr/bin/env python3
"""Holds read_repository.py to the test vectors of the format page, and to refusing what a hostile repository may hold.

    reader_alone.py docs/format        exit 0 if all holds
"""

import os
import re
import sys
import tempfile

sys.path.insert(0, sys.argv[1])
import read_repository as reader  # noqa: E402

KEYS = reader.Keys(bytes(range(0xA0, 0xB0)), bytes(range(1, 33)))


def vectors():
    with open(os.path.join(sys.argv[1], "repository.md"), encoding="utf-8") as page:
        lines = page.read().split("## Test vectors")[1].splitlines()
    found = (re.fullmatch(r"([a-z, ]+) = ([0-9a-f]+)", line) for line in lines)
    return {match[1]: bytes.fromhex(match[2]) for match in found if match}


def refused(what, *arguments):
    try:
        what(*arguments)
    except reader.Damaged:
        return
    raise AssertionError(f"{what.__name__}{arguments!r:.200} was not refused")


def the_vectors_open(page):
    names = ["id key, data", "id key, tree", "id key, extents", "id key, document"]
    assert [KEYS.ids[kind] for kind in (1, 2, 3, 4)] == [page[name] for name in names]
    assert (KEYS.index, KEYS.list) == (page["index"], page["list"])
    assert (KEYS.maintenance, KEYS.read_id) == (page["maintenance public"], page["read key id"])
    envelopes = [(1, KEYS.read_id, page["envelope"])]
    assert KEYS.session_key(b"\x51" * 16, envelopes) == bytes(range(0x81, 0xA1))
    origin = reader.Origin(b"\x51" * 16, 5, 1, b"\x61" * 16, page["pack commitment"], envelopes)
    [frame] = reader.read_rows(page["trailer rows"], [origin], 0)
    assert reader.unframe(KEYS, frame, page["frame sealed"]) == b"One frame of the format page.\n"
    assert frame.chunks[0][1] == page["chunk id"]
    entry = reader.read_entry(page["log entry"], 1, KEYS)
    assert (entry.type, entry.body, entry.digest) == (14, {1: "hello"}, page["log entry digest"])
    checkpoint = reader.read_checkpoint(page["checkpoint"], 2, b"\x31" * 32, KEYS)
    assert checkpoint.digest_of(1) == page["log entry digest"] and checkpoint.digest_of(0) is None
    state, session = checkpoint.state, b"\x51" * 16
    assert list(state.packs) == [(session, 1, 5), (session, 1, 6)] and state.sessions[session].ended
    assert state.snapshots[b"\x71" * 16].needs == [(b"\x52" * 16, {2: [(0, 1)]})]
    assert state.indexes == [("idx/41414141/" + "51" * 16 + "/0000", 99, b"\x44" * 32, session)]
    name = "keys/" + page["slot"][170:186].hex()
    opened = reader.open_slot(page["slot"], name, "caf\u00e9 at noon".encode())
    assert opened == (bytes(range(1, 33)), b"\x31" * 32, KEYS.family)
    assert reader.open_slot(page["slot"], name, b"cafe at noon") is None
    rows = reader.leaf(page["tree page"])
    assert [row.path for row in rows] == [b"", b"a", b"a.link", b"b"]
    assert (rows[1].contents.inline, rows[2].target, rows[3].link) == (b"hi", b"a", 7)
    assert rows[3].xattrs == [(b"user.note", b"x")] and rows[3].contents.extents[1].length == 4096
    assert reader.cbor(page["document"])[4] == page["tree page id"]


def damage_is_refused(page):
    for name, read in [
        ("log entry", lambda data: reader.read_entry(data, 1, KEYS)),
        ("tree page", reader.leaf),
        ("slot", lambda data: reader.open_slot(data, "keys/" + page["slot"][170:186].hex(), b"x")),
        ("trailer rows", lambda data: reader.read_rows(data, [None], 0)),
        ("document", reader.cbor),
        ("checkpoint", lambda data: reader.read_checkpoint(data, 2, b"\x31" * 32, KEYS)),
    ]:
        for size in range(len(page[name])):
            refused(read, page[name][:size])
        refused(read, page[name] + b"\0")
    for at in range(len(page["log entry"])):
        changed = bytearray(page["log entry"])
        changed[at] ^= 1
        refused(reader.read_entry, bytes(changed), 1, KEYS)
    refused(reader.read_entry, page["log entry"], 2, KEYS)
    for at in range(len(page["checkpoint"])):
        changed = bytearray(page["checkpoint"])
        changed[at] ^= 1
        refused(reader.read_checkpoint, bytes(changed), 2, b"\x31" * 32, KEYS)
    refused(reader.read_checkpoint, page["checkpoint"], 3, b"\x31" * 32, KEYS)
    refused(reader.read_checkpoint, page["checkpoint"], 2, b"\x32" * 32, KEYS)
    for at in range(len(page["tree page"])):  # any outcome but a crash
        changed = bytearray(page["tree page"])
        changed[at] ^= 0x81
        try:
            reader.leaf(bytes(changed))
        except reader.Damaged:
            pass


def impossible_sizes_are_refused():
    refused(reader.cbor, b"\x9b" + b"\xff" * 8)
    refused(reader.cbor, b"\xa1\x01" + b"\x81" * 10_000)
    refused(reader.unpack, 1, reader.zstandard.compress(bytes(1 << 20)), 10)
    refused(reader.unpack, 1, reader.zstandard.compress(b"two") * 2, 3)
    refused(reader.leaf, b"DRTP\x01\x00\x00\x00" + b"\xff" * 4)
    rows = 65_536
    one_long = b"\x00" + b"\x80\x80\x40" + b"a" * (1 << 20)  # then each path the same and one byte more
    refused(reader.paths, reader.Cursor(one_long + b"\xff\xff\x3f\x01b" * (rows - 1)), rows)
    assert not reader.signed(bytes(32), bytes(64), b"anything")


def paths_that_lead_outside_are_refused():
    for path in (b"..", b".", b"a/..", b"../a", b"/a", b"a/", b"a//b", b"a\0b", b"a/./b"):
        refused(reader.paths, reader.Cursor(b"\x00" + bytes([len(path)]) + path), 1)


def nothing_is_written_through_a_link():
    def row(path, kind, **more):
        return reader.Row(path, kind, 0o755, (os.geteuid(), None), (os.getegid(), None), **more)

    with tempfile.TemporaryDirectory() as place:
        outside, to = os.path.join(place, "outside"), os.path.join(place, "to")
        os.mkdir(outside)
        os.mkdir(to)
        work = reader.Restore(reader.Repository.__new__(reader.Repository), os.open(to, os.O_RDONLY | os.O_DIRECTORY))
        inside = reader.Contents(inline=b"x")
        rows = [
            row(b"link", reader.SYMLINK, target=outside.encode()),
            row(b"link/x", reader.FILE, size=1, contents=inside),
            row(b"missing/x", reader.FILE, size=1, contents=inside),
            row(b"z", reader.FILE, size=1, contents=inside),
            row(b"z/x", reader.DIRECTORY),
        ]
        work.all(iter(rows))
        assert [path for path, _ in work.failed] == [b"link/x", b"missing/x", b"z/x"], work.failed
        assert os.listdir(outside) == [] and sorted(os.listdir(to)) == ["link", "z"]


PAGE = vectors()
the_vectors_open(PAGE)
damage_is_refused(PAGE)
impossible_sizes_are_refused()
paths_that_lead_outside_are_refused()
nothing_is_written_through_a_link()
