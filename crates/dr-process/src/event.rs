//! What happens to a program while somebody waits for it.

/// What can happen while a program runs.
pub(crate) enum Event {
    /// It ended, and is not reaped yet, so its number cannot belong to anybody else.
    Ended,
    /// One of its two outputs was closed.
    Closed,
    /// A time we set is over.
    TimeUp,
}
