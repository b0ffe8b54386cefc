//! Sealed, deduplicated snapshots on a store: backup, restore, check
