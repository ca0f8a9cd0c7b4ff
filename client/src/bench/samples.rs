//! Repetitions of one measurement, and what is told of them.

use std::time::Duration;

use serde::Serialize;

/// Values, sorted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples(Vec<f64>);

/// What `--json` tells of samples; all `null` if there are none.
#[derive(Debug, Serialize)]
struct Told {
    count: usize,
    min: Option<f64>,
    p50: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
}

impl Serialize for Samples {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [min, p50, p99, max] = [0.0, 0.5, 0.99, 1.0].map(|share| self.quantile(share));
        Told { count: self.len(), min, p50, p99, max }.serialize(serializer)
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }
}

impl Samples {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if nothing was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value below which this share of all lies, `share` from 0 to 1.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        self.0.get((last as f64 * share).round() as usize).copied()
    }

    /// The middle one.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        self.quantile(0.5)
    }
}

/// Milliseconds.
pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_sorted_values() {
        let samples: Samples = (0..=100).rev().map(f64::from).collect();
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|at| samples.quantile(at)), [0.0, 50.0, 99.0, 100.0].map(Some));
        assert_eq!(Samples::default().median(), None);
        let told = serde_json::to_string(&samples).unwrap();
        assert_eq!(told, r#"{"count":101,"min":0.0,"p50":50.0,"p99":99.0,"max":100.0}"#);
    }
}
