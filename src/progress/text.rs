//! Times and amounts as people write them.

use std::time::Duration;

use crate::store::Holder;

/// Writes a time with two or three figures: `0.03 s`, `12.3 s`, `4 min 05 s`, `2 h 07 min`, `3 d 4 h`, `90.7 years`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let whole = seconds.round() as u64;
    if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else if whole < 3600 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else if seconds < 86_370.0 {
        let minutes = (seconds / 60.0).round() as u64;
        format!("{} h {:02} min", minutes / 60, minutes % 60)
    } else if seconds < 1000.0 * 86_400.0 {
        let hours = (seconds / 3600.0).round() as u64;
        format!("{} d {} h", hours / 24, hours % 24)
    } else {
        let years = seconds / (365.25 * 86_400.0);
        match years < 99.95 {
            true => format!("{years:.1} years"),
            false => format!("{years:.0} years"),
        }
    }
}

/// Writes an amount with a suffix above a thousand: `812`, `12.3 k`, `4.56 M`.
pub fn amount(amount: f64) -> String {
    let (scaled, suffix) = match amount.abs() {
        size if size >= 999.5e6 => (amount / 1e9, " G"),
        size if size >= 999.5e3 => (amount / 1e6, " M"),
        size if size >= 999.5 => (amount / 1e3, " k"),
        _ => (amount, ""),
    };
    let digits = match scaled.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if suffix.is_empty() && size.fract() == 0.0 => 0,
        _ => 2,
    };
    format!("{scaled:.digits$}{suffix}")
}

/// Writes a number of things: `1 job`, `3 jobs`.
pub fn count(number: usize, thing: &str) -> String {
    if number == 1 {
        format!("1 {thing}")
    } else {
        format!("{number} {thing}s")
    }
}

/// Says who holds something: `pid 4711 of ada on node7, for 4 min 05 s`.
pub fn whose(holder: &Holder) -> String {
    let Holder {
        pid, host, user, ..
    } = holder;
    let gone = match holder.is_gone() {
        true => " (which has ended: a child of it goes on)",
        false => "",
    };
    let age = duration(Duration::from_secs(holder.age().as_secs()));
    format!("pid {pid} of {user} on {host}{gone}, for {age}")
}

/// Returns how much of `total` is `done`, in whole percent.
pub fn percent_of(done: u64, total: u64) -> u64 {
    // A program of the user's may count to any number, so the product needs more bits.
    let hundredfold = u128::from(done.min(total)) * 100;
    let percent = hundredfold.checked_div(total.into()).unwrap_or(100);
    u64::try_from(percent).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_or_three_figures() {
        let text = |seconds: f64| duration(Duration::from_secs_f64(seconds));
        assert_eq!(text(0.034), "0.03 s");
        assert_eq!(text(9.999), "10.0 s");
        assert_eq!(text(59.96), "1 min 00 s");
        assert_eq!(text(245.4), "4 min 05 s");
        assert_eq!(text(3599.7), "1 h 00 min");
        assert_eq!(text(7620.0), "2 h 07 min");
        assert_eq!(text(86_369.0), "23 h 59 min");
        assert_eq!(text(86_370.0), "1 d 0 h");
        assert_eq!(text(3.2 * 86_400.0), "3 d 5 h");
        assert_eq!(text(794_287.0 * 3600.0), "90.6 years");
    }

    #[test]
    fn percents_reach_a_hundred_whatever_is_counted() {
        assert_eq!(percent_of(0, 0), 100);
        assert_eq!(percent_of(1, 3), 33);
        assert_eq!(percent_of(5, 3), 100);
        assert_eq!(percent_of(u64::MAX / 2, u64::MAX), 49);
    }

    #[test]
    fn amounts_have_a_suffix_above_a_thousand() {
        assert_eq!(amount(0.0), "0");
        assert_eq!(amount(1.5), "1.50");
        assert_eq!(amount(812.0), "812");
        assert_eq!(amount(999.6), "1.00 k");
        assert_eq!(amount(12_345.0), "12.3 k");
        assert_eq!(amount(4_560_000.0), "4.56 M");
        assert_eq!(amount(123e9), "123 G");
    }

    #[test]
    fn things_are_counted_in_english() {
        assert_eq!(
            [count(0, "job"), count(1, "job"), count(2, "job")].join(", "),
            "0 jobs, 1 job, 2 jobs"
        );
        assert_eq!(
            [percent_of(0, 0), percent_of(1, 3), percent_of(5, 3)],
            [100, 33, 100]
        );
    }
}
