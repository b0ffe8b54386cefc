//! One round of everything that is due: what cron, the timer and the daemon call, and what tests live a year with.
