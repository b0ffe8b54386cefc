//! What is to be measured: the words of the command line.

use std::path::PathBuf;

use dr_sample::sets::Set;

/// One tree to back up.
pub struct Data {
    pub name: String,
    pub set: Set,
    /// Existing trees, of which copies are taken; none: it is made.
    pub from: Vec<PathBuf>,
}

pub struct Wanted {
    pub data: Vec<Data>,
    pub mib: u64,
    pub reps: usize,
    pub seed: u64,
    pub dr: PathBuf,
    /// Programs that are not on the search path.
    pub bins: Vec<(String, PathBuf)>,
    /// dr alone.
    pub alone: bool,
    /// How many snapshots a list has.
    pub snapshots: u32,
    pub work: PathBuf,
    pub out: Option<PathBuf>,
    /// The words to repeat it with; no place on this machine is in them.
    pub repeat: String,
}

const USAGE: &str = "options: --sets source,mixed,small,image,dump,empty  --mib N  --tree DIR  --mixed DIR (again for \
                     more)  --reps N  --seed N  --snapshots N  --bin NAME=PATH  --alone  --dr PATH  --work DIR  \
                     --out FILE";

/// Small, so that it is a name in a table; whether it is measured unless sets are named.
const SETS: [(&str, Set, bool); 6] = [
    ("source", Set::SourceTree, true),
    ("mixed", Set::Mixed, true),
    ("small", Set::ManySmall, true),
    ("image", Set::Image, true),
    ("dump", Set::Dump, true),
    ("empty", Set::ManyEmpty, false),
];

impl Wanted {
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut wanted = Self {
            data: Vec::new(),
            mib: 256,
            reps: 3,
            seed: 1,
            dr: PathBuf::from("target/release/dr"),
            bins: Vec::new(),
            alone: false,
            snapshots: 100,
            work: std::env::temp_dir(),
            out: None,
            repeat: "cargo xtask bench".into(),
        };
        let (mut names, mut trees, mut mixed) = (None, Vec::new(), Vec::new());
        while let Some(word) = words.next() {
            if word == "--alone" {
                wanted.alone = true;
                wanted.repeat += " --alone";
                continue;
            }
            let value = words.next().ok_or(USAGE)?;
            let number = || value.parse().map_err(|_| format!("{word} {value}: not a number"));
            match word.as_str() {
                "--mib" | "--reps" | "--seed" | "--snapshots" | "--sets" => {
                    wanted.repeat += &format!(" {word} {value}")
                }
                "--tree" | "--mixed" => wanted.repeat += &format!(" {word} DIR"),
                _ => {}
            }
            match word.as_str() {
                "--sets" => names = Some(value),
                "--tree" => trees.push(PathBuf::from(value)),
                "--mixed" => mixed.push(PathBuf::from(value)),
                "--mib" => wanted.mib = number()?,
                "--reps" => wanted.reps = number()?.max(1) as usize,
                "--seed" => wanted.seed = number()?,
                "--snapshots" => wanted.snapshots = number()? as u32,
                "--bin" => {
                    let (name, path) = value.split_once('=').ok_or(USAGE)?;
                    wanted.bins.push((name.to_owned(), path.into()));
                }
                "--dr" => wanted.dr = value.into(),
                "--work" => wanted.work = value.into(),
                "--out" => wanted.out = Some(value.into()),
                _ => return Err(USAGE.into()),
            }
        }
        let all = || SETS.iter().filter(|set| set.2).map(|set| set.0).collect::<Vec<_>>().join(",");
        for name in names.unwrap_or_else(all).split(',') {
            let set = SETS.iter().find(|set| set.0 == name).ok_or(format!("no set is called {name}; {USAGE}"))?.1;
            // Given trees stand for the set that would have been made.
            let from = match set {
                Set::SourceTree => std::mem::take(&mut trees),
                Set::Mixed => std::mem::take(&mut mixed),
                _ => Vec::new(),
            };
            wanted.data.push(Data { name: name.to_owned(), set, from });
        }
        if trees.is_empty() && mixed.is_empty() {
            Ok(wanted)
        } else {
            Err("--tree is for the set source, --mixed for mixed".into())
        }
    }
}
