//! Run a job, restore, rehearse: the conductor
