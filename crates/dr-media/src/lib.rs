//! Custody: where each medium is, who carries it, which moves are due
