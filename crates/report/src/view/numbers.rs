//! Numbers as people read them.

use crate::material::Unit;

/// With separators between thousands: `60,430`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate with as many digits as it deserves.
pub(super) fn rate(rate: f64) -> String {
    if rate >= 100.0 { count(rate.round() as u64) } else { short(rate) }
}

/// At most three significant digits, without trailing zeros.
pub(super) fn short(value: f64) -> String {
    let digits: usize = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        0.0 => 0,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A share of 1, such as `99.2 %`; never 100 where something is missing.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        all if all >= 100.0 => "100 %".to_owned(),
        most if most >= 99.9 => ">99.9 %".to_owned(),
        some => format!("{} %", short(some)),
    }
}

/// Seconds: `850 µs`, `3.2 ms`, `41.5 s`, `3 min 20 s`.
pub(super) fn duration_s(seconds: f64) -> String {
    match seconds {
        s if s <= 0.0 => "0 s".to_owned(),
        s if s < 1e-3 => format!("{} µs", short(s * 1e6)),
        s if s < 1.0 => format!("{} ms", short(s * 1e3)),
        s if s < 120.0 => format!("{} s", short(s)),
        s if s < 7_200.0 => format!("{} min {} s", (s / 60.0).floor(), (s % 60.0).round().min(59.0)),
        s => format!("{} h {} min", (s / 3_600.0).floor(), (s % 3_600.0 / 60.0).floor()),
    }
}

/// The same, of nanoseconds.
pub(super) fn duration_ns(ns: u64) -> String {
    duration_s(ns as f64 / 1e9)
}

/// Bytes in powers of 1024.
pub(crate) fn bytes(bytes: f64) -> String {
    match bytes {
        b if b < 1_024.0 => format!("{} B", short(b)),
        b if b < 1_048_576.0 => format!("{} KiB", short(b / 1_024.0)),
        b if b < 1_073_741_824.0 => format!("{} MiB", short(b / 1_048_576.0)),
        b => format!("{} GiB", short(b / 1_073_741_824.0)),
    }
}

/// What members tell, in its unit.
pub(super) fn metric(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Bytes => bytes(value),
        Unit::Seconds => duration_s(value),
        Unit::Percent => format!("{} %", short(value)),
        Unit::PerSecond => rate(value),
        Unit::Count | Unit::Flag => short(value),
    }
}

/// A moment after the beginning: `12.345 s`.
pub(super) fn moment_s(seconds: f64) -> String {
    format!("{seconds:.3} s")
}

/// A round number that is not below `max`, for the end of an axis.
pub(super) fn ceiling(max: f64) -> f64 {
    if max <= 0.0 || !max.is_finite() {
        return 1.0;
    }
    let magnitude = 10f64.powf(max.log10().floor());
    [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .iter()
        .map(|step| step * magnitude)
        .find(|round| *round >= max * 0.999_999)
        .unwrap_or(10.0 * magnitude)
}

/// Round moments for an axis of so many seconds, at most eight.
pub(super) fn ticks_s(length: f64) -> Vec<f64> {
    const STEPS: [f64; 17] = [
        0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0,
        14_400.0, 43_200.0,
    ];
    let step = STEPS.into_iter().find(|step| length / step <= 8.0).unwrap_or(86_400.0);
    let mut ticks = Vec::new();
    while (ticks.len() as f64) * step <= length && ticks.len() < 20 {
        ticks.push(ticks.len() as f64 * step);
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(
            [count(0), count(999), count(60_430), count(1_000_000)],
            ["0", "999", "60,430", "1,000,000"]
        );
        assert_eq!(
            [short(0.0), short(1.5), short(12.0), short(1_234.4), short(0.05)],
            ["0", "1.5", "12", "1234", "0.05"]
        );
        assert_eq!([percent(1.0), percent(0.999_99), percent(0.5)], ["100 %", ">99.9 %", "50 %"]);
        let durations = [0.000_85, 0.003_2, 41.5, 200.0, 7_260.0].map(duration_s);
        assert_eq!(durations, ["850 µs", "3.2 ms", "41.5 s", "3 min 20 s", "2 h 1 min"]);
        assert_eq!([bytes(10.0), bytes(2_048.0), bytes(3.5e6)], ["10 B", "2 KiB", "3.34 MiB"]);
        assert_eq!([ceiling(0.0), ceiling(7.0), ceiling(1_210.0), ceiling(0.4)], [1.0, 8.0, 1_500.0, 0.4]);
        assert_eq!(ticks_s(31.0), [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
    }
}
