//! An invented school and awkward trees: made data for quickstart, tests and benches
