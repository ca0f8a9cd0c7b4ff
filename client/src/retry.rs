//! Pauses between tries: each twice as long as the one before, up to a limit.

use std::time::Duration;

/// Pauses without end; whoever waits has a deadline of its own.
#[derive(Debug, Clone)]
pub struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    /// From `first` on, doubling, never above `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = Pauses::new(Duration::from_millis(5), Duration::from_millis(30));
        let found: Vec<u128> = pauses.take(5).map(|pause| pause.as_millis()).collect();
        assert_eq!(found, [5, 10, 20, 30, 30]);
    }
}
