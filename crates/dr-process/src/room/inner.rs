//! The second of two processes that make a room, and the first in it: mounts the root, gives up every right, runs the
//! program, and takes everything with it when it ends.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command};

use rustix::process::{
    Gid, Pid, Resource, Rlimit, Signal, Uid, WaitOptions, set_parent_process_death_signal, setrlimit, wait,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::layout::{NOBODY, SCRATCH, STANDS};
use super::way::Way;
use super::words::Words;
use super::{loopback, root};

/// So many processes and threads may be in a room at once: what multiplies without end must not take the machine's numbers.
const TASKS_MAX: u64 = 1_024;

pub(super) fn enter(words: &Words) -> Result<u8, String> {
    let told = |what: &'static str| move |why: rustix::io::Errno| format!("{what}: {why}");
    let (status, mounts) = (read("/proc/self/status")?, read("/proc/self/mountinfo"));
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok());
    root::mounted(&words.also, &words.hidden, &mounts?)?;
    if words.loopback {
        loopback::up().map_err(told("no loopback"))?;
    }
    give_up(words.way).map_err(told("rights are left"))?;
    // Not before: it is forgotten when the account changes.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(told("it would outlive dr"))?;
    if parent != Some(words.parent) {
        return Err("who asked for it is gone".to_owned());
    }
    set_no_new_privs(true).map_err(told("new rights could be had"))?;
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let tasks = Rlimit { current: Some(TASKS_MAX), maximum: Some(TASKS_MAX) };
    setrlimit(Resource::Nproc, tasks).map_err(told("processes cannot be limited"))?;
    rustix::process::chdir(SCRATCH).map_err(told("no scratch"))?;
    run(words)
}

fn read(file: &str) -> Result<String, String> {
    fs::read_to_string(file).map_err(|why| format!("{file}: {why}"))
}

#[expect(clippy::disallowed_methods, reason = "this crate is the one place where programs are started")]
fn run(words: &Words) -> Result<u8, String> {
    let Some((name, args)) = words.program.split_first() else {
        let said = writeln!(std::io::stdout(), "{STANDS}");
        return said.map(|()| 0).map_err(|why| why.to_string());
    };
    let child = Command::new(name).args(args).spawn();
    let child = child.map_err(|why| format!("{} could not be started: {why}", name.display()))?;
    reaped(&child)
}

/// Waits for the program, and meanwhile for all whose parents are gone.
fn reaped(program: &Child) -> Result<u8, String> {
    let program = Pid::from_child(program);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == program => {
                let status = std::process::ExitStatus::from_raw(status.as_raw());
                let signal = status.signal().and_then(|signal| u8::try_from(signal).ok()).unwrap_or(0);
                return Ok(status.code().map_or(128 | signal, |code| u8::try_from(code).unwrap_or(1)));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(why) => return Err(format!("nobody knows how it ended: {why}")),
        }
    }
}

/// From here on nothing can be mounted or changed, and no program that is started gets a right.
fn give_up(way: Way) -> rustix::io::Result<()> {
    for one in CapabilitySet::all().iter() {
        match remove_capability_from_bounding_set(one) {
            // A kernel knows fewer than this program.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(why) => return Err(why),
        }
    }
    clear_ambient_capability_set()?;
    if way == Way::Root {
        let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        set_thread_groups(&[])?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
    }
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}
