//! The time that AWS goes by here.
//!
//! Owns the relation between real time and AWS time. At speed 1 they are the same; a faster clock makes hours of AWS
//! (the 72 h of a validation, the hour of an idempotency token) pass quickly. It never goes back.

use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::lock::lock;

/// A clock whose speed can be changed while it runs.
pub(crate) struct Clock(Mutex<Base>);

struct Base {
    real: Instant,
    /// Seconds since 1970 at `real`.
    aws: f64,
    speed: f64,
}

impl Base {
    fn at(&self, real: Instant) -> f64 {
        self.aws + real.saturating_duration_since(self.real).as_secs_f64() * self.speed
    }
}

impl Clock {
    pub(crate) fn new(speed: f64) -> Self {
        let aws = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        Self(Mutex::new(Base { real: Instant::now(), aws, speed }))
    }

    /// Seconds since 1970, in AWS time.
    pub(crate) fn now(&self) -> f64 {
        lock(&self.0).at(Instant::now())
    }

    /// From now on one real second is `speed` seconds of AWS time.
    pub(crate) fn set_speed(&self, speed: f64) {
        let mut base = lock(&self.0);
        let real = Instant::now();
        *base = Base { real, aws: base.at(real), speed };
    }
}

/// Seconds since 1970 in the form `2026-11-22T19:13:43Z`.
#[expect(clippy::cast_possible_truncation, reason = "whole seconds are wanted")]
pub(crate) fn iso(seconds: f64) -> String {
    jiff::Timestamp::from_second(seconds as i64).map_or_else(|_| String::new(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_speed_neither_jumps_nor_goes_back() {
        let start = Instant::now();
        let base = Base { real: start, aws: 1_000.0, speed: 1.0 };
        let later = start + std::time::Duration::from_secs(10);
        assert!((base.at(later) - 1_010.0).abs() < 1e-6);
        let faster = Base { real: later, aws: base.at(later), speed: 3_600.0 };
        assert!((faster.at(later) - 1_010.0).abs() < 1e-6);
        assert!((faster.at(later + std::time::Duration::from_secs(2)) - 8_210.0).abs() < 1e-6);
        assert!(faster.at(start) >= 1_010.0, "an instant before the change is not in the past of the clock");
    }

    #[test]
    fn event_times_have_whole_seconds_and_a_z() {
        assert_eq!(iso(1_795_374_823.9), "2026-11-22T19:13:43Z");
    }
}
