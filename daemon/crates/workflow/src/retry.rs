//! When a failed step gets another try: full jitter over a doubling span (AWS Architecture Blog, "Exponential Backoff
//! And Jitter", 2015), a cap, and a number of tries.

use std::time::Duration;

/// Tries that a step gets when its faults may pass by themselves.
pub const MAX_ATTEMPTS: u32 = 5;

const BASE: Duration = Duration::from_millis(500);
const CAP: Duration = Duration::from_secs(60);

/// A small random source (SplitMix64, Steele et al. 2014): seeded, so that a simulation can be repeated. Not for secrets.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// Starts the sequence that belongs to `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if the bound is 0. The bias for small bounds is below 2⁻⁴⁰ and does not matter here.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }
}

/// How long to wait before the next try after `failed` tries (≥ 1): anything from 0 to 0.5 s · 2^(failed-1), at most 60 s.
pub fn backoff(failed: u32, rng: &mut Rng) -> Duration {
    let span = BASE.saturating_mul(1_u32 << failed.saturating_sub(1).min(16)).min(CAP);
    Duration::from_millis(rng.below(u64::try_from(span.as_millis()).unwrap_or(u64::MAX) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_cap() {
        let mut rng = Rng::new(1);
        for failed in 1..40 {
            let longest = (0..200).map(|_| backoff(failed, &mut rng)).max().unwrap();
            let span = Duration::from_millis(500 << (failed - 1).min(10)).min(CAP);
            assert!(longest <= span && longest > span / 2, "{failed}: {longest:?}");
        }
    }
}
