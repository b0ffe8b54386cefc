#!/usr/bin/env python3
"""Reads and verifies a ledger of `dr` with none of dr's code, from docs/format/ledger.md alone.

    read_ledger.py [--json] [--anchor N:HASH] LEDGER

Prints every entry, then whether the chain holds. With --json only the verdict, as `dr ledger --verify --json` gives it.
An anchor is what a letter or a handover form printed: the number and the hash of the newest entry at that time.
Exit: 0 the chain holds, 1 it is broken, 2 nothing is known (no file, no blake3), 64 usage. Needs `pip install blake3`.
"""

import json
import re
import sys

try:
    from blake3 import blake3
except ImportError:
    # Said once a ledger is to be read: help and usage need no package.
    blake3 = None

ZERO = "0" * 64
LINE = re.compile(
    rb'\{"n":([1-9][0-9]*),"prev":"([0-9a-f]{64})","body_hash":"([0-9a-f]{64})"(?:,"body":(\{.*\}))?\}', re.DOTALL
)
WHY = {
    "not-an-entry": "is not an entry",
    "wrong-number": "is out of order: entries were removed, added or reordered",
    "wrong-previous": "does not follow the line above: one of the two was changed",
    "body-edited": "was edited",
    "body-missing": "has lost its text, and no later entry says that it was purged",
    "cut-before-anchor": "is missing: the ledger was cut before the anchor",
    "not-the-anchor": "is not the entry that the anchor was taken from: the ledger was rewritten",
}


def body_hash(body):
    return blake3(body, derive_key_context="dr 2026 ledger body v1").hexdigest()


def entry_hash(prev, n, body_hash_hex):
    covered = bytes.fromhex(prev) + n.to_bytes(8, "little") + bytes.fromhex(body_hash_hex)
    return blake3(covered, derive_key_context="dr 2026 ledger entry v1").hexdigest()


def no_constant(word):
    raise ValueError(f"{word} is not JSON")


def parse(line):
    """(n, prev, body_hash, body bytes or None, body as JSON or None), or None if it is not spelled as an entry is."""
    match = LINE.fullmatch(line)
    if not match or int(match[1]) >= 2**64:
        return None
    try:
        line.decode("utf-8")
        value = json.loads(match[4], parse_constant=no_constant) if match[4] else None
    except ValueError:
        return None
    return int(match[1]), match[2].decode(), match[3].decode(), match[4], value


def wrong(parsed, count, head):
    """Why this line is not the next entry, or None."""
    if parsed is None:
        return "not-an-entry"
    n, prev, hashed, body, _ = parsed
    if n != count + 1:
        return "wrong-number"
    if prev != head:
        return "wrong-previous"
    if body is not None and body_hash(body) != hashed:
        return "body-edited"
    return None


def verify(data, anchor):
    """(verdict as a dict, [(n, body as JSON or None)], bytes of an append that never finished)."""
    lines = data.split(b"\n")
    last = lines.pop()  # what stands after the last newline
    hashes, entries, announced, broken, torn = [ZERO], [], set(), None, 0
    for place, line in enumerate(lines + ([last] if last else []), start=1):
        parsed = parse(line)
        why = wrong(parsed, len(entries), hashes[-1])
        if why and place > len(lines):
            torn = len(line)  # no newline and not whole: the entry was never acknowledged
            break
        if why:
            broken = (len(entries) + 1, why)
            break
        n, prev, hashed, _, body = parsed
        event = body.get("event") if body else None
        if isinstance(event, dict) and event.get("type") == "bodies-purged":
            announced.update(m for m in event.get("entries", []) if isinstance(m, int) and m < n)
        entries.append((n, body))
        hashes.append(entry_hash(prev, n, hashed))
    if not broken:
        quiet = [n for n, body in entries if body is None and n not in announced]
        if quiet:
            broken = (quiet[0], "body-missing")
        elif anchor and anchor[0] > len(entries):
            broken = (len(entries) + 1, "cut-before-anchor")
        elif anchor and anchor[0] and hashes[anchor[0]] != anchor[1]:
            broken = (anchor[0], "not-the-anchor")
    if broken:
        line, why = broken
        return {"verdict": "broken", "entries": line - 1, "head": hashes[line - 1], "line": line, "why": why}, entries, torn
    return {"verdict": "ok", "entries": len(entries), "head": hashes[-1]}, entries, torn


def in_words(n, body):
    if body is None:
        return f"{n:>6}  (purged)"
    event = body.get("event", {})
    fields = event if isinstance(event, dict) else {"event": event}
    said = "  ".join(
        f"{key}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for key, value in fields.items()
        if key != "type"
    )
    who = {"login": "", "named-not-authenticated": " (named, not authenticated)", "system": ""}
    by = body.get("by", "dr") + who.get(body.get("authenticated"), f" ({body.get('authenticated')})")
    moved = "" if body.get("decided") == body.get("real") else f" (by the clock {body.get('real')})"
    text = f"{n:>6}  {body.get('decided')}{moved}  {by}  {fields.get('type', '?')}  {said}"
    return "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text)


def usage(why):
    print(f"{why}\nusage: read_ledger.py [--json] [--anchor N:HASH] LEDGER", file=sys.stderr)
    sys.exit(64)


def main(arguments):
    as_json, anchor, path = False, None, None
    while arguments:
        word = arguments.pop(0)
        if word in ("-h", "--help"):
            print(__doc__.strip())
            return 0
        if word == "--json":
            as_json = True
        elif word == "--anchor":
            text = arguments.pop(0) if arguments else ""
            match = re.fullmatch(r"([0-9]+):([0-9a-f]{64})", text)
            if not match:
                usage(f"`{text}` is not an anchor: expected a number, a colon and 64 hexadecimal digits")
            anchor = (int(match[1]), match[2])
        elif word.startswith("-") or path is not None:
            usage(f"`{word}` was not expected")
        else:
            path = word
    if path is None:
        usage("which ledger?")
    if blake3 is None:
        print("nothing is known: read_ledger.py needs the blake3 package: pip install blake3", file=sys.stderr)
        return 2
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        print(f"could not read the ledger, so nothing is known: {error}", file=sys.stderr)
        return 2
    verdict, entries, torn = verify(data, anchor)
    if as_json:
        print(json.dumps(verdict))
    else:
        sys.stdout.reconfigure(errors="backslashreplace")
        for n, body in entries:
            print(in_words(n, body))
        if torn:
            print(f"        {torn} bytes of an append that never finished follow; they are no entry")
        if verdict["verdict"] == "ok":
            print(f"ok: {verdict['entries']} entries, head {verdict['entries']}:{verdict['head']}")
        else:
            print(f"BROKEN: line {verdict['line']} {WHY[verdict['why']]}; {verdict['entries']} entries before it hold")
    return 0 if verdict["verdict"] == "ok" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
