//! Which words do other backup programs have, and what does `dr` call it? Lists, and looking up in them.

/// At which level of commands, the words, and what to type instead.
type Answer = (&'static str, &'static [&'static str], &'static str);

/// The same, at several levels.
type Argument = (&'static [&'static str], &'static [&'static str], &'static str);

const COMMANDS: &[Answer] = &[
    (
        "",
        &["backup", "create", "start", "save", "archive", "sync", "mirror"],
        "`dr run` makes the copies that the plan wants; without a plan, `dr repo backup URL PATH` backs up a folder",
    ),
    ("", &["list", "dir", "tree", "files"], "`dr snapshots` lists snapshots, and `dr ls SYSTEM` what one holds"),
    (
        "",
        &["snapshot", "archives", "versions", "backups"],
        "`dr snapshots` lists what is kept, and `dr run` makes a new one",
    ),
    ("", &["search", "grep", "locate"], "`dr find PATTERN` looks through all snapshots"),
    (
        "",
        &["cat", "show", "print"],
        "`dr dump SYSTEM PATH` writes a file to standard output, and `dr plan show` the plan",
    ),
    (
        "",
        &["extract", "recover", "get", "download", "rollback", "undelete"],
        "`dr restore SYSTEM --to DIR` brings a system back, and `dr forget --undo ID` a snapshot that was forgotten",
    ),
    (
        "",
        &["verify", "scrub", "fsck", "validate"],
        "`dr check` looks at the copies, and `dr restore --rehearse` tries whether a system comes back",
    ),
    (
        "",
        &["test", "rehearse", "drill"],
        "`dr restore --rehearse` tries whether systems come back, and `dr check` looks at the copies",
    ),
    (
        "",
        &["delete", "remove", "rm", "expire"],
        "`dr forget` takes off the list what the plan no longer keeps, and `dr erase SYSTEM --path P` a file out of all snapshots",
    ),
    ("", &["compact", "gc", "cleanup", "maintenance", "vacuum"], "`dr prune` deletes what no snapshot needs"),
    ("", &["rewrite", "redact", "recreate"], "`dr erase SYSTEM --path P` takes a file out of every snapshot"),
    ("", &["rebuild-index", "index", "mend", "fix", "heal"], "`dr repair` mends what is damaged, the index too"),
    (
        "",
        &["setup", "configure", "wizard"],
        "`dr plan new` writes a plan, and `dr init` makes its keys and repositories",
    ),
    ("", &["config", "policy", "settings", "systems", "targets"], "The plan says it: `dr plan show --full`"),
    (
        "",
        &["repository", "connect", "repos"],
        "`dr init` makes the plan's repositories, and `dr repo COMMAND URL` works on one by its address",
    ),
    (
        "",
        &["stats", "info", "size", "du", "usage"],
        "`dr status` says whether each system is safe, and `dr repo stats URL` counts what one repository holds",
    ),
    (
        "",
        &["browse", "umount", "unmount"],
        "`dr mount DIR` shows every snapshot as a folder; Ctrl-C where it runs, or `umount DIR`, ends that",
    ),
    (
        "",
        &["unlock", "break-lock"],
        "There are no locks to remove: a run that was killed is in nobody's way. `dr doctor` says what would fail",
    ),
    ("", &["tag", "rename", "pin"], "A snapshot is named by its system; `dr hold ID --until DATE` keeps one longer"),
    ("", &["migrate", "upgrade-repo"], "No repository needs it"),
    ("", &["cache"], "The cache takes care of itself, and may be deleted at any time"),
    (
        "",
        &["self-update", "update", "upgrade"],
        "It does not replace itself: get the newer source and call `cargo xtask install`",
    ),
    (
        "",
        &["server", "serve", "schedule", "cron", "timer", "systemd"],
        "`dr service install` lets systemd or cron call it, and `dr plan next` says what runs when",
    ),
    ("", &["log", "logs", "history", "events", "journal", "notes"], "`dr ledger` shows what happened"),
    ("", &["alerts", "notifications", "acknowledge"], "`dr ack` lists what is open"),
    ("", &["letter", "mail"], "`dr report weekly` shows the letter"),
    (
        "",
        &["disks", "disk", "tape", "rotate"],
        "`dr media due` says which disk moves next, and `dr media --help` what else there is",
    ),
    (
        "",
        &["passwd", "password", "keys", "secret"],
        "`dr init` makes the keys, and `dr key export FILE --for PURPOSE` a restricted one",
    ),
    (
        "",
        &["export"],
        "`dr plan export` writes the policy's table, and `dr key export FILE --for PURPOSE` a restricted key",
    ),
    (
        "",
        &["runbook", "incident", "people"],
        "This version has none for the runbook: the plan names its file, and `dr restore --rehearse` carries restores out",
    ),
    ("", &["version"], "`dr --version` prints it"),
    (
        "",
        &["options", "features", "generate"],
        "`dr --help`; `dr completion SHELL` and `dr manual` write what goes with it",
    ),
    (
        "key",
        &["list", "ls", "add", "remove", "passwd", "revoke", "create", "show"],
        "`dr init` makes the keys, and `dr key export FILE --for PURPOSE` one that can do one thing only; more does not exist yet",
    ),
    (
        "repo",
        &["list", "archives", "snapshot"],
        "`dr repo snapshots URL` lists snapshots, and `dr repo ls URL` what one holds",
    ),
    ("repo", &["run", "save", "archive"], "`dr repo backup URL PATH`"),
    (
        "repo",
        &["create", "new"],
        "`dr repo init URL` makes a repository, and `dr repo backup URL PATH` a snapshot in it",
    ),
    ("repo", &["cat", "show"], "`dr repo dump URL ID PATH` writes a file to standard output"),
    ("repo", &["extract", "recover", "get"], "`dr repo restore URL latest --to DIR`"),
    ("repo", &["search", "grep", "locate"], "`dr repo find URL PATTERN`"),
    ("repo", &["verify", "scrub", "fsck"], "`dr repo check URL`"),
    (
        "repo",
        &["delete", "remove", "rm"],
        "`dr repo forget URL ID` takes a snapshot off the list, and `dr repo erase URL --path P` a file out of all",
    ),
    ("repo", &["compact", "gc", "cleanup"], "`dr repo prune URL`"),
    ("repo", &["rebuild-index", "index", "mend"], "`dr repo repair URL`"),
    ("repo", &["info", "size", "status"], "`dr repo stats URL`"),
    ("repo", &["rewrite"], "`dr repo erase URL --path P`"),
    (
        "repo",
        &["unlock", "break-lock"],
        "There are no locks to remove; where one host alone may write, `dr repo take-over URL` says that this one does",
    ),
    ("repo", &["browse", "umount", "unmount"], "`dr repo mount URL DIR`; Ctrl-C there, or `umount DIR`, ends it"),
    ("repo", &["key", "passwd", "tag", "migrate", "hold"], "This version cannot do that with one repository"),
    (
        "media",
        &["list", "status", "show"],
        "`dr media due` says where each disk goes next, and `dr media history LABEL` where one was",
    ),
    ("media", &["add", "new"], "`dr media register LABEL`, then `dr media init LABEL`"),
    ("media", &["unload", "remove", "unmount"], "`dr media eject LABEL`"),
    ("media", &["insert"], "`dr media load LABEL`"),
    ("plan", &["lint", "validate", "verify", "test"], "`dr plan check`"),
    (
        "plan",
        &["init", "create", "edit"],
        "`dr plan new` writes one; a text editor changes it, and `dr plan check` says what is wrong",
    ),
    ("plan", &["list"], "`dr plan show`"),
    (
        "service",
        &["status", "start", "stop", "enable", "disable"],
        "`dr service install` switches it on, `dr service uninstall` off, and `dr doctor` says whether it is called",
    ),
    ("report", &["daily", "monthly", "letter"], "`dr report weekly`"),
    ("report", &["evidence", "rehearsal"], "`dr restore --rehearse` writes the evidence"),
];

/// The same for options and words after a command; at level `*` for every command.
const ARGUMENTS: &[Argument] = &[
    (
        &["init"],
        &["-r", "--repo", "--repository"],
        "With a plan, `dr init` makes its targets' repositories; without, `dr repo init URL` makes one",
    ),
    (
        &["forget"],
        &[
            "--keep-last",
            "--keep-hourly",
            "--keep-daily",
            "--keep-weekly",
            "--keep-monthly",
            "--keep-yearly",
            "--keep-within",
            "--keep-tag",
            "-d",
            "-w",
        ],
        "It goes by `retention` in the plan; without a plan, `dr repo forget URL --keep-daily 7`",
    ),
    (&["forget"], &["--prune"], "`dr prune` gives the room back afterwards"),
    (&["repo forget"], &["--prune"], "`dr repo prune URL` gives the room back afterwards"),
    (
        &["prune", "repo prune"],
        &["--max-unused", "--repack-small", "--max-repack-size"],
        "It decides by itself which packs are worth it, and --dry-run says why",
    ),
    (
        &["check"],
        &["--read-data-subset"],
        "--budget 30m or --budget 10GiB reads a part, what nobody has read for longest",
    ),
    (&["repair"], &["index", "packs", "snapshots"], "It mends all of that"),
    (&["run"], &["-n", "--dry-run"], "`dr plan next` says what runs when and why"),
    (
        &["run"],
        &["-e", "--exclude", "--one-file-system", "-x", "--tag", "--host", "--files-from", "--compression"],
        "What is left out is said in the plan; without a plan, `dr repo backup URL PATH --exclude GLOB`",
    ),
    (
        &["run"],
        &["-t", "--target"],
        "A run makes every copy that the plan wants of a system; `dr copy --from TARGET --to TARGET` copies what one target lacks",
    ),
    (&["snapshots"], &["--latest", "--last"], "The newest come first"),
    (&["snapshots"], &["--tag", "--host", "-H", "--path"], "`dr snapshots SYSTEM` lists one system's"),
    (&["status"], &["--system", "--target"], "It shows every system and its copies"),
    (&["restore"], &["-t", "--destination", "--output"], "--to DIR says where to"),
    (&["restore"], &["-i", "--include"], "--path P restores only this, `dr find PATTERN` says where it is"),
    (&["restore", "repo restore"], &["--verify"], "Every byte is verified as it is read"),
    (&["restore"], &["--date", "--time", "--before"], "--as-of yesterday takes the newest snapshot of then"),
    (&["repo restore"], &["-t", "--target", "--destination", "--output"], "--to DIR says where to"),
    (&["repo restore"], &["-i", "--include"], "--path P restores only this"),
    (&["ls", "repo ls"], &["-l", "--long", "--recursive", "-R"], "It lists everything with sizes and times as it is"),
    (
        &["*"],
        &["-r", "--repo", "--repository"],
        "`dr repo COMMAND URL` works on one repository by its address, without a plan",
    ),
    (
        &["*"],
        &["-p", "--password-file", "--password-command"],
        "DR_PASSWORD_FILE or DR_PASSWORD_COMMAND say where a repository's password comes from",
    ),
    (&["*"], &["--no-lock", "--retry-lock"], "Nothing waits for a lock"),
    (&["*"], &["-n"], "--dry-run, where there is something to try"),
    (&["*"], &["--reason", "--why"], "--because TEXT, where a reason is kept"),
    (&["*"], &["-y", "--force", "--assume-yes"], "--yes answers what a command asks"),
    (&["*"], &["--date", "--now-is"], "--at TIME decides as if it were that time"),
];

/// What to type instead of a command that there is not.
pub fn command(level: &str, word: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(of, words, _)| *of == level && words.contains(&word)).map(|(.., answer)| *answer)
}

/// What to type instead of an option or a word after a command.
pub fn argument(level: &str, word: &str) -> Option<&'static str> {
    let is = |(of, words, _): &&Argument, level: &str| of.contains(&level) && words.contains(&word);
    let found = ARGUMENTS.iter().find(|one| is(one, level)).or_else(|| ARGUMENTS.iter().find(|one| is(one, "*")));
    found.map(|(.., answer)| *answer)
}

/// Every answer.
#[cfg(test)]
pub fn all() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|(.., answer)| *answer).chain(ARGUMENTS.iter().map(|(.., answer)| *answer))
}

/// Every word for a command, with its level.
#[cfg(test)]
pub fn commands() -> impl Iterator<Item = (&'static str, &'static str)> {
    COMMANDS.iter().flat_map(|(level, words, _)| words.iter().map(move |word| (*level, *word)))
}
