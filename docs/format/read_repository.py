#!/usr/bin/env python3
"""Lists, restores and checks a repository of `dr` with none of dr's code, from docs/format/repository.md alone.

    read_repository.py REPO snapshots          one JSON object a line, as `dr repo snapshots --json` gives them
    read_repository.py REPO ls ID              one JSON object a line, as `dr repo ls --json` gives them
    read_repository.py REPO restore ID DIR     DIR must be empty or absent
    read_repository.py REPO check              every object's hash, every chunk's name, every tree

ID is a snapshot's id, its first 8 digits or more, or `latest`. The password stands in DR_PASSWORD, or the name of a
key file in DR_KEY_FILE, which comes first. REPO is a directory; nothing in it is ever written.
Exit: 0 all is well, 1 it could not be done, 3 something is damaged or missing and each thing is named,
10 no repository, 12 wrong password or key or none, 64 usage.
Needs Python 3.11 and `pip install argon2-cffi blake3 cryptography zstandard`.

Everything in a repository may have been written by an enemy. So every size is compared with a limit before memory is
taken, every text with its hash or seal before it is used, and a restore reaches directories from the top of DIR one
component at a time and never through a link.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
import hmac
import json
import os
import re
import stat
import sys
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, NoReturn

try:
    import zstandard
    from argon2.low_level import Type, hash_secret_raw
    from blake3 import blake3
    from cryptography.exceptions import InvalidSignature, InvalidTag
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
except ImportError as error:
    # Said once a repository is to be read: help and usage need no package.
    MISSING = str(error)
else:
    MISSING = ""

MIB = 1 << 20
DATA, TREE, EXTENTS, DOCUMENT = 1, 2, 3, 4
FILE, DIRECTORY, SYMLINK, FIFO, SOCKET, CHAR_DEVICE, BLOCK_DEVICE = range(1, 8)
KINDS = dict(enumerate("file directory symlink fifo socket char-device block-device".split(), start=1))
OBJECT = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}(/[a-z0-9][a-z0-9.-]{0,63}){0,7}")
PACK_NAME = re.compile(r"(data|meta)/([0-9a-f]{8})/([0-9a-f]{32})/([0-9a-f]{3})/([0-9a-f]{3})")
INDEX_NAME = re.compile(r"idx/([0-9a-f]{8})/([0-9a-f]{32})/[0-9a-f]{4}")
# The y coordinates of the points of small order on Ed25519, and their longer spellings, without the sign bit.
SMALL_ORDER = {
    bytes.fromhex(y)
    for y in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
}


class Damaged(Exception):
    """An object, page, entry or chunk is not what the format says, or is not there."""


class Refused(Exception):
    """Nothing can be done at all; the first argument is the exit code."""


def must(so: object, what: str) -> None:
    if not so:
        raise Damaged(what)


# Bytes, numbers and CBOR


class Cursor:
    """Reads bytes from the front, and never past their end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, size: int) -> bytes:
        must(size <= self.left(), "it ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                must(value < 1 << 64 and (byte or not shift), "a varint is too long")
                return value
            shift += 7
            must(shift < 70, "a varint is too long")

    def sized(self, most: int) -> bytes:
        size = self.varint()
        must(size <= most, f"{size} bytes where at most {most} may stand")
        return self.take(size)

    def done(self) -> None:
        must(not self.left(), "something follows its end")


def cbor(data: bytes) -> dict[int, Any]:
    """One map and nothing after it. What version 1 has no use for becomes None: an error only where it is used."""
    cursor = Cursor(data)
    value = cbor_item(cursor, 0)
    cursor.done()
    must(isinstance(value, dict), "it is not a map")
    return value


def cbor_item(cursor: Cursor, depth: int) -> Any:
    must(depth <= 200, "CBOR is nested too deeply")
    head = cursor.number(1)
    major, low = head >> 5, head & 31
    if low == 31 and 2 <= major <= 5:
        while cursor.data[cursor.at : cursor.at + 1] != b"\xff":
            cbor_item(cursor, depth + 1)
        cursor.take(1)
        return None
    must(low < 28, "it is not CBOR")
    value = low if low < 24 else int.from_bytes(cursor.take(1 << (low - 24)), "big")
    if major == 0:
        return value
    if major == 1:
        return -1 - value
    if major == 2:
        return cursor.take(value)
    if major == 3:
        try:
            return cursor.take(value).decode()
        except UnicodeDecodeError:
            raise Damaged("text is not UTF-8") from None
    if major == 4:
        must(value <= cursor.left(), "an array is longer than its bytes")
        return [cbor_item(cursor, depth + 1) for _ in range(value)]
    if major == 5:
        must(value <= cursor.left(), "a map is longer than its bytes")
        pairs = [(cbor_item(cursor, depth + 1), cbor_item(cursor, depth + 1)) for _ in range(value)]
        keys = [key for key, _ in pairs]
        numbers = all(type(key) is int and key >= 0 for key in keys)
        return dict(pairs) if numbers and all(a < b for a, b in zip(keys, keys[1:], strict=False)) else None
    if major == 6:
        cbor_item(cursor, depth + 1)
        return None
    return {20: False, 21: True}.get(value) if low < 24 else None


REQUIRED = object()


def get(body: dict[int, Any], key: int, kind: type, default: Any = REQUIRED, size: int | None = None) -> Any:
    """A value of a map, of exactly this type; of this many bytes if it is a byte string of a stated size."""
    value = body.get(key, default)
    must(value is not REQUIRED, f"key {key} is missing")
    if key in body:
        must(type(value) is kind and (size is None or len(value) == size), f"key {key} is of another form")
    return value


def i64(body: dict[int, Any], key: int, default: int) -> int:
    value = get(body, key, int, default)
    must(-(1 << 63) <= value < 1 << 63, f"key {key} is out of range")
    return value


def u64(body: dict[int, Any], key: int, default: Any = REQUIRED) -> int:
    value = get(body, key, int, default)
    must(0 <= value < 1 << 64, f"key {key} is out of range")
    return value


# Keys


def digest(data: bytes) -> bytes:
    return blake3(data).digest()


def keyed(key: bytes, data: bytes) -> bytes:
    return blake3(data, key=key).digest()


def derive(context: str, material: bytes) -> bytes:
    return blake3(material, derive_key_context=context).digest()


def key_id(public: bytes) -> bytes:
    return digest(public)[:16]


def unseal(key: bytes, sealed: bytes, aad: bytes, number: int = 0) -> bytes:
    try:
        return ChaCha20Poly1305(key).decrypt(number.to_bytes(4, "little") + bytes(8), sealed, aad)
    except (InvalidTag, ValueError):
        raise Damaged("its seal does not open") from None


def unpack(codec: int, packed: bytes, raw: int) -> bytes:
    """Decompressed to exactly `raw` bytes, which the caller has compared with a limit."""
    if codec == 0:
        must(len(packed) == raw, "its length is not what is stated")
        return packed
    must(codec == 1, f"codec {codec} is not known")
    must(packed[:4] == b"\x28\xb5\x2f\xfd", "it is not a zstd frame")
    try:
        frame = zstandard.get_frame_parameters(packed)
        must(frame.content_size == raw and frame.dict_id == 0, "its zstd frame states another size")
        decoder = zstandard.ZstdDecompressor(max_window_size=1 << 30)
        out = decoder.decompress(packed, max_output_size=raw, allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError) as why:
        raise Damaged(f"zstd: {why}") from None
    must(len(out) == raw, "its length is not what is stated")
    return out


def signed(public: bytes, signature: bytes, text: bytes) -> bool:
    """Ed25519, strictly: the library checks S and the equation; points of small order are refused here."""
    for point in (public, signature[:32]):
        if point[:31] + bytes([point[31] & 0x7F]) in SMALL_ORDER:
            return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def hpke_open(private: X25519PrivateKey, enc: bytes, sealed: bytes, info: bytes, aad: bytes) -> bytes:
    """RFC 9180, base mode, single shot: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305."""
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x03"

    def extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
        return hmac.digest(salt, b"HPKE-v1" + suite + label + material, hashlib.sha256)

    def expand(suite: bytes, key: bytes, label: bytes, context: bytes, size: int) -> bytes:
        text = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return hmac.digest(key, text + b"\x01", hashlib.sha256)[:size]

    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(enc))
    except ValueError:
        raise Damaged("an envelope does not open") from None
    recipient = raw_public(private)
    shared = expand(kem, extract(kem, b"", b"eae_prk", shared), b"shared_secret", enc + recipient, 32)
    context = b"\x00" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    key, nonce = expand(suite, secret, b"key", context, 32), expand(suite, secret, b"base_nonce", context, 12)
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, aad)
    except (InvalidTag, ValueError):
        raise Damaged("an envelope does not open") from None


def raw_public(private: X25519PrivateKey | Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


class Keys:
    """What a reader derives from the family secret."""

    def __init__(self, family: bytes, secret: bytes) -> None:
        self.family = family
        root = derive("dr v1 id root", secret)
        self.ids = {kind: derive("dr v1 id", root + bytes([kind])) for kind in (DATA, TREE, EXTENTS, DOCUMENT)}
        self.index = derive("dr v1 idx", secret)
        self.list = derive("dr v1 list", secret)
        self.read = X25519PrivateKey.from_private_bytes(derive("dr v1 read x25519", secret))
        self.read_id = key_id(raw_public(self.read))
        seed = derive("dr v1 maintenance ed25519", secret)
        self.maintenance = raw_public(Ed25519PrivateKey.from_private_bytes(seed))

    def chunk_id(self, kind: int, data: bytes) -> bytes:
        return keyed(self.ids[kind], data)[:24]

    def session_key(self, session: bytes, envelopes: list[tuple[int, bytes, bytes]]) -> bytes:
        for kem, recipient, envelope in envelopes:
            if kem == 1 and recipient == self.read_id and len(envelope) >= 48:
                info, aad = b"dr env v1" + self.family, session + recipient
                plain = hpke_open(self.read, envelope[:32], envelope[32:], info, aad)
                must(len(plain) >= 32, "an envelope holds too little")
                return plain[:32]
        raise Damaged("no envelope is for this key")


def key_file(path: str) -> tuple[bytes, bytes]:
    """(family id, family secret) of a key file."""
    try:
        with open(path, "rb") as file:
            text = file.read(65537)
    except OSError as why:
        raise Refused(12, f"the key file {path} cannot be read: {why.strerror}") from None
    body, mark, check = text.rstrip(b" \t\r\n").rpartition(b"\ncheck ")
    body += mark[:1]
    lines = body.split(b"\n")
    if len(text) > 65536 or not mark or digest(body)[:4].hex().encode() != check:
        raise Refused(12, f"{path} is not a key file, or is damaged")
    if lines[0] != b"dr-key 1 family":
        raise Refused(12, f"{path} is no family key; a write-only host's key opens no contents")
    fields = dict(line.partition(b" ")[::2] for line in lines[1:])
    try:
        family, secret = (bytes.fromhex(fields[name].decode("ascii")) for name in (b"family", b"secret"))
    except (KeyError, ValueError):
        family = secret = b""
    if len(family) != 16 or len(secret) != 32:
        raise Refused(12, f"{path} is not a key file, or is damaged")
    return family, secret


def open_slot(slot: bytes, name: str, password: bytes) -> tuple[bytes, bytes, bytes] | None:
    """(family secret, hash of repo.json, family id), or None if the password is another."""
    must(len(slot) == 202, "it is not a key slot")
    must(digest(slot[:170]) == slot[170:] and slot[170:186].hex() == name.removeprefix("keys/"), "its checksum differs")
    must(slot[:10] == b"DRKEYSL1\x01\x00" and slot[10] == 1, "a slot of a kind that is not known")
    memory, passes, lanes = (int.from_bytes(slot[at : at + 4], "little") for at in (12, 16, 20))
    possible = 19456 <= memory <= 1048576 and 1 <= passes <= 10 and 1 <= lanes <= 16
    must(possible, f"it asks for {memory} KiB of memory, {passes} passes, {lanes} lanes: outside the limits, not tried")
    must(slot[72:74] == b"\x60\x00", "it is not a key slot")
    key = hash_secret_raw(password, slot[24:40], passes, memory, lanes, 32, Type.ID, version=0x13)
    if not hmac.compare_digest(derive("dr v1 commit", key), slot[40:72]):
        return None
    plain = unseal(key, slot[74:170], slot[:72])
    return plain[:32], plain[32:64], plain[64:80]


# The store


class Store:
    """A directory of objects. What is no object by its name or is no plain file is not seen."""

    def __init__(self, root: str) -> None:
        self.root = root

    def open(self, name: str) -> int:
        must(OBJECT.fullmatch(name), "that is no name of an object")
        try:
            fd = os.open(os.path.join(self.root, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as why:
            raise Damaged("it is missing" if isinstance(why, FileNotFoundError) else str(why.strerror)) from None
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise Damaged("it is not a file")
        return fd

    def size(self, name: str) -> int:
        fd = self.open(name)
        try:
            return os.fstat(fd).st_size
        finally:
            os.close(fd)

    def range(self, name: str, at: int, size: int) -> bytes:
        fd = self.open(name)
        try:
            data = b"".join(iter_read(fd, at, size))
        except OSError as why:
            raise Damaged(f"it cannot be read: {why.strerror}") from None
        finally:
            os.close(fd)
        must(len(data) == size, "it ends too early")
        return data

    def whole(self, name: str, most: int) -> bytes:
        size = self.size(name)
        must(size <= most, f"it has {size} bytes, more than {most}")
        return self.range(name, 0, size)

    def list(self, prefix: str) -> list[str]:
        found, todo = [], [prefix]
        while todo:
            place = todo.pop()
            try:
                with os.scandir(os.path.join(self.root, place)) as entries:
                    for entry in entries:
                        name = f"{place}/{entry.name}"
                        if not OBJECT.fullmatch(name):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            todo.append(name)
                        elif entry.is_file(follow_symlinks=False):
                            found.append(name)
            except FileNotFoundError:
                continue
        return sorted(found)


def iter_read(fd: int, at: int, size: int) -> Iterator[bytes]:
    while size:
        piece = os.pread(fd, min(size, 16 * MIB), at)
        if not piece:
            return
        at, size = at + len(piece), size - len(piece)
        yield piece


# The log

PackId = tuple[bytes, int, int]  # session, kind, number
Runs = list[tuple[bytes, dict[int, list[tuple[int, int]]]]]  # session, kind -> merged ranges


@dataclass
class Entry:
    n: int
    before: bytes
    follows: int
    type: int
    critical: bool
    body: dict[int, Any]
    author: bytes
    host: bytes | None  # None: the maintenance key
    digest: bytes


def read_entry(data: bytes, n: int, keys: Keys) -> Entry:
    cursor = Cursor(data)
    must(cursor.take(8) == b"DRLOGEN1" and cursor.number(2) == 1, "it is not a log entry of version 1")
    text = cursor.take(cursor.number(4))
    author, form = cursor.take(16), cursor.number(1)
    public, host = keys.maintenance, None
    must(form in (0, 1), "its author is of a kind that is not known")
    if form == 1:
        public, host, certificate = cursor.take(32), cursor.take(4), cursor.take(64)
        word = b"dr cert v1" + keys.family + public + host
        must(signed(keys.maintenance, certificate, word), "its author's certificate does not hold")
    covered = data[: cursor.at]
    signature = cursor.take(64)
    cursor.done()
    must(author == key_id(public), "its author is another")
    must(signed(public, signature, b"dr log v1" + covered), "its signature does not hold")
    body = cbor(text)
    i64(body, 6, 0)
    entry = Entry(
        u64(body, 1), get(body, 2, bytes, size=32), u64(body, 3), u64(body, 4), get(body, 5, bool, True),
        get(body, 7, dict), author, host, digest(data),
    )  # fmt: skip
    must(entry.n == n and entry.follows < n, "its number is another")
    return entry


def ranges(own: Any) -> dict[int, list[tuple[int, int]]]:
    """An own list as kind -> ranges, merged and ascending."""
    must(type(own) is list and len(own) % 3 == 0, "a list of packs is of another form")
    must(all(type(item) is int for item in own), "a list of packs is of another form")
    kinds: dict[int, list[tuple[int, int]]] = {}
    for kind, first, last in zip(own[0::3], own[1::3], own[2::3], strict=True):
        must(kind in (1, 2) and 0 <= first <= last < 1 << 24, "a list of packs is out of range")
        kinds.setdefault(kind, []).append((first, last))
    for kind, spans in kinds.items():
        merged: list[tuple[int, int]] = []
        for first, last in sorted(spans):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = merged[-1][0], max(last, merged[-1][1])
            else:
                merged.append((first, last))
        kinds[kind] = merged
    return kinds


def runs(body: dict[int, Any], key: int, default: Any = REQUIRED) -> Runs:
    found = []
    for run in get(body, key, list, default):
        must(type(run) is list and len(run) == 3, "a run is of another form")
        session, host, own = run
        must(type(session) is bytes and len(session) == 16, "a run is of another form")
        must(type(host) is bytes and len(host) == 4, "a run is of another form")
        found.append((session, ranges(own)))
    return found


def ids(body: dict[int, Any], key: int) -> list[bytes]:
    found = get(body, key, list, [])
    must(all(type(item) is bytes and len(item) == 16 for item in found), "an id is of another form")
    return found


def read_object(item: Any) -> tuple[str, int, bytes]:
    must(type(item) is list and len(item) == 3, "an object is of another form")
    name, length, hashed = item
    must(type(name) is str and type(length) is int and 0 <= length < 1 << 64, "an object is of another form")
    must(type(hashed) is bytes and len(hashed) == 32, "an object has no digest")
    return name, length, hashed


@dataclass
class PackState:
    host: bytes
    condemned: bool = False
    swept: bool = False
    healed: tuple[str, int, bytes] | None = None


@dataclass
class SessionState:
    author: tuple[bytes, bytes | None]
    host: bytes
    last: int = 0
    ended: bool = False


@dataclass
class Snapshot:
    id: bytes
    n: int
    document: bytes
    sealed_label: bytes
    needs: Runs
    session: bytes
    at: int
    forgotten: bool = False
    lost: bool = False
    held_until: int | None = None


@dataclass
class Body:
    """A registration."""

    session: bytes
    host: bytes
    sequence: int
    ends: bool
    snapshots: list[tuple[bytes, bytes, bytes]]
    needs: Runs
    own: dict[int, list[tuple[int, int]]]
    indexes: list[tuple[str, int, bytes]]
    sources: Runs
    replaced: list[str]
    at: int


def registration(body: dict[int, Any]) -> Body:
    snapshots = []
    for item in get(body, 5, list, []):
        must(type(item) is list and [type(part) for part in item] == [bytes] * 3, "a snapshot is of another form")
        must(len(item[0]) == 16 and len(item[1]) == 24, "a snapshot is of another form")
        snapshots.append(tuple(item))
    for item in get(body, 9, list, []):
        read_object(item)
    replaced = get(body, 11, list, [])
    must(all(type(name) is str for name in replaced), "a replaced name is no text")
    return Body(
        get(body, 1, bytes, size=16), get(body, 2, bytes, size=4), u64(body, 3, 0), get(body, 4, bool, False),
        snapshots, runs(body, 6, []), ranges(get(body, 7, list, [])),
        [read_object(item) for item in get(body, 8, list, [])], runs(body, 10, []), replaced,
        u64(body, 12, 0),
    )  # fmt: skip


BODIES: dict[int, Callable[[dict[int, Any]], Any]] = {
    1: registration,
    2: registration,
    3: lambda body: ids(body, 1),
    4: lambda body: runs(body, 1, []),
    5: lambda body: (runs(body, 1, []), u64(body, 2, 0), ids(body, 3)),
    6: lambda body: ids(body, 1),
    7: registration,
    8: registration,
    9: registration,
    10: lambda body: (runs(body, 1, []), u64(body, 2, 0)),
    11: lambda body: healing(body),
    12: lambda body: (ids(body, 1), i64(body, 2, 0)),
    13: lambda body: key_word(body),
    14: lambda body: get(body, 1, str, ""),
    15: lambda body: ids(body, 1),
    16: lambda body: features(body),
}


def healing(body: dict[int, Any]) -> tuple[PackId, tuple[str, int, bytes]]:
    found = [read_object(item) for item in get(body, 2, list)]
    packs = runs(body, 1)
    triples = [span for kind, spans in packs[0][1].items() for span in [(kind, *spans[0])]] if packs else []
    must(found and len(triples) == 1, "a healed pack is not named")
    return (packs[0][0], triples[0][0], triples[0][1]), found[0]


def features(body: dict[int, Any]) -> list[str]:
    found = get(body, 1, list, [])
    must(all(type(name) is str for name in found), "a feature is no text")
    return found


def key_word(body: dict[int, Any]) -> tuple[int, str, bytes]:
    what, name, value = u64(body, 1, 0), get(body, 2, str, ""), get(body, 3, bytes, b"")
    must(len(value) == {2: 16, 3: 32}.get(what, len(value)), "a key entry has the wrong length")
    return what, name, value


class State:
    """What the log means: entries in force go in, in order of number."""

    def __init__(self) -> None:
        self.packs: dict[PackId, PackState] = {}
        self.numbers: dict[tuple[bytes, int], list[int]] = {}  # of the packs above, ascending
        self.sessions: dict[bytes, SessionState] = {}
        self.fenced: set[bytes] = set()
        self.snapshots: dict[bytes, Snapshot] = {}
        self.indexes: list[tuple[str, int, bytes, bytes]] = []  # name, length, digest, session
        self.slots: dict[str, bytes] = {}
        self.revoked: set[bytes] = set()
        self.swept_at = 0
        self.returned_at = 0

    def register(self, pack: PackId, host: bytes) -> None:
        if pack not in self.packs:
            self.packs[pack] = PackState(host)
            bisect.insort(self.numbers.setdefault(pack[:2], []), pack[2])

    def known(self, what: Runs) -> Iterator[PackState]:
        for session, kinds in what:
            for kind, spans in kinds.items():
                numbers = self.numbers.get((session, kind), [])
                for first, last in spans:
                    for number in numbers[bisect.bisect_left(numbers, first) : bisect.bisect_right(numbers, last)]:
                        yield self.packs[session, kind, number]

    def all_of(self, session: bytes) -> Runs:
        return [(session, {kind: [(0, (1 << 24) - 1)] for kind in (1, 2)})]

    def apply(self, entry: Entry) -> None:
        """Changes nothing if the entry is void."""
        host = entry.host is not None
        if host and (entry.author in self.revoked or entry.type in BODIES and entry.type not in (1, 2, 10, 14)):
            return
        if entry.type not in BODIES:
            return
        body = BODIES[entry.type](entry.body)
        if entry.type in (1, 2, 7, 8, 9):
            self.registered(entry, body)
        elif entry.type == 3:
            for snapshot in self.of(body):
                snapshot.forgotten = True
        elif entry.type == 15:
            self.unforget(entry, body)
        elif entry.type == 12:
            for snapshot in self.of(body[0]):
                snapshot.held_until = body[1]
        elif entry.type == 4:
            for pack in self.known(body):
                pack.condemned = True
        elif entry.type == 5:
            self.sweep(entry, *body)
        elif entry.type == 6:
            self.fenced.update(body)
        elif entry.type == 11:
            if body[0] in self.packs:
                self.packs[body[0]].healed = body[1]
        elif entry.type == 13:
            what, name, value = body
            if what == 2:
                self.revoked.add(value)
            elif what == 3:
                self.slots[name] = value
            elif what == 4:
                self.slots.pop(name, None)

    def of(self, wanted: list[bytes]) -> list[Snapshot]:
        return [self.snapshots[id] for id in wanted if id in self.snapshots]

    def unforget(self, entry: Entry, wanted: list[bytes]) -> None:
        found = self.of(wanted)
        if len(found) == len(wanted) and not any(snapshot.lost for snapshot in found):
            for snapshot in found:
                snapshot.forgotten = False
            self.returned_at = entry.n

    def sweep(self, entry: Entry, what: Runs, view: int, undoable: list[bytes]) -> None:
        found = list(self.known(what))
        if max(self.swept_at, self.returned_at) > view or not all(pack.condemned for pack in found):
            return
        for pack in found:
            pack.swept = True
        for id, snapshot in self.snapshots.items():
            snapshot.lost |= snapshot.forgotten and id not in undoable
        self.swept_at = entry.n

    def registered(self, entry: Entry, body: Body) -> None:
        author = (entry.author, entry.host)
        session = self.sessions.get(body.session) or SessionState(author, body.host)
        own = sum(last - first + 1 for spans in body.own.values() for first, last in spans)
        mends = entry.type == 9  # repair describes what others stored, also those that have ended
        only_describes = mends and not own and not body.snapshots and not body.ends
        relied_on = [*body.needs, *([] if only_describes else self.all_of(body.session))]
        if (
            (entry.host is not None and entry.host != body.host)
            or session.host != body.host
            or (session.author != author and not mends)
            or (body.session in self.fenced and not only_describes)
            or (session.ended and not mends)
            or (body.sequence <= session.last and not mends)
            or own > 65536
            or len(body.snapshots) > 1024
            or any(pack.swept for pack in self.known(relied_on))
            or (entry.type == 9 and not set(body.replaced) <= {index[0] for index in self.indexes})
        ):
            return
        if not only_describes:
            self.sessions[body.session] = session
            session.last, session.ended = max(body.sequence, session.last), body.ends or session.ended
        for pack in self.known(relied_on):
            pack.condemned = False
        for kind, spans in body.own.items():
            for first, last in spans:
                for number in range(first, last + 1):
                    self.register((body.session, kind, number), body.host)
        for name, length, hashed in body.indexes:
            self.indexes.append((name, length, hashed, body.session))
        at = body.at if mends and 0 < body.at < entry.n else entry.n
        for id, document, label in body.snapshots:
            self.snapshots.setdefault(id, Snapshot(id, entry.n, document, label, body.needs, body.session, at))
        if entry.type == 9:
            self.indexes = [index for index in self.indexes if index[0] not in body.replaced]


@dataclass
class Checkpoint:
    n: int
    trail: list[bytes]
    state: State

    def digest_of(self, n: int) -> bytes | None:
        return self.trail[n - self.n - 1] if self.n - len(self.trail) < n <= self.n else None


def read_checkpoint(data: bytes, n: int, repo_hash: bytes, keys: Keys) -> Checkpoint:
    cursor = Cursor(data)
    must(cursor.take(8) == b"DRCKPT01" and cursor.number(2) == 1, "it is not a checkpoint of version 1")
    codec, raw, size = cursor.number(1), cursor.number(4), cursor.number(4)
    packed = cursor.take(size)
    covered = data[: cursor.at]
    signature = cursor.take(64)
    cursor.done()
    must(signed(keys.maintenance, signature, b"dr ckpt v1" + covered), "its signature does not hold")
    must(raw <= 512 * MIB, "it is larger than a checkpoint can be")
    body = cbor(unpack(codec, packed, raw))
    must(u64(body, 1) == n and n, "its number is another")
    must(get(body, 2, bytes, size=32) == repo_hash, "it is of another repository")
    digests = get(body, 3, bytes)
    trail = [digests[at : at + 32] for at in range(0, len(digests), 32)]
    must(trail and len(trail[-1]) == 32 and len(trail) <= min(n, 1024), "its trail is of another form")
    u64(body, 4)
    state = State()
    checkpointed_packs(state, get(body, 5, list))
    for id, session in pairs(body, 6, bytes):
        must(len(id) == 16 and type(session) is dict, "a session is of another form")
        if get(session, 5, bool, False):
            state.fenced.add(id)
        if 1 in session:
            author = get(session, 1, bytes)
            must(len(author) in (0, 20), "an author is of another form")
            whose = (author[4:], author[:4]) if author else (key_id(keys.maintenance), None)
            host, last, ended = get(session, 2, bytes, size=4), u64(session, 3, 0), get(session, 4, bool, False)
            state.sessions[id] = SessionState(whose, host, last, ended)
    for id, item in pairs(body, 7, bytes):
        must(len(id) == 16 and type(item) is dict, "a snapshot is of another form")
        state.snapshots[id] = Snapshot(
            id, u64(item, 1), get(item, 2, bytes, size=24), get(item, 3, bytes, b""), runs(item, 4, []),
            get(item, 5, bytes, size=16), u64(item, 9, u64(item, 1)), 6 in item, get(item, 7, bool, False),
            i64(item, 8, 0) if 8 in item else None,
        )  # fmt: skip
    for item in get(body, 8, list):
        must(type(item) is list and [type(part) for part in item] == [list, bytes, bool], "an index object is cut")
        must(len(item[0]) > 0 and len(item[1]) == 16, "an index object is cut")
        if not item[2]:
            state.indexes.append((*read_object(item[0][0]), item[1]))
    for name, hashed in pairs(body, 9, str):
        must(type(hashed) is bytes and len(hashed) == 32, "a slot has no digest")
        state.slots[name] = hashed
    state.revoked.update(ids(body, 10))
    if 18 in body:  # whoever only reads may pass over who writes
        taken = get(body, 18, list)
        must([type(part) for part in taken] == [int, bytes] and len(taken[1]) == 4, "a take-over is of another form")
    u64(body, 11)
    state.swept_at, state.returned_at = u64(body, 12), u64(body, 13)
    must(all(type(name) is str for name in get(body, 14, list)), "a feature is no text")
    must(10 in body and 15 in body and 16 in body, "a part of it is missing")
    return Checkpoint(n, trail, state)


def pairs(body: dict[int, Any], key: int, kind: type) -> list[list[Any]]:
    found = get(body, key, list)
    must(all(type(item) is list and len(item) == 2 and type(item[0]) is kind for item in found), "a pair is cut")
    must(all(a[0] < b[0] for a, b in zip(found, found[1:], strict=False)), "its parts are out of order")
    return found


def checkpointed_packs(state: State, items: list[Any]) -> None:
    before: PackId | None = None
    for item in items:
        must(type(item) is list and [type(part) for part in item] == [bytes, int, int, int, dict], "a pack is cut")
        session, kind, first, last, pack = item
        must(len(session) == 16 and kind in (1, 2) and 0 <= first <= last < 1 << 24, "a pack is out of range")
        must(len(state.packs) + last - first < 1 << 22, "it has more packs than it may have")
        must(before is None or before < (session, kind, first), "its packs are out of order")
        healed = get(pack, 8, list, [])
        for number in range(first, last + 1):
            state.register((session, kind, number), get(pack, 1, bytes, size=4))
            at = state.packs[session, kind, number]
            at.condemned, at.swept = get(pack, 2, bool, False), get(pack, 4, bool, False)
            at.healed = read_object(healed[0]) if healed else None
        before = session, kind, last


@dataclass
class Log:
    state: State
    faults: list[tuple[str, str]]  # any entry among them may have said anything
    newest_unread: bool
    unknown: bool  # something was said that nobody has accounted for


def numbers(store: Store, folder: str) -> list[int]:
    names = (name for name in store.list(folder) if re.fullmatch(folder + "/[0-9a-f]{16}", name))
    return sorted({int(name[-16:], 16) for name in names} - {0})


def newest_checkpoint(
    store: Store, keys: Keys, repo_hash: bytes, listed: list[int]
) -> tuple[Checkpoint | None, list[tuple[str, str]]]:
    faults = []
    for n in reversed(listed):
        name = f"ckpt/{n:016x}"
        try:
            return read_checkpoint(store.whole(name, 256 * MIB), n, repo_hash, keys), faults
        except Damaged as why:
            faults.append((name, str(why)))
    return None, faults


def read_log(store: Store, keys: Keys, repo_hash: bytes) -> Log:
    while True:
        listed = numbers(store, "ckpt")
        checkpoint, faults = newest_checkpoint(store, keys, repo_hash, listed)
        log = read_after(store, keys, repo_hash, checkpoint, bool(listed))
        if numbers(store, "ckpt") == listed:
            log.faults += faults
            return log


def is_cut(entry: Entry | None) -> bool:
    return entry is not None and entry.type == 16 and entry.host is None and "cut-1" in features(entry.body)


def read_after(store: Store, keys: Keys, repo_hash: bytes, base: Checkpoint | None, marked: bool) -> Log:
    floor = base.n if base else 0
    listed = [n for n in numbers(store, "log") if n > floor]
    entries: dict[int, Entry] = {}
    bad: dict[int, str] = {}

    def read(n: int) -> None:
        try:
            entry = read_entry(store.whole(f"log/{n:016x}", 16 * MIB), n, keys)
            if entry.type in BODIES:
                BODIES[entry.type](entry.body)
            entries[n] = entry
        except Damaged as why:
            bad[n] = str(why)

    if not base and 1 in listed:
        read(1)
    headless = not base and (is_cut(entries.get(1)) if 1 in listed else marked)
    plausible = floor + 2 * len(listed) + 1000
    if headless:
        last = max(listed, default=0)
        wanted = [n for n in listed if n > 1]
        bad[2] = "it and what follows are gone, and no checkpoint can be read that says what they said"
    else:
        last = max((n for n in listed if n <= plausible), default=floor)
        bad.update((n, "its number is far above the count of entries") for n in listed if n > plausible)
        wanted = [n for n in range(floor + 1, last + 1) if n not in entries and n not in bad]
    for n in wanted:
        read(n)
    state = base.state if base else State()
    settled: list[range] = []
    accounted: set[int] = set()
    for n, entry in sorted(entries.items()):
        before = entries[entry.follows].digest if entry.follows in entries else None
        before = before or (base.digest_of(entry.follows) if base else None)
        may_say = n == 1 or entry.host is None  # one host's later word must not close the whole repository
        if entry.follows == 0 and may_say and entry.before != repo_hash:
            raise Refused(1, f"log entry {n} follows another repo.json: one of the two was exchanged")
        if before and before != entry.before:
            bad.setdefault(entry.follows, f"it was exchanged: entry {n} followed another")
        if entry.host is None and entry.follows + 1 < n:
            settled.append(range(entry.follows + 1, n))
        if entry.host is None and entry.type == 14:
            found = re.fullmatch(r"accounted for, though it cannot be read: log entry (\d+)", get(entry.body, 1, str, ""))
            accounted.update({int(found[1])} if found and int(found[1]) < n else set())
        state.apply(entry)
    bad = {n: why for n, why in bad.items() if n not in accounted}
    faults = [(f"log/{n:016x}", why) for n, why in sorted(bad.items()) if not any(n in span for span in settled)]
    return Log(state, faults, headless or last > max(entries, default=floor), bool(bad))


# Packs


@dataclass
class Origin:
    session: bytes
    number: int
    kind: int
    salt: bytes
    commitment: bytes
    envelopes: list[tuple[int, bytes, bytes]]


@dataclass
class Frame:
    at: int
    origin: Origin
    number: int
    sealed: int
    raw: int
    codec: int
    chunks: list[tuple[int, bytes, int]]


@dataclass
class Pack:
    """What a pack says of itself, from its trailer or from an index object."""

    name: str
    header: bytes
    rows: bytes
    frames: list[Frame]
    trailer_at: int


def read_header(header: bytes, family: bytes) -> list[Origin]:
    must(113 <= len(header) <= 65536, "its header is of an impossible length")
    cursor = Cursor(header)
    must(cursor.take(8) == b"DRPACK01" and cursor.number(2) == 1, "it is not a pack of version 1")
    kind, suite = cursor.number(1), cursor.number(1)
    must(suite == 1, f"suite {suite} is not known")
    must(kind in (1, 2), "it is a pack of a kind that is not known")
    must(cursor.number(4) == len(header), "its header states another length")
    must(digest(header[:-8])[:8] == header[-8:], "its header's check differs")
    must(cursor.take(16) == family, "it is of another family")
    sessions = []
    for _ in range(cursor.number(1)):
        session, envelopes = cursor.take(16), []
        count = cursor.number(1)
        must(count <= 16, "a session has too many envelopes")
        for _ in range(count):
            envelopes.append((cursor.number(1), cursor.take(16), cursor.take(cursor.number(2))))
        sessions.append((session, envelopes))
    origins = []
    for _ in range(cursor.number(1)):
        at = cursor.number(1)
        must(at < len(sessions), "an origin has no session")
        number, of = cursor.number(4), cursor.number(1)
        must(number < 1 << 24 and of in (1, 2), "an origin is out of range")
        origins.append(Origin(sessions[at][0], number, of, cursor.take(16), cursor.take(32), sessions[at][1]))
    must(origins and origins[0].kind == kind and cursor.left() == 8, "its header is not what the format says")
    return origins


def read_rows(rows: bytes, origins: list[Origin], at: int) -> list[Frame]:
    cursor, frames, total = Cursor(rows), [], 0
    count = cursor.varint()
    must(count <= 65535, "it has too many frames")
    for _ in range(count):
        origin = cursor.number(1)
        must(origin < len(origins), "a frame has no origin")
        number, sealed, raw, codec = cursor.varint(), cursor.varint(), cursor.varint(), cursor.number(1)
        of_frame = cursor.varint()
        must(number <= 65535 and 16 <= sealed <= 4259840, "a frame is out of range")
        must(codec in (0, 1) and (codec or raw == sealed - 16), "a frame's codec or length is wrong")
        must(1 <= of_frame <= 4096 and raw <= (4 * MIB if of_frame == 1 else MIB), "a frame is too large")
        chunks = [(cursor.number(1), cursor.take(24), cursor.varint()) for _ in range(of_frame)]
        must(all(1 <= kind <= 4 and length >= 1 for kind, _, length in chunks), "a chunk is out of range")
        must(sum(length for _, _, length in chunks) == raw, "a frame's chunks do not add up to it")
        total += of_frame
        must(total <= 65535, "it has too many chunks")
        frames.append(Frame(at, origins[origin], number, sealed, raw, codec, chunks))
        at += sealed
    cursor.done()
    return frames


def read_pack(name: str, header: bytes, rows: bytes, pack: PackId, family: bytes) -> Pack:
    origins = read_header(header, family)
    own = origins[0]
    must((own.session, own.kind, own.number) == pack, "its header is of another pack")
    frames = read_rows(rows, origins, len(header))
    return Pack(name, header, rows, frames, len(header) + sum(frame.sealed for frame in frames))


def unframe(keys: Keys, frame: Frame, sealed: bytes) -> bytes:
    origin = frame.origin
    session = keys.session_key(origin.session, origin.envelopes)
    place = keys.family + origin.session + origin.number.to_bytes(4, "little") + bytes([origin.kind])
    key = derive("dr v1 pack", session + place + origin.salt)
    own = hmac.compare_digest(derive("dr v1 commit", key), origin.commitment)
    must(own, "its key is not the one it was sealed with")
    aad = b"DRF1" + place + frame.number.to_bytes(4, "little") + frame.raw.to_bytes(4, "little") + bytes([frame.codec])
    return unpack(frame.codec, unseal(key, sealed, aad, frame.number), frame.raw)


@dataclass
class Index:
    session: bytes
    lines: dict[tuple[int, int], tuple[int, bytes]]  # kind, number -> length, digest
    records: list[tuple[int, int, bytes, bytes]]  # kind, number, header, rows


def read_index(data: bytes, keys: Keys) -> Index:
    cursor = Cursor(data)
    must(cursor.take(8) == b"DRINDEX1" and cursor.number(2) == 1, "it is not an index object of version 1")
    must(cursor.number(1) == 1, "its suite is not known")
    cursor.take(1)
    must(cursor.take(16) == keys.family, "it is of another family")
    session, salt = cursor.take(16), cursor.take(16)
    count = cursor.number(4)
    must(count * 45 <= cursor.left(), "it ends too early")
    index = Index(session, {}, [])
    for _ in range(count):
        kind, number = cursor.number(1), cursor.number(4)
        must(kind in (1, 2) and number < 1 << 24, "a pack line is out of range")
        index.lines.setdefault((kind, number), (cursor.number(8), cursor.take(32)))
    length = cursor.number(4)
    aad = data[: cursor.at]
    key = derive("dr v1 index", keys.index + keys.family + session + salt)
    opened = Cursor(unseal(key, cursor.take(length), aad))
    codec, raw = opened.number(1), opened.number(4)
    must(raw <= 512 * MIB, "its records are too large")
    records = Cursor(unpack(codec, opened.take(opened.left()), raw))
    while records.left():
        kind, body = records.number(1), Cursor(records.sized(records.left()))
        if kind in (1, 2):
            index.records.append((body.number(1), body.varint(), body.sized(65536), body.sized(8 * MIB)))
            body.done()
    return index


# Trees


@dataclass
class Extent:
    length: int
    chunk: bytes | None  # None: a hole


@dataclass
class Contents:
    inline: bytes | None = None
    extents: list[Extent] = field(default_factory=list)
    root: tuple[bytes, int, int] | None = None  # id, level, number of extents


@dataclass
class Row:
    path: bytes
    kind: int
    mode: int
    user: tuple[int, bytes | None] = (0, None)
    group: tuple[int, bytes | None] = (0, None)
    size: int = 0
    mtime: int = 0
    nanos: int = 0
    link: int | None = None
    target: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: list[tuple[bytes, bytes]] = field(default_factory=list)
    contents: Contents = field(default_factory=Contents)


class Columns:
    """The columns of a page: each known one is used up exactly."""

    def __init__(self, data: bytes, magic: bytes, level: int) -> None:
        cursor = Cursor(data)
        must(cursor.take(4) == magic and cursor.number(2) == 1, "it is not a page of version 1")
        must(cursor.number(1) == level, "a page is of another level")
        cursor.take(1)
        self.rows = cursor.number(4)
        must(1 <= self.rows <= 65536, "a page has an impossible number of rows")
        self.columns: dict[int, Cursor] = {}
        last = -1
        while cursor.left():
            number, length = cursor.number(1), cursor.number(4)
            must(number > max(last, 0), "columns do not ascend")
            self.columns[number], last = Cursor(cursor.take(length)), number

    def column(self, number: int) -> Cursor:
        return self.columns.setdefault(number, Cursor(b""))

    def done(self, known: range | tuple[int, ...]) -> None:
        for number in known:
            self.column(number).done()


def order(path: bytes) -> bytes:
    """Paths in the order of the tree: by component, a directory before what is in it."""
    return path.replace(b"/", b"\0")


def paths(column: Cursor, rows: int) -> list[bytes]:
    found: list[bytes] = []
    total, last = 0, b""
    for at in range(rows):
        shared = column.varint()
        must(shared <= len(last), "a path shares more than there is")
        path = last[:shared] + column.sized(MIB)
        total += len(path)
        must(len(path) <= MIB and total <= 64 * MIB, "paths are too long")
        for part in path.split(b"/") if path else ():
            must(part not in (b"", b".", b"..") and b"\0" not in part and len(part) <= 65535, "a path is impossible")
        must(at == 0 or order(path) > order(last), "paths do not ascend")
        found.append(path)
        last = path
    return found


def owners(column: Cursor, rows: int) -> list[tuple[int, bytes | None]]:
    known: list[tuple[int, bytes | None]] = []
    count = column.varint()
    must(count <= rows, "there are more owners than rows")
    for _ in range(count):
        id, length = column.varint(), column.varint()
        must(id < 1 << 32 and length <= 256, "an owner is out of range")
        known.append((id, column.take(length - 1) if length else None))
    numbers = [column.varint() for _ in range(rows)]
    must(all(number < len(known) for number in numbers), "an owner is not there")
    return [known[number] for number in numbers]


def steps(column: Cursor, count: int, rows: int) -> Iterator[int]:
    """Row numbers, written as differences."""
    row = 0
    must(count <= rows, "there are more rows than rows")
    for _ in range(count):
        row += column.varint()
        must(row < rows, "a row is not there")
        yield row


def leaf(data: bytes) -> list[Row]:
    page = Columns(data, b"DRTP", 0)
    rows = []
    for path in paths(page.column(1), page.rows):
        mode = page.column(2).number(2)
        must(mode >> 12 in KINDS, "an entry is of a kind that is not known")
        rows.append(Row(path, mode >> 12, mode & 0o7777))
    users, groups = owners(page.column(3), len(rows)), owners(page.column(4), len(rows))
    for row, user, group in zip(rows, users, groups, strict=True):
        row.user, row.group = user, group
    seconds = 0
    for row in rows:
        step = page.column(6).varint()
        seconds = (seconds + (step >> 1 ^ -(step & 1)) + (1 << 63)) % (1 << 64) - (1 << 63)
        row.mtime, row.nanos = seconds, page.column(7).varint()
        must(row.nanos < 1_000_000_000, "a time is out of range")
        if row.kind == FILE:
            row.size = page.column(5).varint()
        elif row.kind == SYMLINK:
            row.target = page.column(9).sized(65536)
        elif row.kind in (CHAR_DEVICE, BLOCK_DEVICE):
            row.device = page.column(10).varint(), page.column(10).varint()
            must(max(row.device) < 1 << 32, "a device is out of range")
    if page.column(8).left():
        for at in steps(page.column(8), page.column(8).varint(), len(rows)):
            rows[at].link = page.column(8).number(8)
    if page.column(11).left():
        attributes(page.column(11), rows)
    for row in rows:
        if row.kind == FILE:
            row.contents = contents(row.size, page.column(12), page.column(13))
    page.done(range(1, 14))
    return rows


def attributes(column: Cursor, rows: list[Row]) -> None:
    sets: list[list[tuple[bytes, bytes]]] = []
    of_sets = column.varint()
    must(of_sets <= len(rows), "there are more sets of attributes than rows")
    for _ in range(of_sets):
        count, found = column.varint(), []
        must(count <= 4096, "an entry has too many attributes")
        for _ in range(count):
            found.append((column.sized(256), column.sized(MIB)))
            must(len(found) < 2 or found[-2][0] < found[-1][0], "attributes do not ascend")
        sets.append(found)
    total = sum(len(row.path) for row in rows)
    for at in steps(column, column.varint(), len(rows)):
        number = column.varint()
        must(number < len(sets), "a set of attributes is not there")
        rows[at].xattrs = sets[number]
        must(weight(sets[number]) <= MIB, "an entry's attributes are too large")
        total += weight(sets[number]) + 64
        must(total <= 64 * MIB, "attributes are too large")


def weight(xattrs: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in xattrs)


def extents(count: int, column: Cursor, ids: Cursor) -> list[Extent]:
    found = []
    for _ in range(count):
        word = column.varint()
        length, hole = word >> 1, word & 1
        must(length >= 1 and (hole or length <= 4 * MIB), "an extent is of an impossible length")
        found.append(Extent(length, None if hole else ids.take(24)))
    return found


def contents(size: int, column: Cursor, ids: Cursor) -> Contents:
    form = column.number(1)
    must(form >> 4 <= 3 and form & 15 <= 3, "contents are of a form that is not known")
    if form & 15 == 3:
        level, count = column.number(1), column.varint()
        must(level <= 64, "a page's level is too high")
        return Contents(root=(ids.take(24), level, count))
    found = Contents(inline=b"")
    if form & 15 == 1:
        found = Contents(inline=column.sized(128))
    if form & 15 == 2:
        count = column.varint()
        must(count <= 64, "too many extents stand in a tree page")
        found = Contents(extents=extents(count, column, ids))
    must(len(found.inline or b"") + sum(extent.length for extent in found.extents) == size, "a file's size is another")
    return found


# The repository


class Repository:
    def __init__(self, root: str) -> None:
        self.store = Store(root)
        if not any(os.path.lexists(os.path.join(root, name)) for name in ("repo.json", "ecc/copy/repo.json")):
            raise Refused(10, f"there is no repository at {root}")
        self.second: list[tuple[str, str]] = []  # what is read from its second copy, and why
        try:
            self.repo = self.store.whole("repo.json", 65536)
            json.loads(self.repo.decode())
        except (Damaged, ValueError) as why:
            self.repo = self.store.whole("ecc/copy/repo.json", 65536)
            self.second.append(("repo.json", str(why)))
        config = self.configuration()
        family, secret = self.unlock()
        self.keys = Keys(family, secret)
        trusted = config.get("trust")
        trusted = trusted.get("maintenance") if isinstance(trusted, dict) else None
        if config.get("family_id") != family.hex():
            raise Refused(12, "this key is of another family than the repository, or repo.json was exchanged")
        if trusted != self.keys.maintenance.hex():
            raise Refused(1, "repo.json trusts another maintenance key than the family's own: it was exchanged")
        self.log = read_log(self.store, self.keys, digest(self.repo))
        self.state, self.faults = self.log.state, self.second + self.log.faults
        self.packs: dict[PackId, Pack] = {}
        self.lines: dict[PackId, tuple[int, bytes]] = {}
        self.places: dict[bytes, list[tuple[PackId, int, int, int]]] = {}  # kind + id -> pack, frame, offset, length
        self.frames: OrderedDict[tuple[PackId, int], bytes] = OrderedDict()
        self.held = 0

    def configuration(self) -> dict[str, Any]:
        try:
            config = json.loads(self.repo.decode())
        except (ValueError, RecursionError):
            raise Refused(1, "repo.json is damaged: it is not JSON") from None
        if not isinstance(config, dict) or config.get("magic") != "DRREPO":
            raise Refused(1, "repo.json does not describe a repository")
        if type(config.get("version")) is not int or config["version"] != 1:
            raise Refused(1, f"version {config.get('version')!r} of the format is not known")
        features = config.get("features", {})
        incompat = features.get("incompat", []) if isinstance(features, dict) else None
        if incompat != []:
            raise Refused(1, f"the repository needs features that are not known: {incompat!r}")
        return config

    def unlock(self) -> tuple[bytes, bytes]:
        if path := os.environ.get("DR_KEY_FILE"):
            return key_file(path)
        if not (typed := os.environb.get(b"DR_PASSWORD")):
            raise Refused(12, "neither DR_KEY_FILE nor DR_PASSWORD is set")
        try:
            password = unicodedata.normalize("NFC", typed.decode().removesuffix("\n")).encode()
        except UnicodeDecodeError:
            raise Refused(12, "DR_PASSWORD is not UTF-8") from None
        slots = [name for name in self.store.list("keys") if re.fullmatch(r"keys/[0-9a-f]{32}", name)]
        tried = 0
        for name in slots[:32]:
            try:
                opened = open_slot(self.store.whole(name, 4096), name, password)
            except Damaged as why:
                say(f"{name}: {why}")
                continue
            tried += 1
            if opened:
                secret, repo, family = opened
                if repo != digest(self.repo):
                    raise Refused(1, "repo.json is not the one that the key slot was made for: it was exchanged")
                return family, secret
        if slots and not tried:
            raise Refused(1, "no key slot can be tried: each is damaged")
        raise Refused(12, "the password opens no key slot" if slots else "there is no key slot; a key file is needed")

    # Which pack holds what

    def name(self, pack: PackId) -> str:
        state, (session, kind, number) = self.state.packs[pack], pack
        if state.healed:
            return state.healed[0]
        split = f"{number:06x}"
        return f"{'data' if kind == 1 else 'meta'}/{state.host.hex()}/{session.hex()}/{split[:3]}/{split[3:]}"

    def read_indexes(self) -> list[tuple[str, str]]:
        """Finds every chunk's places; what was damaged on the way is returned, and read around."""
        faults: list[tuple[str, str]] = []
        objects: list[tuple[str, tuple[int, bytes, bytes] | None]] = [(i[0], i[1:]) for i in self.state.indexes]
        if self.log.unknown:
            named = {name for name, _ in objects}
            objects += [(n, None) for n in self.store.list("idx") if INDEX_NAME.fullmatch(n) and n not in named]
            for name in self.store.list("data") + self.store.list("meta"):
                if match := PACK_NAME.fullmatch(name):
                    kind, session = 1 if match[1] == "data" else 2, bytes.fromhex(match[3])
                    self.state.register((session, kind, int(match[4] + match[5], 16)), bytes.fromhex(match[2]))
        for name, registered in objects:
            try:
                match = INDEX_NAME.fullmatch(name)
                session = match[2] if match else ""
                must(match and (not registered or session == registered[2].hex()), "it is not its session's")
                data = self.store.whole(name, 256 * MIB)
                if registered:
                    must((len(data), digest(data)) == registered[:2], "it is not what was registered")
                index = read_index(data, self.keys)
                must(index.session.hex() == session, "it is of another session")
                found = []
                for kind, number, header, rows in index.records:
                    pack = (index.session, kind, number)
                    found.append((pack, read_pack("", header, rows, pack, self.keys.family)))
            except Damaged as why:
                faults.append((name, str(why)))
                continue
            for (kind, number), line in index.lines.items():
                self.lines.setdefault((index.session, kind, number), line)
            for pack, described in found:
                self.state.register(pack, bytes.fromhex(name.split("/")[1]))
                if not self.state.packs[pack].swept:
                    described.name = self.name(pack)
                    self.describe(pack, described)
        for pack, state in self.state.packs.items():
            if not state.swept and pack not in self.packs:
                try:
                    self.describe(pack, self.from_itself(pack))
                except Damaged as why:
                    faults.append((self.name(pack), str(why)))
        return faults

    def describe(self, pack: PackId, described: Pack) -> None:
        if pack in self.packs:
            return
        self.packs[pack] = described
        for at, frame in enumerate(described.frames):
            offset = 0
            for kind, id, length in frame.chunks:
                self.places.setdefault(bytes([kind]) + id, []).append((pack, at, offset, length))
                offset += length

    def from_itself(self, pack: PackId) -> Pack:
        name = self.name(pack)
        size = self.store.size(name)
        must(113 + 64 <= size <= 256 * MIB, "it has an impossible length")
        footer = Cursor(self.store.range(name, size - 64, 64))
        trailer_at, length = footer.number(8), footer.number(4)
        must(footer.take(4) == bytes(4), "its footer is damaged")
        footer.take(32)
        must(footer.take(16) == bytes(8) + b"DRENDP01", "its footer is damaged")
        must(length <= 8 * MIB + 16 and trailer_at + length <= size - 64, "its footer is damaged")
        header_length = int.from_bytes(self.store.range(name, 12, 4), "little")
        must(113 <= header_length <= min(65536, trailer_at), "its header is of an impossible length")
        header = self.store.range(name, 0, header_length)
        own = read_header(header, self.keys.family)[0]
        place = self.keys.family + own.session + own.number.to_bytes(4, "little") + bytes([own.kind])
        key = derive("dr v1 trailer", self.keys.index + place + own.salt)
        plain = Cursor(unseal(key, self.store.range(name, trailer_at, length), header))
        packed, codec, raw = plain.number(4), plain.number(1), plain.number(4)
        must(raw <= 8 * MIB, "its trailer is too large")
        described = read_pack(name, header, unpack(codec, plain.take(packed), raw), pack, self.keys.family)
        must(described.trailer_at == trailer_at, "its frames do not end where its trailer begins")
        return described

    # Chunks

    def frame(self, pack: PackId, at: int) -> bytes:
        if (pack, at) in self.frames:
            self.frames.move_to_end((pack, at))
            return self.frames[pack, at]
        described = self.packs[pack]
        frame = described.frames[at]
        raw = unframe(self.keys, frame, self.store.range(described.name, frame.at, frame.sealed))
        self.frames[pack, at] = raw
        self.held += len(raw)
        while self.held > 64 * MIB:
            self.held -= len(self.frames.popitem(last=False)[1])
        return raw

    def chunk(self, kind: int, id: bytes, length: int | None = None) -> bytes:
        places = self.places.get(bytes([kind]) + id, [])
        why: object = "no pack has it"
        for pack, at, offset, size in sorted(places, key=lambda place: self.state.packs[place[0]].condemned):
            try:
                data = self.frame(pack, at)[offset : offset + size]
                must(self.keys.chunk_id(kind, data) == id, "its bytes are not those of its name")
            except Damaged as damaged:
                why = f"{self.packs[pack].name}: {damaged}"
                continue
            must(length in (None, len(data)), f"chunk {id.hex()} is not as long as its extent")
            return data
        raise Damaged(f"chunk {id.hex()}: {why}")

    # Snapshots

    def snapshots(self) -> list[Snapshot]:
        kept = [snapshot for snapshot in self.state.snapshots.values() if not snapshot.forgotten]
        return sorted(kept, key=lambda snapshot: (self.stands_at(snapshot), snapshot.n, snapshot.id))

    def stands_at(self, snapshot: Snapshot) -> int:
        """The entry in whose place it stands: that of what it replaces, if the maintenance key says so."""
        while True:
            before = self.state.snapshots.get(self.replaces(snapshot))
            if before is None or before.n >= snapshot.n:
                return snapshot.at
            snapshot = before

    def replaces(self, snapshot: Snapshot) -> bytes:
        """The snapshot in whose place it stands; empty without one, or if a host alone says so."""
        if self.state.sessions[snapshot.session].author[1] is not None:
            return b""
        try:
            return get(self.label(snapshot), 11, bytes, b"")
        except Damaged:
            return b""

    def label(self, snapshot: Snapshot) -> dict[int, Any]:
        key = derive("dr v1 label", self.keys.list + self.keys.family + snapshot.id)
        must(len(snapshot.sealed_label) <= 4096, "its label is too large")
        plain = Cursor(unseal(key, snapshot.sealed_label, b"DRL1"))
        label = cbor(plain.take(plain.number(4)))
        texts, asked = get(label, 4, list, []), get(label, 3, list, [])
        must(len(texts) % 2 == 0 and all(type(text) is str for text in texts), "its label is damaged")
        must(all(type(path) is bytes for path in asked), "its label is damaged")
        for kind, numbers in ((str, (1, 2)), (int, (5, 6))):
            for number in numbers:
                get(label, number, kind, kind())
        for number in (7, 8, 9, 10):
            u64(label, number, 0)
        get(label, 11, bytes, b"", 16)
        return label

    def find(self, wanted: str) -> Snapshot:
        kept = self.snapshots()
        if wanted == "latest":
            if not kept:
                raise Refused(1, "there is no snapshot yet")
            return kept[-1]
        found = [snapshot for snapshot in kept if snapshot.id.hex().startswith(wanted)]
        if not re.fullmatch("[0-9a-f]{8,32}", wanted):
            raise Refused(64, f"{wanted} is no id of a snapshot: `latest`, or at least 8 digits of 0-9 and a-f")
        if len(found) != 1:
            raise Refused(1, f"{len(found)} snapshots have an id that begins with {wanted}")
        return found[0]

    def root(self, snapshot: Snapshot) -> tuple[bytes, int] | None:
        document = cbor(self.chunk(DOCUMENT, snapshot.document))
        must(get(document, 1, bytes) == snapshot.id, "its document is of another snapshot")
        if 4 not in document:
            return None
        level = u64(document, 5, 0)
        must(level <= 64, "its root page's level is too high")
        return get(document, 4, bytes, size=24), level

    def walk(self, snapshot: Snapshot, lost: Callable[[str, str], None]) -> Iterator[Row]:
        """Every entry in order; what cannot be had is told to `lost` with where it would have been."""
        try:
            root = self.root(snapshot)
        except Damaged as why:
            lost("(all entries)", str(why))
            return
        if root:
            yield from self.page(*root, None, None, lost)

    def page(
        self, id: bytes, level: int, behind: bytes | None, last: bytes | None, lost: Callable[[str, str], None]
    ) -> Iterator[Row]:
        try:
            data = self.chunk(TREE, id)
            if level:
                page = Columns(data, b"DRTP", level)
                ends = paths(page.column(1), page.rows)
                children = [page.column(20).take(24) for _ in ends]
                for _ in ends:
                    page.column(21).varint()
                    page.column(22).varint()
                page.done((1, 20, 21, 22))
            else:
                rows = leaf(data)
                ends = [row.path for row in rows]
            must(last is None or ends[-1] == last, "a page does not end where the page above says")
            must(behind is None or order(ends[0]) > order(behind), "paths do not ascend from page to page")
        except Damaged as why:
            where = f"after {text(behind)!r}" if behind is not None else "from the first"
            lost(f"(entries {where} up to {text(last)!r})" if last is not None else f"(entries {where} on)", str(why))
            return
        if not level:
            yield from rows
            return
        for child, end in zip(children, ends, strict=True):
            yield from self.page(child, level - 1, behind, end, lost)
            behind = end

    def extents(self, row: Row) -> Iterator[Extent]:
        if row.contents.root:
            id, level, count = row.contents.root
            yield from self.extent_page(id, level, row.size, count)
        yield from row.contents.extents

    def extent_page(self, id: bytes, level: int, size: int, count: int) -> Iterator[Extent]:
        page = Columns(self.chunk(EXTENTS, id), b"DREX", level)
        if not level:
            found = extents(page.rows, page.column(1), page.column(2))
            page.done((1, 2, 3))
            must(len(found) == count and sum(extent.length for extent in found) == size, "extents do not add up")
            yield from found
            return
        below = [(page.column(2).take(24), page.column(1).varint(), page.column(3).varint()) for _ in range(page.rows)]
        page.done((1, 2, 3))
        sums = sum(child[1] for child in below), sum(child[2] for child in below)
        must(sums == (size, count), "extents do not add up")
        must(all(child[1] and child[2] for child in below), "a page has nothing below it")
        for child, bytes_below, extents_below in below:
            yield from self.extent_page(child, level - 1, bytes_below, extents_below)


# What is asked


def say(line: str) -> None:
    print("".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line), file=sys.stderr)


def show(value: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def put_name(out: dict[str, Any], key: str, name: bytes) -> None:
    """A name of any bytes: as text, and exactly beside it where it is no text."""
    out[key] = text(name)
    if out[key].encode() != name:
        out[f"{key}_b64"] = base64.b64encode(name).decode()


def moment(seconds: int, fraction: str) -> str | None:
    try:
        time = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return f"{time.year:04}-{time:%m-%dT%H:%M:%S}{fraction}+00:00"


def milliseconds(ms: int | None) -> str | None:
    return None if ms is None else moment(ms // 1000, f".{ms % 1000:03}")


def exact(row: Row) -> str | None:
    return moment(row.mtime, f".{row.nanos:09}".rstrip("0").rstrip("."))


def list_snapshots(repository: Repository) -> bool:
    whole = True
    for snapshot in repository.snapshots():
        label: dict[int, Any] = {}
        damaged = None
        try:
            label = repository.label(snapshot)
        except Damaged:
            whole, damaged = False, "its label does not open"
        texts = label.get(4, [])
        out: dict[str, Any] = {
            "id": snapshot.id.hex(),
            "time": None if damaged else milliseconds(label.get(5, 0)),
            "hostname": label.get(2, ""),
            "paths": [text(path) for path in label.get(3, [])],
            "tags": dict(zip(texts[0::2], texts[1::2], strict=True)),
            "system": label.get(1, ""),
            "number": repository.stands_at(snapshot),
            "held_until": milliseconds(snapshot.held_until),
        }
        if repository.replaces(snapshot):
            out["replaces"] = repository.replaces(snapshot).hex()
        if damaged:
            out["damaged"] = damaged
        names = {"entries": 7, "files": 8, "bytes": 9, "unreadable": 10}
        out["summary"] = {name: label.get(key, 0) for name, key in names.items()}
        out["summary"]["ended"] = None if damaged else milliseconds(label.get(6, 0))
        show(out)
    return whole


def entry_as_json(row: Row) -> dict[str, Any]:
    out: dict[str, Any] = {}
    put_name(out, "path", row.path)
    out |= {"kind": KINDS[row.kind], "size": row.size, "mode": f"{row.mode:04o}", "mtime": exact(row)}
    out |= {"uid": row.user[0], "gid": row.group[0]}
    for key, (_, name) in (("user", row.user), ("group", row.group)):
        if name is not None:
            put_name(out, key, name)
    if row.kind == SYMLINK:
        put_name(out, "target", row.target)
    if row.kind in (CHAR_DEVICE, BLOCK_DEVICE):
        out["device"] = list(row.device)
    if row.link is not None:
        out["link"] = row.link
    if row.xattrs:
        out["xattrs"] = [text(name) for name, _ in row.xattrs]
    return out


def list_entries(repository: Repository, wanted: str) -> bool:
    failed: list[str] = []

    def lost(where: str, why: str) -> None:
        failed.append(where)
        say(f"{where}: {why}")

    for row in repository.walk(find(repository, wanted), lost):
        show(entry_as_json(row))
    return not failed


def find(repository: Repository, wanted: str) -> Snapshot:
    snapshot = repository.find(wanted)
    for name, why in repository.read_indexes():
        say(f"{name}: {why}")  # what it costs shows in the walk
    return snapshot


class Restore:
    """Writes a tree below one directory that it holds open."""

    def __init__(self, repository: Repository, top: int) -> None:
        self.repository, self.top = repository, top
        self.parent, self.parent_path = os.dup(top), b""
        self.made, self.lengths = b"", [0]  # the deepest directory just made, and which of its beginnings were made too
        self.directories: list[Row] = []
        self.links: dict[int, bytes] = {}
        self.restored = 0
        self.failed: list[tuple[bytes, str]] = []

    def all(self, rows: Iterator[Row]) -> None:
        for row in rows:
            self.attempt(row, self.one)
        for row in reversed(self.directories):
            self.attempt(row, self.finish)

    def attempt(self, row: Row, what: Callable[[Row], None]) -> None:
        try:
            what(row)
        except OSError as why:
            self.failed.append((row.path, why.strerror or str(why)))
        except (Damaged, ValueError, OverflowError) as why:
            self.failed.append((row.path, str(why)))

    def reach(self, path: bytes) -> int:
        """An open directory of this walk: from the top, one component at a time, through no link."""
        if path != self.parent_path:
            below = path.startswith(self.parent_path + b"/") and self.parent_path
            fd = os.dup(self.parent if below else self.top)
            for part in path[len(self.parent_path) + 1 if below else 0 :].split(b"/") if path else ():
                try:
                    inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
                finally:
                    os.close(fd)
                fd = inner
            os.close(self.parent)
            self.parent, self.parent_path = fd, path
        return self.parent

    def one(self, row: Row) -> None:
        if not row.path:
            must(row.kind == DIRECTORY, "the root is no directory")
            self.directories.append(row)
            self.restored += 1
            return
        above, _, name = row.path.rpartition(b"/")
        while self.lengths[-1] > len(above):
            self.lengths.pop()
        self.made = self.made[: self.lengths[-1]]
        must(self.made == above, "the directory that it is in was not restored")
        if row.kind != DIRECTORY and row.link in self.links:
            first, _, old = self.links[row.link].rpartition(b"/")
            source = os.dup(self.reach(first))
            try:
                os.link(old, name, src_dir_fd=source, dst_dir_fd=self.reach(above), follow_symlinks=False)
            finally:
                os.close(source)
            self.restored += 1
            return
        here = self.reach(above)
        if row.kind == DIRECTORY:
            os.mkdir(name, 0o700, dir_fd=here)
            self.made = row.path
            self.lengths.append(len(row.path))
            self.directories.append(row)
            self.restored += 1
            return
        if row.kind == FILE:
            self.file(row, name, here)
        elif row.kind == SYMLINK:
            os.symlink(row.target, name, dir_fd=here)
        else:
            types = {FIFO: stat.S_IFIFO, SOCKET: stat.S_IFSOCK, CHAR_DEVICE: stat.S_IFCHR, BLOCK_DEVICE: stat.S_IFBLK}
            os.mknod(name, 0o600 | types[row.kind], os.makedev(*row.device), dir_fd=here)
        if row.link is not None:
            self.links[row.link] = row.path
        self.restored += 1
        self.dress(row, b"/proc/self/fd/%d/%s" % (here, name))

    def file(self, row: Row, name: bytes, here: int) -> None:
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=here)
        try:
            at = write_all(fd, row.contents.inline or b"", 0)
            for extent in self.repository.extents(row):
                if extent.chunk is not None:
                    write_all(fd, self.repository.chunk(DATA, extent.chunk, extent.length), at)
                at += extent.length
            must(at == row.size, "its contents end elsewhere")
            os.ftruncate(fd, row.size)
        except BaseException:
            os.unlink(name, dir_fd=here)
            raise
        finally:
            os.close(fd)

    def finish(self, row: Row) -> None:
        self.dress(row, b"/proc/self/fd/%d" % self.reach(row.path), follow=True)

    def dress(self, row: Row, path: bytes, follow: bool = False) -> None:
        """Owner, attributes, mode and times, in the order in which none undoes another."""
        if os.geteuid() == 0:
            os.chown(path, row.user[0], row.group[0], follow_symlinks=follow)
        failed: list[str] = []
        for name, value in row.xattrs:
            try:
                os.setxattr(path, name, value, follow_symlinks=follow)
            except (OSError, ValueError) as why:
                failed.append(f"attribute {text(name)}: {why}")
        if row.kind != SYMLINK:
            os.chmod(path, row.mode)
        time = row.mtime * 1_000_000_000 + row.nanos
        os.utime(path, ns=(time, time), follow_symlinks=follow)
        must(not failed, "; ".join(failed))


def write_all(fd: int, data: bytes, at: int) -> int:
    view = memoryview(data)
    while view:
        size = os.pwrite(fd, view, at)
        at, view = at + size, view[size:]
    return at


def restore(repository: Repository, wanted: str, to: str) -> bool:
    snapshot = find(repository, wanted)
    os.makedirs(to, exist_ok=True)
    top = os.open(to, os.O_RDONLY | os.O_DIRECTORY)
    if os.listdir(top):
        raise Refused(64, f"{to} is not empty")
    work = Restore(repository, top)
    missing: list[tuple[str, str]] = []
    work.all(repository.walk(snapshot, lambda where, why: missing.append((where, why))))
    failed = []
    for path, why in work.failed:
        entry: dict[str, Any] = {}
        put_name(entry, "path", path)
        failed.append(entry | {"why": why})
    failed += [{"path": where, "why": why} for where, why in missing]
    for entry in failed:
        say(f"{entry['path']}: {entry['why']}")
    show({"snapshot": snapshot.id.hex(), "restored": work.restored, "failed": failed})
    return not failed


def check(repository: Repository) -> bool:
    found = 0

    def finding(name: str, what: str) -> None:
        nonlocal found
        found += 1
        show({"object": name, "what": what})

    for name, why in repository.faults:
        finding(name, why)
    for n in numbers(repository.store, "ckpt"):
        name = f"ckpt/{n:016x}"
        try:
            if not any(name == known for known, _ in repository.faults):
                read_checkpoint(repository.store.whole(name, 256 * MIB), n, digest(repository.repo), repository.keys)
        except Damaged as why:
            finding(name, str(why))
    for name in sorted({*repository.state.slots, *repository.store.list("keys")}):
        try:
            slot = repository.store.whole(name, 4096)
            must(digest(slot[:-32]) == slot[-32:], "its checksum differs")
            registered = repository.state.slots.get(name, digest(slot))
            must(registered == digest(slot), "it is not the slot that was registered")
        except Damaged as why:
            finding(name, str(why))
    for name in repository.store.list("ecc"):
        try:
            check_parity(repository, name)
        except Damaged as why:
            finding(name, str(why))
    for name, why in repository.read_indexes():
        finding(name, why)
    for pack, state in sorted(repository.state.packs.items()):
        if not state.swept and pack in repository.packs:
            try:
                check_pack(repository, pack)
            except Damaged as why:
                finding(repository.packs[pack].name, str(why))
    sound: set[tuple[bytes, int, int, int]] = set()
    for snapshot in repository.snapshots():
        name = f"snapshot {snapshot.id.hex()[:8]}"
        try:
            repository.label(snapshot)
        except Damaged as why:
            finding(name, f"its label: {why}")
        for row in repository.walk(snapshot, lambda where, why, name=name: finding(name, f"{where}: {why}")):
            try:
                check_contents(repository, row, sound)
            except Damaged as why:
                finding(name, f"{text(row.path)}: {why}")
    say(f"{len(repository.packs)} packs, {len(repository.snapshots())} snapshots, {found} findings")
    return not found


def check_parity(repository: Repository, name: str) -> None:
    """Whether a parity object or a second copy is whole. Healing is not for this reader."""
    if name.startswith("ecc/copy/"):
        of = name[len("ecc/copy/") :]
        right = digest(repository.repo) if of == "repo.json" else repository.state.slots.get(of)
        must(right in (None, digest(repository.store.whole(name, 65536))), f"it is no copy of {of}")
        return
    match = re.fullmatch(r"ecc/[0-9a-f]{8}/([0-9a-f]{32})/[0-9a-f]{4}", name)
    if not match:
        return
    data = repository.store.whole(name, 512 * MIB)
    front = Cursor(data)
    must(front.take(8) == b"DRPARIT1" and front.number(2) == 1 and front.number(1) == 1, "it is no parity object")
    front.number(1)
    size = front.number(4)
    table = data[:size]
    must(size == len(table) and table[-32:] == digest(table[:-32]), "its table is damaged")
    must(front.take(16) == repository.keys.family, "it is of another family")
    must(front.take(16).hex() == match[1], "it is of another session")
    spares = size
    for _ in range(front.number(4)):
        front.take(5)
        length = front.number(8)
        front.take(32)
        shards = -(-length // 131072)
        front.take(16 * shards)
        left = length if shards <= 8 else 8 * 131072
        for _ in range(min(shards, 8)):
            shard, left = min(left, 131072), max(left - 131072, 0)
            must(digest(data[spares : spares + shard])[:16] == front.take(16), "a spare shard is damaged")
            spares += shard
    must(spares == len(data), "it has another length")


def check_contents(repository: Repository, row: Row, sound: set[tuple[bytes, int, int, int]]) -> None:
    if row.contents.root:
        key = (*row.contents.root, row.size)
        if key in sound:
            return
        for extent in repository.extents(row):
            check_extent(repository, extent)
        sound.add(key)
    for extent in row.contents.extents:
        check_extent(repository, extent)


def check_extent(repository: Repository, extent: Extent) -> None:
    if extent.chunk is not None:
        places = repository.places.get(bytes([DATA]) + extent.chunk)
        must(places, f"chunk {extent.chunk.hex()}: no pack has it")
        must(any(place[3] == extent.length for place in places or ()), "a chunk is not as long as its extent")


def check_pack(repository: Repository, pack: PackId) -> None:
    described, healed = repository.packs[pack], repository.state.packs[pack].healed
    line = healed[1:] if healed else repository.lines.get(pack)
    data = repository.store.whole(described.name, 256 * MIB)
    must(len(data) >= 113 + 64 and data[-48:-16] == digest(data[:-48]), "its bytes are not those of its own hash")
    must(not line or line == (len(data), digest(data)), "its length or digest is not that of its index object")
    itself = repository.from_itself(pack)
    must((itself.header, itself.rows) == (described.header, described.rows), "its index object describes it otherwise")
    for frame in itself.frames:
        raw, at = unframe(repository.keys, frame, data[frame.at : frame.at + frame.sealed]), 0
        for kind, id, length in frame.chunks:
            must(repository.keys.chunk_id(kind, raw[at : at + length]) == id, f"chunk {id.hex()} has other bytes")
            at += length


def usage() -> NoReturn:
    raise Refused(64, "usage: read_repository.py REPO snapshots | ls ID | restore ID DIR | check")


def run(arguments: list[str]) -> bool:
    if len(arguments) < 2:
        usage()
    root, verb, *rest = arguments
    if (verb, len(rest)) not in {("snapshots", 0), ("ls", 1), ("restore", 2), ("check", 0)}:
        usage()
    if MISSING:
        raise Refused(1, f"{MISSING}; pip install argon2-cffi blake3 cryptography zstandard")
    repository = Repository(root)
    if verb == "check":
        return check(repository)
    for name, why in repository.faults:
        say(f"{name}: {why}")
    whole = not any(name.startswith("log/") for name, _ in repository.faults)
    if verb == "snapshots":
        return list_snapshots(repository) and whole
    certain = not (rest[0] == "latest" and repository.log.newest_unread)
    if verb == "ls":
        return list_entries(repository, *rest) and certain
    return restore(repository, *rest) and certain


def main(arguments: list[str]) -> int:
    if arguments and arguments[0] in ("-h", "--help"):
        print((__doc__ or "").strip())
        return 0
    try:
        whole = run(arguments)
        sys.stdout.flush()
        return 0 if whole else 3
    except Refused as why:
        code, words = why.args
        say(f"read_repository.py: {words}")
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130
    except (Damaged, OSError, MemoryError, RecursionError) as why:
        say(f"read_repository.py: {why or type(why).__name__}")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
