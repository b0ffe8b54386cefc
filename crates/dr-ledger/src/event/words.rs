//! The words that an event may have where only some are possible, as they stand in the file and in every document.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// The word in the file and in every document.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}

words! {
    /// How a run ended.
    RunOutcome {
        /// Everything was stored on every target that was there.
        Done = "done",
        /// Stored, but entries are missing.
        Incomplete = "incomplete",
        /// At least one target has nothing.
        Failed = "failed",
        /// Not attempted.
        Skipped = "skipped",
    }
    /// How one copy ended.
    CopyOutcome {
        /// Stored.
        Done = "done",
        /// Not stored.
        Failed = "failed",
        /// No medium is loaded; somebody is to bring one.
        Awaited = "awaited",
        /// Not attempted.
        Skipped = "skipped",
    }
    /// What was found at the place of a target, or where media of a pool appear.
    PlaceState {
        /// The repository that is known there, or the first one.
        Here = "here",
        /// No repository, though there was one; or the place is not there or cannot be read.
        Gone = "gone",
        /// Another repository than the one that is known.
        Other = "other",
        /// The known repository, but it ends before what this host has seen of it.
        Older = "older",
        /// Something of a repository that does not say which it is.
        Damaged = "damaged",
        /// The medium is nowhere in sight.
        Away = "away",
    }
    /// How thoroughly stored data were looked at.
    CheckKind {
        /// What was just written was read from the device again.
        ReadBack = "read-back",
        /// Sealed objects: each is there and of its length, and those that were read have the digest that they should. What
        /// is in them was not opened.
        Objects = "objects",
        /// Structure: everything that should be there is there.
        Check = "check",
        /// Every byte was read and its hash compared.
        ReadData = "read-data",
    }
    /// How a restore ended.
    RestoreOutcome {
        /// Everything came back.
        Done = "done",
        /// Something is missing.
        Incomplete = "incomplete",
        /// Nothing came back.
        Failed = "failed",
    }
    /// How a rehearsal ended.
    RehearsalVerdict {
        /// It came back and the probes agree.
        Verified = "verified",
        /// It did not.
        Failed = "failed",
        /// Nothing is known.
        CouldNotVerify = "could-not-verify",
        /// Not attempted.
        Skipped = "skipped",
        /// Talked through. Never counts as proof.
        Simulated = "simulated",
    }
    /// What a medium is.
    MediumKind {
        /// A spinning disk.
        Hdd = "hdd",
        /// A solid-state disk.
        Ssd = "ssd",
        /// A USB stick.
        Stick = "stick",
        /// A tape.
        Tape = "tape",
        /// A directory that stands in for a disk, in samples and tests.
        Directory = "directory",
    }
    /// The word at the top of the letter.
    LetterStatus {
        /// All evidence present and in date.
        Green = "green",
        /// Something is over its objective.
        Amber = "amber",
        /// Something is wrong.
        Red = "red",
        /// The evidence is missing.
        NotKnown = "not-known",
    }
    /// What a message is.
    MessageKind {
        /// The weekly letter.
        Letter = "letter",
        /// Something that people must know at once.
        Alert = "alert",
        /// Who is to carry which disk this day.
        Disk = "disk",
        /// An export that somebody is to make.
        Export = "export",
        /// A code by which one person can decide something.
        Code = "code",
        /// A trial.
        Test = "test",
    }
    /// A way by which messages go out.
    ChannelKind {
        /// Mail.
        Smtp = "smtp",
        /// An address that takes JSON.
        Webhook = "webhook",
        /// A program of the school's.
        Command = "command",
    }
    /// How an erasure stands on one copy.
    ErasureState {
        /// Nothing was done yet: the copy could not be reached.
        Pending = "pending",
        /// In no snapshot any more; its bytes go when what is unneeded there is deleted.
        Unlisted = "unlisted",
        /// Its bytes were deleted too.
        Gone = "gone",
        /// Some of it is in snapshots that are held.
        Held = "held",
        /// It could not be done, or not wholly.
        Failed = "failed",
    }
    /// In what the ledger and a copy disagree.
    MisfitKind {
        /// The copy knows entries after the ledger's end: its tail was cut off.
        LedgerEndsBefore = "ledger-ends-before",
        /// The copy knows an entry of that number with another hash: the ledger was rewritten, or an older one went on.
        LedgerDiffers = "ledger-differs",
        /// Snapshots that the ledger says were stored there are not in the copy's log: it was put back or exchanged.
        SnapshotsMissing = "snapshots-missing",
    }
    /// What kind of decision a person took.
    Decision {
        /// Knows of something red.
        Acknowledged = "acknowledged",
        /// Lets something happen.
        Approved = "approved",
        /// Lives with a finding until a date.
        Excepted = "excepted",
    }
}
