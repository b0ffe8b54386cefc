//! How another program is started with an argument list, watched, and ended with all it started.
//!
//! Never a shell: arguments go to the program as they are. Its environment holds what the caller gives and
//! nothing of ours, so no password of ours reaches it unasked. It runs in a process group of its own, which is
//! ended as a whole when time is up. Errors name the program and nothing that was given to it. One that may be hostile
//! runs in a [`room`].

mod event;
mod input;
mod pasted;
mod pipe;
mod program;
pub mod room;
mod stream;
mod streams;

pub use input::Input;
pub use pasted::quoted;
pub use program::{Finished, ProcessError, Program, run};
pub use stream::{Stream, StreamError};
pub use streams::Output;
