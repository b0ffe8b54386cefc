//! How a figure is written for people.

/// A figure to two digits behind the point, or none where it is large.
pub fn shown(value: f64) -> String {
    match value {
        value if !value.is_finite() => "–".into(),
        value if value >= 100.0 => format!("{value:.0}"),
        value => format!("{value:.2}"),
    }
}
