//! Keep everything young enough.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::period::Period;

/// For each time, why it is kept.
pub(super) fn keep(
    times: &[Timestamp],
    within: Option<Period>,
    now: Timestamp,
    zone: &TimeZone,
) -> Vec<Option<String>> {
    let oldest = within.map(|period| (period, period.before(now, zone)));
    times
        .iter()
        .map(|time| oldest.filter(|(_, oldest)| time >= oldest).map(|(period, _)| format!("within {period}")))
        .collect()
}
