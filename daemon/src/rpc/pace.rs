//! How fast one connection submits: a bucket of a second's worth, refilled as time passes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agentd_base::MonoMs;
use agentd_host::Clock;

/// Thousandths of a submit, so that milliseconds refill it without fractions.
const ONE: u64 = 1_000;

/// The bucket of one connection.
#[derive(Debug)]
pub(super) struct Pace {
    /// Submits per second; 0: no limit.
    limit: u64,
    clock: Arc<dyn Clock>,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    filled: u64,
    at: MonoMs,
}

impl Pace {
    pub(super) fn new(per_second: u32, clock: Arc<dyn Clock>) -> Self {
        let limit = u64::from(per_second);
        // Without a limit the clock is never asked.
        let at = if limit == 0 { MonoMs(0) } else { clock.mono() };
        Self { limit, clock, bucket: Mutex::new(Bucket { filled: limit * ONE, at }) }
    }

    /// Takes one submit out of the bucket.
    ///
    /// # Errors
    /// The bucket is empty; in the given time there is one again.
    pub(super) fn take(&self) -> Result<(), Duration> {
        if self.limit == 0 {
            return Ok(());
        }
        let now = self.clock.mono();
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = u64::try_from(now.since(bucket.at).as_millis()).unwrap_or(u64::MAX);
        bucket.filled = bucket.filled.saturating_add(passed.saturating_mul(self.limit)).min(self.limit * ONE);
        bucket.at = now;
        match bucket.filled.checked_sub(ONE) {
            Some(rest) => {
                bucket.filled = rest;
                Ok(())
            }
            None => Err(Duration::from_millis((ONE - bucket.filled).div_ceil(self.limit))),
        }
    }
}

#[cfg(test)]
mod tests {
    use agentd_host::ManualClock;

    use super::*;

    #[test]
    fn a_seconds_worth_at_once_and_then_as_time_passes() {
        let clock = Arc::new(ManualClock::default());
        let pace = Pace::new(4, Arc::clone(&clock) as Arc<dyn Clock>);
        assert!((0..4).all(|_| pace.take().is_ok()));
        assert_eq!(pace.take(), Err(Duration::from_millis(250)));
        clock.advance(Duration::from_millis(249));
        assert_eq!(pace.take(), Err(Duration::from_millis(1)));
        clock.advance(Duration::from_millis(1));
        assert_eq!(pace.take(), Ok(()));
        clock.advance(Duration::from_secs(3_600));
        assert_eq!((0..10).filter(|_| pace.take().is_ok()).count(), 4, "what was not used is not saved up");
    }

    #[test]
    fn no_limit_means_no_limit() {
        let pace = Pace::new(0, Arc::new(ManualClock::default()));
        assert!((0..10_000).all(|_| pace.take().is_ok()));
    }
}
