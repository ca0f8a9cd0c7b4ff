//! Times as values. No clock here: `agentd-host` reads clocks, and passes what it read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Wall clock, milliseconds since 1970. For display and names only; never for order or safety.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct WallMs(pub u64);

/// A clock that never goes back, in milliseconds since some start, time asleep included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct MonoMs(pub u64);

impl MonoMs {
    /// Later by `span`; stops at the end of time instead of wrapping.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// From `earlier` to here; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}
