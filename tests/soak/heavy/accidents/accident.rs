//! What can happen to a small school in one night, how it is put right, and which words may be said because of it.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::Weekday;

use super::school::{DISKS, FILES, Hurt, NAMES, SYSTEMS, School, TARGETS, copied};
use crate::ground::Luck;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Unmounted,
    Deleted,
    Emptied,
    /// An older state of it was put back.
    Older,
    /// A link to the other target stands where it was.
    Linked,
    /// It was moved onto the other one's device, and mounted from there.
    Moved,
    Swapped,
    LeftIn,
    SlotEmpty,
    PacksDeleted,
    PacksRotten,
    /// One of two folders is empty.
    PartlyEmpty,
    SourceUnmounted,
    SourceDamaged,
    ClockAhead,
    ClockBehind,
    AtTyped,
    /// The ledger lost its end.
    StateCut,
    /// The state of some days ago stands where today's was.
    StateOld,
    Killed,
    StrayLog,
    Leaves,
}

use Kind::*;

pub const KINDS: [Kind; 22] = [
    Unmounted,
    Deleted,
    Emptied,
    Older,
    Linked,
    Moved,
    Swapped,
    LeftIn,
    SlotEmpty,
    PacksDeleted,
    PacksRotten,
    PartlyEmpty,
    SourceUnmounted,
    SourceDamaged,
    ClockAhead,
    ClockBehind,
    AtTyped,
    StateCut,
    StateOld,
    Killed,
    StrayLog,
    Leaves,
];

/// Where an accident is: no two at one time are in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Area {
    Target(&'static str),
    Everywhere,
    Disk,
    Source(&'static str),
    Host,
    People,
}

/// One line of the diary.
#[derive(Debug, Clone)]
pub struct Accident {
    pub kind: Kind,
    pub area: Area,
    /// The server that it is about; a whole target is about both.
    pub server: usize,
    /// The first day on which it is so.
    pub from: i64,
    /// The day on whose morning it is put right.
    pub until: i64,
    /// Which of several ways it happens.
    pub way: u64,
    pub told: bool,
    pub over: bool,
}

impl Accident {
    /// What may happen on this morning, if there is room for it beside what is so already.
    pub fn draw(kinds: &[Kind], day: i64, school: &School, present: &[Accident], luck: &mut Luck) -> Option<Self> {
        let kind = kinds[luck.below(kinds.len() as u64) as usize];
        let target = TARGETS[luck.below(2) as usize];
        let (mut server, way, lasts) = (luck.below(2) as usize, luck.below(1 << 20), 1 + luck.below(3) as i64);
        let system = SYSTEMS[luck.below(3) as usize];
        let friday = school.weekday(day) == Weekday::Friday;
        // The disk moves on Fridays; an accident with it is over by then.
        let to_friday = (1..=7).find(|ahead| school.weekday(day + ahead) == Weekday::Friday).unwrap();
        let (area, until) = match kind {
            Unmounted | Deleted | Emptied | Older => (Area::Target(target), day + lasts),
            Linked | Moved => (Area::Target("offsite"), day + lasts),
            StrayLog => (Area::Target(target), day + lasts),
            PacksDeleted | PacksRotten if way.is_multiple_of(3) => (Area::Everywhere, day + lasts),
            PacksDeleted | PacksRotten => (Area::Target(target), day + lasts),
            Swapped | SlotEmpty if friday || school.slot.is_none() => return None,
            Swapped | SlotEmpty => (Area::Disk, day + lasts.min(to_friday)),
            LeftIn if !friday || school.slot.is_none() => return None,
            LeftIn => (Area::Disk, day + lasts),
            PartlyEmpty => (Area::Source("lessons"), day + lasts),
            SourceUnmounted | SourceDamaged => (Area::Source(system.1), day + lasts),
            ClockAhead | ClockBehind | AtTyped | Killed => (Area::Host, day + 1),
            StateCut | StateOld => (Area::Host, day + lasts),
            Leaves => (Area::People, day + lasts),
        };
        match kind {
            PartlyEmpty => server = FILES,
            SourceUnmounted | SourceDamaged => server = system.0,
            Swapped | SlotEmpty | LeftIn => server = FILES,
            _ => {}
        }
        let records = |kind: Kind| matches!(kind, StateCut | StateOld);
        let fits = |other: &&Accident| {
            let meets = other.area == area
                || other.area == Area::Everywhere
                || (area == Area::Everywhere && matches!(other.area, Area::Target(_) | Area::Disk | Area::Source(_)))
                // What the record lost may be where the disk is.
                || (records(kind) && other.area == Area::Disk)
                || (area == Area::Disk && records(other.kind));
            meets && day <= other.settled()
        };
        let crowded = present.iter().filter(|other| day <= other.until).count() >= 2;
        if crowded || present.iter().any(|other| fits(&other)) || (kind == Leaves && school.leaves.is_some()) {
            return None;
        }
        // Nothing to cut or to put back on the first days.
        let image = format!("images/{target}-{}", NAMES[server]);
        if matches!(kind, Older | StateOld) && !school.ground.path(&image).join("repo.json").exists() {
            return None;
        }
        Some(Self { kind, area, server, from: day, until, way, told: false, over: false })
    }

    /// The day after whose round all must be as if nothing had been.
    pub fn settled(&self) -> i64 {
        self.until + 2
    }

    /// The last day after whose round a copy need not be whole yet: nobody has to mend packs for the next runs to store
    /// what is missing.
    pub fn excuses_to(&self) -> i64 {
        match self.kind {
            PacksDeleted | PacksRotten => self.from,
            _ => self.until,
        }
    }

    /// Whether it is about this server.
    pub fn meets(&self, server: usize) -> bool {
        match (&self.area, self.kind) {
            (Area::Target(_), Unmounted | Linked | Moved) | (Area::People, _) => true,
            (Area::Everywhere, _) => true,
            _ => self.server == server,
        }
    }

    /// Whether what lies on this target or disk of a server may not be whole because of it.
    pub fn disturbs(&self, server: usize, system: &str, target: &str) -> bool {
        self.meets(server)
            && match &self.area {
                Area::Target(mine) => *mine == target,
                Area::Disk => target == "disks",
                Area::Source(mine) => *mine == system,
                Area::Everywhere | Area::Host => true,
                Area::People => false,
            }
    }

    /// Notes that the disk in the server is damaged too, if it is.
    fn hurts(&self, school: &mut School) {
        if self.area == Area::Everywhere && self.server == FILES {
            school.hurt.extend(school.slot.map(|disk| (disk, Hurt::default())));
        }
    }

    fn folders(&self, school: &School) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        match self.area {
            Area::Target(target) => folders.push(school.place(self.server, target, None)),
            _ => {
                for target in TARGETS {
                    folders.push(school.place(self.server, target, None));
                }
                if self.server == FILES
                    && let Some(disk) = school.slot
                {
                    folders.push(school.place(FILES, "disks", Some(&format!("disk-{}", disk + 1))));
                }
            }
        }
        folders
    }

    /// Makes it so, and says what was done.
    pub fn happen(&mut self, school: &mut School, luck: &mut Luck) -> String {
        let ground = |name: &str| school.ground.path(name);
        let (name, target) = (NAMES[self.server], self.target());
        match self.kind {
            Unmounted => {
                fs::rename(ground(target), ground(&format!("{target}.away"))).unwrap();
                fs::create_dir(ground(target)).unwrap();
                school.devices();
                format!("{target} is not mounted, its folder is there and empty")
            }
            Deleted => {
                fs::remove_dir_all(ground(target).join(name)).unwrap();
                format!("{target}/{name} is deleted")
            }
            Emptied => {
                emptied(&ground(target).join(name));
                format!("{target}/{name} is emptied")
            }
            Older => {
                let folder = ground(target).join(name);
                fs::rename(&folder, ground(&format!("{target}.newest"))).unwrap();
                copied(&ground(&format!("images/{target}-{name}")), &folder);
                format!("{target}/{name} is put back as it was some days ago")
            }
            Linked => {
                fs::rename(ground("offsite"), ground("offsite.away")).unwrap();
                std::os::unix::fs::symlink(ground("nas"), ground("offsite")).unwrap();
                school.devices();
                "offsite is a link to nas".into()
            }
            Moved => {
                school.moved = true;
                school.devices();
                "offsite is moved onto the device of nas and mounted from there".into()
            }
            Swapped => {
                let (was, other) = (school.slot.unwrap(), (school.slot.unwrap() + 1) % DISKS);
                school.plug(Some(other));
                format!("disk-{} is plugged in instead of disk-{}, and nobody was told", other + 1, was + 1)
            }
            // The life itself takes the disk away in words only.
            LeftIn => "the disk is taken away in words, and stays plugged in".into(),
            SlotEmpty => {
                let was = school.slot.unwrap();
                school.plug(None);
                format!("disk-{} is pulled out, and nobody was told", was + 1)
            }
            PacksDeleted => {
                let (mut said, mut touched) = (Vec::new(), 0);
                self.hurts(school);
                for folder in self.folders(school) {
                    let packs = packs(&folder);
                    let all = self.way.is_multiple_of(2);
                    let those = packs.len() * usize::from(all) + usize::from(!all && !packs.is_empty());
                    let start = luck.below(packs.len() as u64) as usize;
                    for pack in packs.iter().cycle().skip(start).take(those) {
                        if those == 1 {
                            said.push(self.short(school, pack));
                        }
                        let _ = fs::remove_file(pack);
                    }
                    touched += those;
                    said.push(format!("{} of {} in {}", those, packs.len(), self.short(school, &folder)));
                }
                // A repository that was founded just now has none.
                self.told = touched == 0;
                format!("packs are deleted: {}", said.join(", "))
            }
            PacksRotten => {
                let (mut said, mut touched) = (Vec::new(), 0);
                self.hurts(school);
                for folder in self.folders(school) {
                    let packs = packs(&folder);
                    let all = self.way.is_multiple_of(2);
                    let those = packs.len() * usize::from(all) + usize::from(!all && !packs.is_empty());
                    let start = luck.below(packs.len() as u64) as usize;
                    for pack in packs.iter().cycle().skip(start).take(those) {
                        rot(pack, self.way % 5 < 3, luck);
                    }
                    touched += those;
                    said.push(format!("{} of {} in {}", those, packs.len(), self.short(school, &folder)));
                }
                // A repository that was founded just now has none.
                self.told = touched == 0;
                format!("packs are rotten: {}", said.join(", "))
            }
            PartlyEmpty => {
                aside(&ground("files/srv/lessons"), &ground("lessons.away"));
                "of two folders of lessons one is empty".into()
            }
            SourceUnmounted => {
                for folder in source(self.system()) {
                    aside(&ground(folder), &ground(&format!("{}.away", folder.replace('/', "-"))));
                }
                format!("the source of {} is not there", self.system())
            }
            SourceDamaged => {
                for folder in source(self.system()) {
                    copied(&ground(folder), &ground(&format!("{}.good", folder.replace('/', "-"))));
                    scrambled(&ground(folder), luck);
                }
                format!("the source of {} is scrambled", self.system())
            }
            ClockAhead | ClockBehind => {
                let days = [2, 3, 9, 40, 400, 1300][(self.way % 6) as usize];
                let days = if self.kind == ClockAhead { days } else { -days };
                school.skew[self.server] = days;
                format!("the clock of {name} is wrong by {days} days")
            }
            AtTyped => {
                let at = school.moment(self.from, 12, 0);
                let typed = ["2062-09-07T12:00:00Z", "2028-01-01T12:00:00Z"][(self.way % 2) as usize];
                let ended = school.dr(self.server, at, &["--at", typed, "run"]);
                format!("--at {typed} is typed on {name}, and ended with {:?}", ended.code)
            }
            StateCut => {
                let path = ground(&format!("{name}/state/ledger.jsonl"));
                let text = fs::read_to_string(&path).unwrap();
                let lines: Vec<&str> = text.split_inclusive('\n').collect();
                // While a target cannot be reached, no further back than to where another one was founded again: the rest would
                // take that for a stranger, and no copy could tell.
                let away = |target: &&str| !school.place(self.server, target, None).join("repo.json").exists();
                let founded = |line: &&str| line.contains("\"type\":\"initialised\"");
                let founded = lines.iter().rposition(founded).filter(|_| TARGETS.iter().any(away));
                let keep = lines.len().saturating_sub(2 + (self.way % 40) as usize).max(founded.map_or(1, |n| n + 2));
                let keep = keep.min(lines.len());
                fs::write(&path, lines[..keep].concat()).unwrap();
                // What happened after the newest backup is held by nothing: decision 0032.
                self.told = keep >= held(&lines);
                let unseen = if self.told { ", of which no copy knows" } else { "" };
                format!("the ledger of {name} lost {} lines of {}{unseen}", lines.len() - keep, lines.len())
            }
            StateOld => {
                copied(&ground(&format!("images/state-{name}")), &ground(&format!("{name}/state")));
                format!("the state of {name} is that of some days ago")
            }
            Killed => format!("the round of {name} is killed"),
            StrayLog => {
                let log = ground(target).join(name).join("log");
                let stray = log.join(STRAY[(self.way % 2) as usize]);
                let bytes = if self.way % 4 < 2 { Vec::new() } else { luck.noise(300) };
                fs::write(&stray, bytes).unwrap();
                format!("a stray file in {}", self.short(school, &stray))
            }
            Leaves => {
                school.leaves = Some((school.date(self.from + 2), false));
                school.plans();
                "J. Oak, who leads IT, leaves in two days".into()
            }
        }
    }

    /// What people do about it on its last morning.
    pub fn put_right(&self, school: &mut School) {
        let ground = |name: &str| school.ground.path(name);
        let (name, target, at) = (NAMES[self.server], self.target(), school.moment(self.until, 8, 0));
        match self.kind {
            Unmounted => {
                let _ = fs::remove_dir_all(ground(target));
                fs::rename(ground(&format!("{target}.away")), ground(target)).unwrap();
                school.devices();
            }
            Deleted | Emptied => {
                // An empty target is founded again by whoever was told that it is gone.
                let said = school.dr(self.server, at, &["init", "--new-target", target]);
                if said.code != Some(0) {
                    let _ = school.dr(self.server, at, &["init"]);
                }
            }
            Older => {
                let (folder, newest) = (ground(target).join(name), ground(&format!("{target}.newest")));
                fs::remove_dir_all(&folder).unwrap();
                fs::rename(newest, folder).unwrap();
                school.settles(self.server, target, at);
            }
            Linked => {
                fs::remove_file(ground("offsite")).unwrap();
                fs::rename(ground("offsite.away"), ground("offsite")).unwrap();
                school.devices();
            }
            Moved => {
                school.moved = false;
                school.devices();
            }
            // The disk that the ledger calls loaded comes back.
            Swapped => school.plug(Some((school.slot.unwrap() + DISKS - 1) % DISKS)),
            PartlyEmpty => back(&ground("lessons.away"), &ground("files/srv/lessons")),
            SourceUnmounted => {
                for folder in source(self.system()) {
                    back(&ground(&format!("{}.away", folder.replace('/', "-"))), &ground(folder));
                }
            }
            SourceDamaged => {
                for folder in source(self.system()) {
                    let good = ground(&format!("{}.good", folder.replace('/', "-")));
                    removed(&ground(folder));
                    fs::rename(good, ground(folder)).unwrap();
                }
            }
            ClockAhead | ClockBehind => school.skew[self.server] = 0,
            StrayLog => {
                let log = ground(target).join(name).join("log");
                let _ = fs::remove_file(log.join(STRAY[(self.way % 2) as usize]));
            }
            Leaves => {
                let day = school.leaves.map(|(day, _)| day);
                school.leaves = day.map(|day| (day, true));
                school.plans();
            }
            PacksDeleted | PacksRotten => {
                let targets = if self.area == Area::Everywhere { &TARGETS[..] } else { &[target][..] };
                for target in targets {
                    let _ = school.with_key(self.server, at, &["repair", target]);
                }
                if self.area == Area::Everywhere && self.server == FILES {
                    school.mends_disk(self.until, at);
                }
            }
            StateCut | StateOld => {
                let misfits = school.misfits(self.server, at);
                if let Some(newest) = misfits.iter().filter_map(|misfit| misfit["entry"].as_u64()).max() {
                    school.accepts(self.server, at, &newest.to_string());
                }
                // A ledger from before a target was founded again takes today's for a stranger, and asks to be told.
                for target in TARGETS.iter().filter(|target| school.holds_another(self.server, target, at)) {
                    let _ = school.with_key(self.server, at, &["init", "--new-target", target]);
                }
                if self.server == FILES {
                    school.told_again(at);
                }
            }
            SlotEmpty | LeftIn | AtTyped | Killed => {}
        }
    }

    fn target(&self) -> &'static str {
        match self.area {
            Area::Target(target) => target,
            _ => "nas",
        }
    }

    pub fn system(&self) -> &'static str {
        match self.area {
            Area::Source(system) => system,
            _ => "",
        }
    }

    fn short(&self, school: &School, path: &Path) -> String {
        path.strip_prefix(school.ground.path("")).unwrap_or(path).display().to_string()
    }

    /// Whether a finding or alert of this name on this server may be its doing.
    pub fn explains(&self, server: usize, key: &str) -> bool {
        let (about, rule) = key.rsplit_once('/').unwrap_or(("", key));
        let of_system = SYSTEMS.iter().any(|(_, system)| *system == about);
        self.meets(server)
            && match &self.area {
                Area::People => matches!(rule, "leaver" | "lead" | "custodian" | "people" | "plan" | "rotation"),
                Area::Source(mine) => about == *mine || about == "school" && rule == "suspicious",
                // What is wrong with the disk costs its copies, and its turn.
                Area::Disk => of_system || about.starts_with("disk") || about == "school" && rule == "copies",
                Area::Target(target) => {
                    let class = if *target == "nas" { "onsite" } else { target };
                    let of_all = about == "school" && !["ledger", "clock", "runbook", "custodian"].contains(&rule);
                    of_system || [*target, class, "record"].contains(&about) || of_all
                }
                Area::Host if self.kind == Killed => matches!(rule, "killed" | "failed" | "late" | "rpo"),
                Area::Everywhere | Area::Host => true,
            }
    }

    /// The rules of which one at least must be told of it.
    pub fn rules(&self) -> &'static [&'static str] {
        match self.kind {
            Unmounted | Deleted | Emptied | Older => &["gone"],
            Linked => &["same-device", "gone"],
            Moved => &["same-device"],
            Swapped | SlotEmpty | LeftIn => &["sight"],
            PacksDeleted | PacksRotten => &["damaged"],
            PartlyEmpty | SourceUnmounted => &["suspicious"],
            SourceDamaged => &["suspicious", "failed", "complete"],
            ClockAhead | ClockBehind => &["clock"],
            StateCut | StateOld => &["ledger"],
            StrayLog => &["log", "damaged"],
            Leaves => &["leaver"],
            // Told by the command itself.
            AtTyped | Killed => &[],
        }
    }

    /// What a round may say instead, to whoever reads what it prints: the name of a file that holds nothing up.
    pub fn named(&self) -> Option<&'static str> {
        (self.kind == StrayLog).then(|| STRAY[(self.way % 2) as usize])
    }

    /// How many nights it may take until it is told: the clock that is ahead shows when it is right again.
    pub fn nights(&self) -> i64 {
        match self.kind {
            ClockAhead => 1,
            _ => 0,
        }
    }
}

/// Up to which of its lines the copies know a ledger: its end when the newest run began that stored something, or the
/// newest sealed state was made.
fn held(lines: &[&str]) -> usize {
    let (mut begun, mut held) = (0, 0);
    for (line, n) in lines.iter().zip(1..) {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let event = &entry["body"]["event"];
        let done = |copy: &serde_json::Value| copy["outcome"] == "done";
        match event["type"].as_str() {
            Some("run-started") => begun = n,
            Some("run-finished") if event["copies"].as_array().is_some_and(|all| all.iter().any(done)) => held = begun,
            Some("state-sealed") => held = event["through"].as_u64().map_or(held, |n| n as usize).max(held),
            _ => {}
        }
    }
    held
}

/// Numbers that no log has come to.
const STRAY: [&str; 2] = ["8000000000000000", "00000000ffffffff"];

/// What the sources of a system are.
fn source(system: &str) -> &'static [&'static str] {
    match system {
        "office" => &["files/srv/office"],
        "lessons" => &["files/srv/lessons", "files/srv/films"],
        _ => &["mis/srv/mis.db"],
    }
}

fn emptied(folder: &Path) {
    fs::remove_dir_all(folder).unwrap();
    fs::create_dir(folder).unwrap();
}

fn removed(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap()
    } else {
        let _ = fs::remove_file(path);
    }
}

/// Away, with an empty folder in its place.
fn aside(path: &Path, away: &Path) {
    let folder = path.is_dir();
    fs::rename(path, away).unwrap();
    if folder {
        fs::create_dir(path).unwrap();
    }
}

fn back(away: &Path, path: &Path) {
    removed(path);
    fs::rename(away, path).unwrap();
}

/// All contents are other ones, as after an attack; names and sizes stay.
fn scrambled(path: &Path, luck: &mut Luck) {
    let files: Vec<PathBuf> = match path.is_dir() {
        true => super::school::tree(path).keys().map(|name| path.join(name)).collect(),
        false => vec![path.to_owned()],
    };
    for file in files {
        let length = fs::metadata(&file).unwrap().len() as usize;
        fs::write(&file, luck.noise(length)).unwrap();
    }
}

/// What holds what was stored.
pub fn packs(repository: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    for folder in ["data", "meta"] {
        let folder = repository.join(folder);
        all.extend(super::school::tree(&folder).keys().map(|name| folder.join(name)));
    }
    // Their names are drawn again each time; the order in which they were written is the same for the same seed.
    let age = |pack: &PathBuf| fs::metadata(pack).and_then(|pack| pack.modified()).unwrap();
    all.sort_by_key(|pack| (age(pack), pack.clone()));
    all
}

/// Overwritten in part or whole; its length stays.
fn rot(pack: &Path, whole: bool, luck: &mut Luck) {
    use std::os::unix::fs::PermissionsExt as _;
    let mut bytes = fs::read(pack).unwrap();
    let length = bytes.len();
    if whole {
        bytes = luck.noise(length);
    } else {
        bytes[length / 3] ^= 0x55;
    }
    fs::set_permissions(pack, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(pack, bytes).unwrap();
}
