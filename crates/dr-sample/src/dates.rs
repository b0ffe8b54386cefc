//! Which day of which month a moment is: plain seconds since 1970 turned into the dates that documents carry.
//!
//! All dates are UTC; nothing made here depends on a time zone.

pub(crate) const DAY: i64 = 86_400;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Year, month from 1 and day from 1 of a moment.
pub(crate) fn civil(seconds: i64) -> (i64, i64, i64) {
    // Days counted from 1 March of year 0, in eras of 400 years, so that the leap day is the last of its year.
    let days = seconds.div_euclid(DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// 0 is Monday.
pub(crate) fn weekday(seconds: i64) -> usize {
    (seconds.div_euclid(DAY) + 3).rem_euclid(7) as usize
}

fn clock(seconds: i64) -> (i64, i64, i64) {
    let of_day = seconds.rem_euclid(DAY);
    (of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

/// `2026-03-02`
pub(crate) fn date(seconds: i64) -> String {
    let (year, month, day) = civil(seconds);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-03-02T09:15:00Z`
pub(crate) fn moment(seconds: i64) -> String {
    let (hour, minute, second) = clock(seconds);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", date(seconds))
}

/// `Mon, 02 Mar 2026 09:15:00 +0000`, as RFC 5322 wants it.
pub(crate) fn mail_date(seconds: i64) -> String {
    let (year, month, day) = civil(seconds);
    let (hour, minute, second) = clock(seconds);
    let (name, month) = (WEEKDAYS[weekday(seconds)], MONTHS[(month - 1) as usize]);
    format!("{name}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_have_their_dates() {
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(mail_date(1_772_442_900), "Mon, 02 Mar 2026 09:15:00 +0000");
        assert_eq!(date(-631_152_000), "1950-01-01");
    }
}
