//! What was true of a database when it was captured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::driver::QuestionAnswers;

/// Numbers, and names of tables; nothing of what is in them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    /// The server's version, in its own words.
    pub(super) server: String,
    /// The version of the program that wrote the dump.
    pub(super) dumped_by: [u32; 3],
    /// How the database writes text if nobody says otherwise.
    pub(super) charset: String,
    /// By which rules it sorts then.
    pub(super) collation: String,
    /// Rows of each table, counted in the dump.
    pub(super) tables: BTreeMap<String, u64>,
    /// Views, triggers, routines and events that run with the rights of a certain account.
    pub(super) definers: u64,
    /// Tables that are not InnoDB, and so not of the one moment.
    pub(super) outside: u64,
    /// What the questions of the plan were answered just before the moment of the dump.
    #[serde(skip_serializing_if = "QuestionAnswers::is_empty")]
    pub(super) answers: QuestionAnswers,
    /// And just after it.
    #[serde(skip_serializing_if = "QuestionAnswers::is_empty")]
    pub(super) answers_after: QuestionAnswers,
    /// Bytes of the dump.
    pub(super) dump_bytes: u64,
}

impl Facts {
    /// All rows.
    pub(super) fn rows(&self) -> u64 {
        self.tables.values().sum()
    }
}
