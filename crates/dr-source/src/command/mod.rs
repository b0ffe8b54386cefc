//! How what a program of the plan writes to its output is a system: kept whole under one name, or not at all.

pub(crate) mod driver;
