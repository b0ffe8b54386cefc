//! What is written down of a database when it is captured: numbers, and names of tables.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::driver::QuestionAnswers;

/// What a rehearsal and a way back are held to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// The server's version, as it numbers it: 150018.
    pub(super) server: u32,
    /// The major version of the program that dumped it.
    pub(super) dumped_by: u32,
    /// How the database encodes text.
    pub(super) encoding: String,
    /// By which rules it sorts text.
    pub(super) collate: String,
    /// By which rules it tells letters.
    pub(super) ctype: String,
    /// The role that it belongs to.
    pub(super) owner: String,
    /// Rows of each table, by its name as SQL has it.
    pub(super) tables: BTreeMap<String, u64>,
    /// Large objects.
    pub(super) large_objects: u64,
    /// Bytes of the dump, known when it had ended.
    pub(super) dump_bytes: u64,
    /// Bytes of the roles.
    pub(super) globals_bytes: u64,
    /// What the questions of the plan were answered in the same moment.
    #[serde(default, skip_serializing_if = "QuestionAnswers::is_empty")]
    pub(super) answers: QuestionAnswers,
}

impl Facts {
    /// All rows.
    pub(super) fn rows(&self) -> u64 {
        self.tables.values().sum()
    }
}
