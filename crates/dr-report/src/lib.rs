//! Findings and promised beside achieved, printed three ways
