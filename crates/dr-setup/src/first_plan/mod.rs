//! How does a school that has nothing yet come to a plan? What is on this machine, eight questions, and the text.
//!
//! Only [`machine`] looks at anything. What is proposed, what an answer means and which text follows are values.

pub mod answers;
pub mod facts;
pub mod machine;
pub mod mounts;
pub mod propose;
pub mod questions;
pub mod written;
