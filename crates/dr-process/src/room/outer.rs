//! The first of two processes that make a room: gives up what it may, makes the namespaces, and waits for the room's end.

use std::fs;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};

use rustix::process::{
    DumpableBehavior, Gid, Signal, Uid, getegid, geteuid, getppid, set_dumpable_behavior,
    set_parent_process_death_signal,
};
use rustix::thread::{
    CapabilitySet, UnshareFlags, capabilities, configure_capability_in_ambient_set, set_capabilities,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::layout::{ENTER, FIRSTS, NOBODY};
use super::maps;
use super::way::Way;
use super::words::{RoomStage, Words};

/// What the second process needs of the rights that a user namespace gives: to mount, to bring up the loopback, and to give
/// up rights.
const TAKEN_ALONG: [CapabilitySet; 3] = [CapabilitySet::SYS_ADMIN, CapabilitySet::NET_ADMIN, CapabilitySet::SETPCAP];

#[expect(clippy::disallowed_methods, reason = "this crate is the one place where programs are started")]
pub(super) fn enter(words: Words) -> Result<u8, String> {
    let told = |what: &'static str| move |why: rustix::io::Errno| format!("{what}: {why}");
    rustix::process::chdir(&words.folder).map_err(told("its folder cannot be entered"))?;
    if words.way == Way::Users && maps::becomes_nobody() {
        become_nobody().map_err(told("root cannot become nobody"))?;
    }
    if words.way == Way::Root && !geteuid().is_root() {
        return Err("that takes root".to_owned());
    }
    // Not before: it is forgotten when the account changes.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(told("it would outlive dr"))?;
    let parent = getppid().map_or(0, |parent| parent.as_raw_nonzero().get().unsigned_abs());
    if parent != words.parent {
        return Err("who asked for it is gone".to_owned());
    }
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    let all =
        UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    if words.way == Way::Users {
        unshare(UnshareFlags::NEWUSER).map_err(told("no user namespace"))?;
        // Groups are given by nobody but root outside, unless nobody inside can give up one that forbids something.
        write("/proc/self/setgroups", "deny")?;
        write("/proc/self/gid_map", &format!("{NOBODY} {group} 1"))?;
        write("/proc/self/uid_map", &format!("{NOBODY} {user} 1"))?;
    }
    unshare(all).map_err(told("no namespaces"))?;
    if words.way == Way::Users {
        taken_along().map_err(told("no rights in its own namespaces"))?;
    }
    let inner = Words { stage: RoomStage::Inner, parent: std::process::id(), ..words };
    let mut child = Command::new("/proc/self/exe")
        .arg(ENTER)
        .args(inner.written())
        .stdin(Stdio::inherit())
        .process_group(0)
        .spawn()
        .map_err(|why| format!("the second process does not start: {why}"))?;
    let note = format!("{FIRSTS}/{}", child.id());
    let noted = fs::write(&note, "");
    let ended = child.wait().map_err(|why| format!("nobody knows how it ended: {why}"))?;
    if noted.is_ok() {
        let _ = fs::remove_file(&note);
    }
    let signal = ended.signal().and_then(|signal| u8::try_from(signal).ok()).unwrap_or(0);
    Ok(ended.code().map_or(128 | signal, |code| u8::try_from(code).unwrap_or(1)))
}

/// There is one thread yet, and no descriptors are parted from any.
#[expect(
    deprecated,
    reason = "the call that takes its place is unsafe for the sake of a flag that is never given here"
)]
fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    rustix::thread::unshare(flags)
}

fn become_nobody() -> rustix::io::Result<()> {
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    // What belongs to this process in /proc would be root's else.
    set_dumpable_behavior(DumpableBehavior::Dumpable)
}

/// An account that is not root keeps none of its rights in a program that it starts, unless it says so.
fn taken_along() -> rustix::io::Result<()> {
    let mut sets = capabilities(None)?;
    sets.inheritable = TAKEN_ALONG.into_iter().collect();
    set_capabilities(None, sets)?;
    TAKEN_ALONG.into_iter().try_for_each(|one| configure_capability_in_ambient_set(one, true))
}

fn write(file: &str, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|why| format!("{file}: {why}"))
}
