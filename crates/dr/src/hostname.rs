//! What is this machine called?

/// This machine's name.
pub fn hostname() -> String {
    crate::shown::text(rustix::system::uname().nodename().to_bytes())
}
