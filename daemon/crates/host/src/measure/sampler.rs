//! Shares per tier where the system keeps none: at each tick a thread's new CPU time goes to the tier of the cpu that it
//! ran on last. The owner's housekeeping tick feeds it; it has no timer of its own.

use std::{collections::HashMap, time::Duration};

use super::Measured;
use crate::topology::Topology;

#[derive(Debug, Clone, Default)]
struct Sampled {
    cpu: Duration,
    by_tier: Vec<Duration>,
}

/// What one thread had used at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) tid: u64,
    pub(crate) cpu: Duration,
    pub(crate) last_cpu: u32,
}

/// Estimates shares per tier of threads that may use several.
#[derive(Debug, Clone, Default)]
pub struct CpuSampler {
    threads: HashMap<u64, Sampled>,
}

impl CpuSampler {
    /// Takes a sample of these threads and forgets all others. Does nothing where the system counts exactly (macOS) or
    /// has one tier.
    pub fn sample(&mut self, tids: &[u64], topology: &Topology) {
        if topology.is_uniform() {
            return;
        }
        self.threads.retain(|tid, _| tids.contains(tid));
        for reading in tids.iter().filter_map(|&tid| read(tid)) {
            self.add(reading, topology);
        }
    }

    pub(crate) fn add(&mut self, reading: Reading, topology: &Topology) {
        let sampled = self.threads.entry(reading.tid).or_default();
        let new = reading.cpu.saturating_sub(sampled.cpu);
        sampled.cpu = reading.cpu;
        sampled.by_tier.resize(topology.tiers.len(), Duration::ZERO);
        if let Some(time) = topology.tier_of(reading.last_cpu).and_then(|tier| sampled.by_tier.get_mut(tier)) {
            *time += new;
        }
    }

    /// The share (0 to 1) of a thread's CPU time on the fast tiers: exact if the system knows it, else as sampled.
    #[must_use]
    pub fn share(&self, tid: u64, topology: &Topology) -> Measured<f64> {
        match super::fast_share(tid, topology) {
            Measured::Unmeasured(_) if self.threads.contains_key(&tid) => self.sampled_share(tid),
            exact_or_reason => exact_or_reason,
        }
    }

    pub(crate) fn sampled_share(&self, tid: u64) -> Measured<f64> {
        let Some(sampled) = self.threads.get(&tid) else {
            return Measured::not("the thread was not sampled");
        };
        let all: Duration = sampled.by_tier.iter().sum();
        if all.is_zero() {
            return Measured::not(super::NOTHING_YET);
        }
        let fast: Duration = sampled.by_tier.iter().take((sampled.by_tier.len() - 1).max(1)).sum();
        Measured::Value(fast.as_secs_f64() / all.as_secs_f64())
    }
}

#[cfg(target_os = "linux")]
fn read(tid: u64) -> Option<Reading> {
    Some(Reading { tid, cpu: super::thread_cpu(tid)?, last_cpu: super::thread_stat(tid)?.last_cpu })
}

#[cfg(target_os = "macos")]
const fn read(_tid: u64) -> Option<Reading> {
    None
}
