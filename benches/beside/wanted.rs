//! What is to be measured: the words of the command line.

use std::path::PathBuf;

use dr_sample::sets::Set;

/// One tree to back up.
pub struct Data {
    pub name: String,
    pub set: Set,
    /// An existing tree, of which a copy is taken.
    pub from: Option<PathBuf>,
}

pub struct Wanted {
    pub data: Vec<Data>,
    pub mib: u64,
    pub reps: usize,
    pub seed: u64,
    pub dr: PathBuf,
    pub work: PathBuf,
    pub out: Option<PathBuf>,
}

const USAGE: &str = "options: --sets source,mixed,dump,image,small,empty  --mib N  --tree DIR  --reps N  --seed N  \
                     --dr PATH  --work DIR  --out FILE";

const SETS: [(&str, Set); 6] = [
    ("source", Set::SourceTree),
    ("mixed", Set::Mixed),
    ("dump", Set::Dump),
    ("image", Set::Image),
    ("small", Set::ManySmall),
    ("empty", Set::ManyEmpty),
];

impl Wanted {
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut wanted = Self {
            data: Vec::new(),
            mib: 256,
            reps: 3,
            seed: 1,
            dr: PathBuf::from("target/release/dr"),
            work: std::env::temp_dir(),
            out: None,
        };
        let (mut names, mut trees) = (None, Vec::new());
        while let Some(word) = words.next() {
            let value = words.next().ok_or(USAGE)?;
            let number = || value.parse().map_err(|_| format!("{word} {value}: not a number"));
            match word.as_str() {
                "--sets" => names = Some(value),
                "--tree" => trees.push(value),
                "--mib" => wanted.mib = number()?,
                "--reps" => wanted.reps = number()?.max(1) as usize,
                "--seed" => wanted.seed = number()?,
                "--dr" => wanted.dr = value.into(),
                "--work" => wanted.work = value.into(),
                "--out" => wanted.out = Some(value.into()),
                _ => return Err(USAGE.into()),
            }
        }
        // Given trees are all that is measured, unless sets are named too.
        let names = names.unwrap_or_else(|| if trees.is_empty() { "source,mixed".into() } else { String::new() });
        for tree in trees {
            let from = PathBuf::from(tree);
            let name = from.file_name().map_or("tree".into(), |name| name.to_string_lossy().into_owned());
            wanted.data.push(Data { name, set: Set::SourceTree, from: Some(from) });
        }
        for name in names.split(',').filter(|name| !name.is_empty()) {
            let set = SETS.iter().find(|set| set.0 == name).ok_or(format!("no set is called {name}; {USAGE}"))?;
            wanted.data.push(Data { name: format!("{name}, {} MiB", wanted.mib), set: set.1, from: None });
        }
        Ok(wanted)
    }
}
