#!/usr/bin/env python3
"""Says in what two directory trees differ, exactly, sharing no code with what made them.

    compare_trees.py FROM TO [--ignore WHAT,...]   prints each difference; exit 1 on any, 2 if it cannot look
    compare_trees.py --self-test                   makes trees with known differences and checks that they are seen

Compared: names (as bytes), types, contents, size, mode, owner, mtime (nanoseconds, of directories and links
too), the text of links, which names are names of one file, device numbers, extended attributes with POSIX ACLs,
and whether a file that had holes still has them. WHAT can be any of: contents size mode owner mtime link
hardlinks device xattrs holes root (the two top directories themselves).
"""
import os
import stat
import sys

KINDS = ["contents", "size", "mode", "owner", "mtime", "link", "hardlinks", "device", "xattrs", "holes", "root"]
# A sparse file may take this many 512-byte blocks more than its source: block sizes and extents differ.
SLACK = 64


def shown(path):
    return path.decode("utf-8", "backslashreplace").replace("\n", "\\n") or "."


class Tree:
    """One tree, opened directory by directory, so that no path is too long."""

    def __init__(self, top):
        self.top = os.open(top, os.O_RDONLY | os.O_DIRECTORY)

    def close(self):
        os.close(self.top)


def attributes(dirfd, name, top):
    path = b"/proc/self/fd/%d" % dirfd + (b"" if top else b"/" + name)
    try:
        names = os.listxattr(path, follow_symlinks=top)
    except OSError as why:
        return {} if why.errno in (95, 38) else {"(list)": str(why)}
    return {n: os.getxattr(path, n, follow_symlinks=top) for n in names}


def same_contents(name, left, right):
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    a, b = os.open(name, flags, dir_fd=left), os.open(name, flags, dir_fd=right)
    try:
        offset = 0
        while True:
            x, y = os.read(a, 1 << 20), os.read(b, 1 << 20)
            while len(x) != len(y):  # short reads need not fall together
                short, fd = (x, a) if len(x) < len(y) else (y, b)
                more = os.read(fd, abs(len(x) - len(y)))
                if not more:
                    return offset + min(len(x), len(y))
                if short is x:
                    x += more
                else:
                    y += more
            if x != y:
                return offset + next(i for i in range(len(x)) if x[i] != y[i])
            if not x:
                return None
            offset += len(x)
    finally:
        os.close(a)
        os.close(b)


class Comparison:
    def __init__(self, ignore):
        self.ignore = set(ignore)
        self.found = []
        self.groups = [{}, {}]
        self.seen = 0

    def say(self, kind, path, text):
        if kind not in self.ignore:
            self.found.append((path, f"{kind}: {text}"))

    def one(self, path, name, dirs, stats, top=False):
        """Everything about one name but what is in a directory."""
        a, b = stats
        self.seen += 1
        if stat.S_IFMT(a.st_mode) != stat.S_IFMT(b.st_mode):
            self.say("type", path, f"{stat.filemode(a.st_mode)[0]} became {stat.filemode(b.st_mode)[0]}")
            return False
        is_file, is_link = stat.S_ISREG(a.st_mode), stat.S_ISLNK(a.st_mode)
        if top and "root" in self.ignore:
            return True
        if not is_link and stat.S_IMODE(a.st_mode) != stat.S_IMODE(b.st_mode):
            self.say("mode", path, f"{stat.S_IMODE(a.st_mode):o} became {stat.S_IMODE(b.st_mode):o}")
        if (a.st_uid, a.st_gid) != (b.st_uid, b.st_gid):
            self.say("owner", path, f"{a.st_uid}:{a.st_gid} became {b.st_uid}:{b.st_gid}")
        if a.st_mtime_ns != b.st_mtime_ns:
            self.say("mtime", path, f"{a.st_mtime_ns} became {b.st_mtime_ns}")
        if is_link:
            x, y = (os.readlink(name, dir_fd=d) for d in dirs)
            if x != y:
                self.say("link", path, f"{x!r} became {y!r}")
        if stat.S_ISCHR(a.st_mode) or stat.S_ISBLK(a.st_mode):
            if a.st_rdev != b.st_rdev:
                self.say("device", path, f"{a.st_rdev:x} became {b.st_rdev:x}")
        if is_file:
            if a.st_size != b.st_size:
                self.say("size", path, f"{a.st_size} became {b.st_size}")
            elif "contents" not in self.ignore:
                at = same_contents(name, *dirs)
                if at is not None:
                    self.say("contents", path, f"first different at byte {at}")
            if a.st_blocks * 512 < a.st_size and b.st_blocks > a.st_blocks + SLACK:
                self.say("holes", path, f"{a.st_blocks} blocks became {b.st_blocks}")
        if not stat.S_ISDIR(a.st_mode):
            for side, s in enumerate(stats):
                if s.st_nlink > 1:
                    self.groups[side].setdefault((s.st_dev, s.st_ino), []).append(path)
        if "xattrs" not in self.ignore:
            x, y = (attributes(d, name, top) for d in dirs)
            for key in sorted(x.keys() | y.keys()):
                if x.get(key) != y.get(key):
                    self.say("xattrs", path, f"{key}: {x.get(key)!r} became {y.get(key)!r}")
        return True

    def trees(self, left, right):
        dirs = (left, right)
        self.one(b"", b".", dirs, [os.fstat(d) for d in dirs], top=True)
        # Each step: the open pair, the path, and the names still to do. Deep levels are reopened from the top.
        stack = [(b"", self.names(dirs, b""))]
        held = {b"": (os.dup(left), os.dup(right))}
        while stack:
            path, names = stack[-1]
            if not names:
                stack.pop()
                self.release(held.pop(path, None))
                continue
            dirs = held.get(path) or held.setdefault(path, tuple(self.reach(t, path) for t in (left, right)))
            name = names.pop()
            inner = path + b"/" + name if path else name
            stats = [os.stat(name, dir_fd=d, follow_symlinks=False) for d in dirs]
            if self.one(inner, name, dirs, stats) and stat.S_ISDIR(stats[0].st_mode):
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                pair = tuple(os.open(name, flags, dir_fd=d) for d in dirs)
                held[inner] = pair
                stack.append((inner, self.names(pair, inner)))
                if len(stack) > 100:
                    self.release(held.pop(stack[-100][0], None))
        self.links()

    def names(self, dirs, path):
        a, b = (set(os.fsencode(n) for n in os.listdir(d)) for d in dirs)
        for name in sorted(a - b):
            self.found.append((path + b"/" + name, "missing"))
        for name in sorted(b - a):
            self.found.append((path + b"/" + name, "was not there before"))
        return sorted(a & b, reverse=True)

    @staticmethod
    def reach(top, path):
        here = os.dup(top)
        for name in filter(None, path.split(b"/")):
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = inner
        return here

    @staticmethod
    def release(pair):
        for fd in pair or ():
            os.close(fd)

    def links(self):
        a, b = ({tuple(sorted(paths)) for paths in group.values() if len(paths) > 1} for group in self.groups)
        for group in sorted(a - b):
            self.say("hardlinks", group[0], "were one file: " + ", ".join(map(shown, group)))
        for group in sorted(b - a):
            self.say("hardlinks", group[0], "have become one file: " + ", ".join(map(shown, group)))


def compare(left, right, ignore=()):
    comparison = Comparison(ignore)
    a, b = Tree(left), Tree(right)
    try:
        comparison.trees(a.top, b.top)
    finally:
        a.close()
        b.close()
    return comparison


def self_test():
    import shutil
    import tempfile

    def make(top):
        os.makedirs(os.path.join(top, "d/e"))
        for name in ("d/f", "d/g", "h", "i", b"\xff\n".decode("utf-8", "surrogateescape")):
            with open(os.path.join(top, name), "wb") as file:
                file.write(b"0123456789")
        os.link(f"{top}/h", f"{top}/d/h")
        os.symlink("text", f"{top}/link")
        os.mkfifo(f"{top}/fifo")
        with open(f"{top}/sparse", "wb") as file:
            file.truncate(1 << 20)
        for base, names, files in os.walk(top, topdown=False):
            for name in names + files + ["."]:
                os.utime(os.path.join(base, name), ns=(5, 1_000_000_000_000_000_007), follow_symlinks=False)

    def write(path, text, at=0):
        with open(path, "r+b") as file:
            file.seek(at)
            file.write(text)

    def relink(top):
        os.unlink(f"{top}/d/h")
        shutil.copy2(f"{top}/h", f"{top}/d/h")

    def retext(top):
        os.unlink(f"{top}/link")
        os.symlink("other", f"{top}/link")

    def retype(top):
        os.unlink(f"{top}/fifo")
        os.mkdir(f"{top}/fifo")

    changes = [
        (None, lambda top: None),
        ("contents", lambda top: write(f"{top}/d/f", b"x", 9)),
        ("size", lambda top: os.truncate(f"{top}/i", 9)),
        ("mode", lambda top: os.chmod(f"{top}/d/e", 0o700 if os.stat(f"{top}/d/e").st_mode & 0o77 else 0o755)),
        ("mtime", lambda top: os.utime(f"{top}/d", ns=(5, 1_000_000_000_000_000_008))),
        ("mtime", lambda top: os.utime(f"{top}/link", ns=(5, 1), follow_symlinks=False)),
        ("link", retext),
        ("hardlinks", relink),
        ("type", retype),
        ("missing", lambda top: os.unlink(f"{top}/d/g")),
        ("was not there before", lambda top: os.mkdir(f"{top}/new")),
        ("holes", lambda top: write(f"{top}/sparse", bytes(1 << 20))),
        ("xattrs", lambda top: os.setxattr(f"{top}/d/f", "user.x", b"1")),
    ]
    if os.geteuid() == 0:
        changes.append(("owner", lambda top: os.chown(f"{top}/link", 1, 2, follow_symlinks=False)))
    failed = 0
    for expected, change in changes:
        with tempfile.TemporaryDirectory() as place:
            left, right = os.path.join(place, "left"), os.path.join(place, "right")
            make(left)
            make(right)
            change(right)
            kinds = {text.split(":")[0] for _, text in compare(left, right).found}
            ignored = {text.split(":")[0] for _, text in compare(left, right, [expected] if expected else []).found}
        good = (expected in kinds) if expected else not kinds
        if expected in KINDS:
            good = good and expected not in ignored
        if not good:
            failed += 1
            print(f"self-test: {expected} was not told rightly: {sorted(kinds)}")
    print(f"self-test: {len(changes)} cases, {failed} failed")
    return 1 if failed else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    ignore, paths = [], []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--ignore":
            ignore += next(rest, "").split(",")
        elif argument.startswith("--ignore="):
            ignore += argument.split("=", 1)[1].split(",")
        else:
            paths.append(argument)
    unknown = [kind for kind in ignore if kind not in KINDS]
    if unknown or len(paths) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        comparison = compare(paths[0], paths[1], ignore)
    except OSError as why:
        print(f"could not compare: {why}", file=sys.stderr)
        return 2
    for path, text in comparison.found:
        print(f"{shown(path)}: {text}")
    print(f"{comparison.seen} names compared, {len(comparison.found)} differences", file=sys.stderr)
    return 1 if comparison.found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
