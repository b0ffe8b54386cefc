//! Messages out: how a letter or an alert leaves this host, and what becomes of one that could not.
