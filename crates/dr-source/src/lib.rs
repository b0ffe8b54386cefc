//! Capture from and put back into each living system
