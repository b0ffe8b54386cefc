//! What is called how, in a room and in its folder, and who is in it?

/// The word by which `dr` is told to enter a room; no person types it.
pub const ENTER: &str = "in-a-room";
/// What is said once the room stands, where no program is to be run.
pub(super) const STANDS: &str = "the room stands";
/// The account in every room, and outside of it where root makes one.
pub(super) const NOBODY: u32 = 65_534;
/// Where scratch is inside.
pub const SCRATCH: &str = "/scratch";
/// What of a room's folder is scratch inside.
pub(super) const WORK: &str = "work";
/// Where the root of a room is mounted, in the room's own view of the machine.
pub(super) const ROOT: &str = "root";
/// Here every room is noted until it has ended.
pub(super) const FIRSTS: &str = "firsts";
