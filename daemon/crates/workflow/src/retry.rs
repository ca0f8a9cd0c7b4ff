//! When a failed step gets another try: full jitter over a doubling span (AWS Architecture Blog, "Exponential Backoff
//! And Jitter", 2015), a cap, and a number of tries.

use std::time::Duration;

use agentd_base::Rng;

/// Tries that a step gets when its faults may pass by themselves.
pub const MAX_ATTEMPTS: u32 = 5;

const BASE: Duration = Duration::from_millis(500);
const CAP: Duration = Duration::from_secs(60);
const DISK_BASE: Duration = Duration::from_secs(5);

/// How long to wait before the next try after `failed` tries (≥ 1): anything from 0 to 0.5 s · 2^(failed-1), at most 60 s.
pub fn backoff(failed: u32, rng: &mut Rng) -> Duration {
    let span = BASE.saturating_mul(1_u32 << failed.saturating_sub(1).min(16)).min(CAP);
    Duration::from_millis(rng.below(u64::try_from(span.as_millis()).unwrap_or(u64::MAX) + 1))
}

/// How long to wait before try `tried + 1` for room on the disk, or for a disk or another part of the machine that failed: half
/// to whole of 5 s · 2^(tried-1), at most 60 s. Nobody makes room or mends a mount within milliseconds, and each try uses it.
pub fn disk_wait(tried: u32, rng: &mut Rng) -> Duration {
    let half = DISK_BASE.saturating_mul(1_u32 << tried.saturating_sub(1).min(16)).min(CAP) / 2;
    half + Duration::from_millis(rng.below(u64::try_from(half.as_millis()).unwrap_or(u64::MAX) + 1))
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
            let span = Duration::from_secs(5 << (failed - 1).min(10)).min(CAP);
            let waits: Vec<Duration> = (0..200).map(|_| disk_wait(failed, &mut rng)).collect();
            assert!(waits.iter().all(|wait| *wait >= span / 2 && *wait <= span), "{failed}: {waits:?}");
        }
    }
}
