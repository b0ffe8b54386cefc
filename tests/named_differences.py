#!/usr/bin/env python3
"""Says whether a restore named every difference that it left, and nothing that is equal; shares no code with dr.

    named_differences.py FROM TO ANSWER [--ignore WHAT,...] [--left-by-driver PATH,...]

ANSWER is the last line that `dr repo restore --json` printed. Each difference between the two trees, as
compare_trees.py finds it, must stand in `failed` with a reason of its kind, and each name in `failed` must be
different. What is in a directory that is missing needs no name of its own. What the driver of a file system leaves
lying by a fault of its own may be there. Exit 1 on anything else.
"""
import base64
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare_trees  # noqa: E402

# What the reason of a thing that is there says, for each kind of difference.
WORDS = {
    "owner": ["owner", "user ", "group "],
    "mode": ["mode", "set-id"],
    "mtime": ["time"],
    "xattrs": ["attribute"],
    "hardlinks": ["another name"],
    "holes": ["hole"],
}
THERE = "it is there, but not set"


def above(path):
    while b"/" in path:
        path = path.rsplit(b"/", 1)[0]
        yield path


def main(arguments):
    ignore = []
    if "--ignore" in arguments:
        at = arguments.index("--ignore")
        ignore = arguments[at + 1].split(",")
        del arguments[at : at + 2]
    left_by_driver = set()
    if "--left-by-driver" in arguments:
        at = arguments.index("--left-by-driver")
        left_by_driver = {os.fsencode(path) for path in arguments[at + 1].split(",")}
        del arguments[at : at + 2]
    left, right, answer = arguments
    with open(answer, "rb") as file:
        failed = json.loads(file.read().splitlines()[-1])["failed"]
    named = {}
    for one in failed:
        path = base64.b64decode(one["path_b64"]) if "path_b64" in one else os.fsencode(one["path"])
        named.setdefault(path, []).append(one["why"])
    comparison = compare_trees.compare(left, right, ignore)
    different, missing, wrong = set(), set(), []
    linked = set()
    for a in comparison.groups[0].values():
        if len(a) > 1:
            linked.update(a)
    for path, text in comparison.found:
        path = path.lstrip(b"/")
        kind = text.split(":")[0]
        # How XFS shows an access list once more.
        if "trusted.SGI_ACL_" in text:
            continue
        if path in left_by_driver and text.startswith("was not there"):
            continue
        different.add(path)
        if kind in ("missing", "type"):
            missing.add(path)
        whys = named.get(path, [])
        if kind == "hardlinks":
            # Whichever of the names it was that could not be one of the others.
            whys = [why for name in linked for why in named.get(name, [])]
            fits = any(WORDS[kind][0] in why or not why.startswith(THERE) for why in whys)
        elif kind in WORDS:
            fits = any(why.startswith(THERE) and any(word in why for word in WORDS[kind]) for why in whys)
        else:
            fits = any(not why.startswith(THERE) for why in whys)
        if not fits:
            wrong.append(f"not named: {compare_trees.shown(path)}: {text[:200]} (named: {whys})")
    for path, whys in named.items():
        by_link = path in linked and all("another name" in why for why in whys)
        if path not in different and not by_link and not any(up in missing for up in above(path)):
            wrong.append(f"named and equal: {compare_trees.shown(path)}: {whys}")
    for line in wrong:
        print(line)
    print(f"{comparison.seen} names compared, {len(comparison.found)} differences, {len(named)} named, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
