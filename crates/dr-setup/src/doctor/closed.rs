//! Can a rehearsal start what it brings back, in a room that is closed off from the machine? Tried once.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;

use dr_open::Claim;
use dr_process::room::{Room, RoomError, Way};
use dr_run::School;

use super::judge::{Check, could_not, ok};

const ABOUT: &str = "closed room";

/// Makes one in scratch, and takes it away again.
pub fn closed_room(school: &School) -> Check {
    let scratch = school.places.scratch();
    let claim =
        DirBuilder::new().recursive(true).mode(0o700).create(&scratch).and_then(|()| Claim::new(&scratch, "dr-room-"));
    let claim = match claim {
        Ok(claim) => claim,
        Err(why) => return could_not(ABOUT, format!("scratch cannot be written: {why}"), "See to the cache's folder."),
    };
    let folder = claim.path().join("room");
    let room = Room::new(&folder);
    let gone = dr_process::room::close(&folder);
    match (room, gone) {
        (Ok(room), Ok(())) => ok(
            ABOUT,
            match room.way() {
                Way::Users => "rehearsals at L3 can start what they bring back (with a user namespace)",
                Way::Root => "rehearsals at L3 can start what they bring back (with root's rights)",
            },
        ),
        (Err(why @ RoomError::Forbidden(_)), _) => {
            could_not(ABOUT, format!("{why}: rehearsals end at L2"), &next(&|name| fs::read_to_string(name).ok()))
        }
        (Err(why), _) | (Ok(_), Err(why)) => could_not(ABOUT, why.to_string(), "See to the cache's folder."),
    }
}

/// What of the kernel's settings forbids it, as `read` finds them in `/proc/sys`.
fn next(read: &dyn Fn(&str) -> Option<String>) -> String {
    let is = |name: &str, value: &str| read(&format!("/proc/sys/{name}")).is_some_and(|text| text.trim() == value);
    let settings = [
        ("user/max_user_namespaces", "0", "user.max_user_namespaces=10000"),
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
    ];
    let wrong: Vec<&str> =
        settings.iter().filter(|(name, value, _)| is(name, value)).map(|(_, _, better)| *better).collect();
    match wrong.is_empty() {
        false => format!(
            "The kernel is set to forbid user namespaces. As root: `sysctl -w {}`, and write it into /etc/sysctl.d to keep it.",
            wrong.join(" ")
        ),
        true => "Run dr as root, or let its account make user namespaces (in a container: start that with them). Or rehearse on a second machine, with the recovery key.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn the_setting_that_forbids_it_is_the_one_that_is_named() {
        let ubuntu = |name: &str| match name.ends_with("restrict_unprivileged_userns") {
            true => Some("1\n".to_owned()),
            false => Some("63000\n".to_owned()),
        };
        let said = next(&ubuntu);
        assert!(said.contains("apparmor_restrict_unprivileged_userns=0") && !said.contains("max_user"), "{said}");
        assert!(next(&|_| Some("0".to_owned())).contains("user.max_user_namespaces=10000"));
        assert!(next(&|_| None).starts_with("Run dr as root"));
    }
}
