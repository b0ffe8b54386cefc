//! Tables of the awkward days.
