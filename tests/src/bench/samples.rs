//! Times of many repetitions, and what is told of them.

use std::time::Duration;

/// Durations in milliseconds, sorted.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples(Vec<f64>);

impl Samples {
    /// Takes them in any order.
    pub(super) fn new(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        Self(all)
    }

    /// The value below which the share lies, `share` from 0 to 1; not a number if there is none.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let Some(last) = self.0.len().checked_sub(1) else { return f64::NAN };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index between 0 and the last")]
        let at = (last as f64 * share).round() as usize;
        self.0[at]
    }

    pub(super) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    pub(super) fn p99(&self) -> f64 {
        self.quantile(0.99)
    }

    pub(super) fn max(&self) -> f64 {
        self.quantile(1.0)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// `median [min–max]`.
    pub(super) fn spread(&self) -> String {
        format!("{} [{}–{}]", short(self.median()), short(self.quantile(0.0)), short(self.max()))
    }

    /// `p50 / p99`.
    pub(super) fn tails(&self) -> String {
        format!("{} / {}", short(self.median()), short(self.p99()))
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<T: IntoIterator<Item = f64>>(all: T) -> Self {
        Self::new(all.into_iter().collect())
    }
}

/// Milliseconds.
pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// About three digits.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_sorted_values() {
        let samples: Samples = (0..=100).rev().map(f64::from).collect();
        assert_eq!((samples.median(), samples.p99(), samples.max(), samples.len()), (50.0, 99.0, 100.0, 101));
        assert_eq!(samples.spread(), "50.0 [0.00–100]");
        assert!(Samples::default().median().is_nan());
    }
}
