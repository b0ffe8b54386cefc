//! The append-only record of what happened, and questions about it
