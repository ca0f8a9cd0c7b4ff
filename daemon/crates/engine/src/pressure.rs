//! How many compute agents may work while the machine is pressed: from its conditions to seats. Pure. Worse counts at
//! once, better only when it has lasted, so that pressure that flaps does not flap the seats. Coordinators are left alone.

use std::time::Duration;

use agentd_base::MonoMs;
use agentd_host::{Conditions, Pressure, Thermal};

use crate::view::Seats;

/// Something that may press, and can be heeded or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Heed {
    /// Heat.
    Thermal,
    /// Memory.
    Memory,
    /// The user asked the system to save power.
    LowPower,
}

impl Heed {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Thermal, Self::Memory, Self::LowPower];

    /// As in the settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thermal => "thermal",
            Self::Memory => "memory",
            Self::LowPower => "low_power",
        }
    }
}

/// What is heeded, and for how long it must have passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PressureSettings {
    /// What lets fewer compute agents work; empty: nothing is even read.
    pub heed: Vec<Heed>,
    /// So long it must have been better before seats come back.
    pub calm: Duration,
}

/// How much of its seats a pressure leaves the compute agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    All,
    /// Three of four: the machine is close to a limit that it has not met.
    Most,
    /// The machine is at a limit; half the work takes off more than half the heat.
    Half,
    /// What is under way gets on, and nothing is made worse.
    One,
}

impl Share {
    /// Never none: a task under pressure is slow, and ends.
    fn of(self, all: usize) -> usize {
        let seats = match self {
            Self::All => all,
            Self::Most => all - all / 4,
            Self::Half => all / 2,
            Self::One => 1,
        };
        seats.max(1)
    }
}

const fn by_heat(thermal: Thermal) -> Share {
    match thermal {
        Thermal::Nominal => Share::All,
        Thermal::Fair => Share::Most,
        Thermal::Serious => Share::Half,
        Thermal::Critical => Share::One,
    }
}

const fn by_memory(pressure: Pressure) -> Share {
    match pressure {
        Pressure::Normal => Share::All,
        Pressure::Warning => Share::Half,
        Pressure::Critical => Share::One,
    }
}

/// One cause, what it leaves, and in words; `None`: it is not known.
fn limit(heed: Heed, conditions: &Conditions) -> Option<(Share, String)> {
    Some(match heed {
        Heed::Thermal => {
            let thermal = *conditions.thermal.known()?;
            (by_heat(thermal), format!("thermal pressure: {thermal}"))
        }
        Heed::Memory => {
            let memory = *conditions.memory.known()?;
            (by_memory(memory), format!("memory pressure: {memory}"))
        }
        Heed::LowPower => {
            let share = if *conditions.low_power.known()? { Share::Half } else { Share::All };
            (share, "low power mode".to_owned())
        }
    })
}

/// Seats under these conditions alone. What is not known presses nobody.
fn judge(heed: &[Heed], conditions: &Conditions, all: usize) -> Seats {
    let limits = heed.iter().filter_map(|heed| limit(*heed, conditions));
    let mut limits: Vec<(usize, String)> = limits.map(|(share, why)| (share.of(all), why)).collect();
    limits.retain(|(seats, _)| *seats < all);
    limits.sort_by_key(|(seats, _)| *seats);
    let open = limits.first().map_or(all, |(seats, _)| *seats);
    let reasons: Vec<String> = limits.into_iter().map(|(_, why)| why).collect();
    Seats { open, all, reason: reasons.join(", ") }
}

/// Remembers what pressed, so that seats come back late.
#[derive(Debug)]
pub(crate) struct Governor {
    settings: PressureSettings,
    seats: Seats,
    /// Since when it has been better, and the worst of that time.
    better: Option<(MonoMs, Seats)>,
    heard: Option<MonoMs>,
}

impl Governor {
    /// Nothing presses yet, and `all` may work.
    pub(crate) const fn new(settings: PressureSettings, all: usize) -> Self {
        Self { settings, seats: Seats { open: all, all, reason: String::new() }, better: None, heard: None }
    }

    /// Whether conditions are worth reading.
    pub(crate) fn cares(&self) -> bool {
        !self.settings.heed.is_empty()
    }

    /// So many may work now, and why not all.
    pub(crate) fn seats(&self) -> Seats {
        let mut seats = self.seats.clone();
        if self.better.is_some() {
            seats
                .reason
                .push_str(&format!("; it has passed, and must stay so for {} s", self.settings.calm.as_secs_f64()));
        }
        seats
    }

    /// Takes conditions that were read at `now`, of a clock that stands still while the machine sleeps. Whether the number
    /// of seats changed.
    pub(crate) fn hear(&mut self, conditions: &Conditions, now: MonoMs) -> bool {
        let judged = judge(&self.settings.heed, conditions, self.seats.all);
        // What was heard long ago says nothing about the time since.
        let stale = self.heard.is_none_or(|heard| now.since(heard) > self.settings.calm);
        self.heard = Some(now);
        if judged.open <= self.seats.open || stale {
            return self.take(judged);
        }
        let (since, worst) = match self.better.take() {
            Some((since, worst)) if worst.open < judged.open => (since, worst),
            Some((since, _)) => (since, judged.clone()),
            None => (now, judged.clone()),
        };
        if now.since(since) < self.settings.calm {
            self.better = Some((since, worst));
            return false;
        }
        let more = judged.open > worst.open;
        let changed = self.take(worst);
        self.better = more.then_some((now, judged));
        changed
    }

    /// Nothing that was heard holds any more: the machine slept meanwhile.
    pub(crate) const fn forget(&mut self) {
        self.heard = None;
    }

    fn take(&mut self, seats: Seats) -> bool {
        self.better = None;
        let changed = seats.open != self.seats.open;
        self.seats = seats;
        changed
    }
}

#[cfg(test)]
mod tests;
