//! What unlocking a repository of a hundred snapshots and listing them costs, with a key file and with a password.

use std::fs;
use std::path::Path;

use super::Place;
use super::measure::{Taken, measure};
use super::program::{KEY_FILE, PASSWORD, Program, SECRET};

/// Each list is asked for so often, because the kernel tells processor time in hundredths of a second.
const TIMES: u32 = 5;

/// What one list took.
pub struct Lists {
    pub key_file: Taken,
    pub password: Taken,
}

/// Makes a repository of so many snapshots and lists them.
pub fn list(dr: &Program, work: &Path, snapshots: u32) -> Result<Lists, String> {
    let place = Place::new(&work.join("many"), dr.name);
    let tree = place.top.join("tree");
    fs::create_dir_all(&tree).map_err(|e| e.to_string())?;
    fs::create_dir_all(&place.cache).map_err(|e| e.to_string())?;
    for command in dr.commands("init", &place, &tree) {
        measure(command, false)?;
    }
    for number in 0..snapshots {
        fs::write(tree.join("a.txt"), format!("the register of day {number}\n")).map_err(|e| e.to_string())?;
        for command in dr.commands("backup2", &place, &tree) {
            measure(command, false)?;
        }
    }
    let ask = |with_key: bool| {
        let mut all = Taken::default();
        for _ in 0..TIMES {
            for mut command in dr.commands("list", &place, &tree) {
                if !with_key {
                    command.env_remove(KEY_FILE).env(PASSWORD, SECRET);
                }
                all = all.and(measure(command, false)?);
            }
        }
        Ok::<_, String>(all.divided(TIMES))
    };
    let lists = Lists { key_file: ask(true)?, password: ask(false)? };
    println!("bench: list of {snapshots} with a key file {}", lists.key_file);
    println!("bench: list of {snapshots} with a password {}", lists.password);
    place.remove()?;
    Ok(lists)
}
