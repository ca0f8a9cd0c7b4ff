//! How much was done lately: a look at the counters at each housekeeping, of which those of the last minute are kept. No timer
//! of its own, and no cost between two looks.

use std::{collections::VecDeque, time::Duration};

use agentd_base::{CoreClass, ErrorClass, MonoMs};

use super::{
    Shell,
    observe::{COUNTER, GAUGE, labelled, plain},
};
use crate::{core::Counters, view::Metric};

/// What "lately" means.
const LATELY: Duration = Duration::from_secs(60);

/// Looks that are kept: one each second for the time above, and some more.
const MOST: usize = 64;

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Look {
    at: MonoMs,
    ended: u64,
    compute: Duration,
    coordinators: Duration,
}

/// What was done in a window that ends now.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Recent {
    window: Duration,
    ended: u64,
    compute: Duration,
    coordinators: Duration,
}

/// The newest looks.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    looks: VecDeque<Look>,
}

impl Pace {
    /// Keeps one look that is older than the window, and all that are younger.
    fn note(&mut self, look: Look) {
        while self.looks.get(1).is_some_and(|second| look.at.since(second.at) >= LATELY) || self.looks.len() >= MOST {
            self.looks.pop_front();
        }
        self.looks.push_back(look);
    }

    /// What was done since the youngest look that is a minute old, or since the oldest there is.
    fn recent(&self, now: Look) -> Option<Recent> {
        let old =
            self.looks.iter().rev().find(|look| now.at.since(look.at) >= LATELY).or_else(|| self.looks.front())?;
        Some(Recent {
            window: now.at.since(old.at),
            ended: now.ended.saturating_sub(old.ended),
            // The time of a thread that was replaced is no longer in the sum.
            compute: now.compute.saturating_sub(old.compute),
            coordinators: now.coordinators.saturating_sub(old.coordinators),
        })
        .filter(|recent| !recent.window.is_zero())
    }
}

impl Shell {
    /// Remembers what the counters say now.
    pub(super) fn note_pace(&mut self) {
        let look = self.look();
        self.book.pace.note(look);
    }

    fn look(&self) -> Look {
        let counters = self.core.counters();
        let agents = self.crew.snapshot();
        let cpu = |class| {
            let of_class = agents.iter().filter(|agent| agent.role.class() == class);
            of_class.filter_map(|agent| agent.cpu).sum()
        };
        Look {
            at: self.clock.mono(),
            ended: counters.succeeded + counters.failed + counters.cancelled,
            compute: cpu(CoreClass::Compute),
            coordinators: cpu(CoreClass::Coordinator),
        }
    }

    /// Throughput, work of both classes, faults and what was done about them.
    pub(super) fn pace_metrics(&self) -> Vec<Metric> {
        let (now, counters) = (self.look(), self.core.counters());
        let mut metrics = of_faults(&counters);
        for (class, cpu) in [("compute", now.compute), ("coordinator", now.coordinators)] {
            let help = "CPU time of the living agent threads of a class.";
            metrics.push(labelled(
                "agentd_class_cpu_seconds_total",
                help,
                COUNTER,
                ("class", class),
                cpu.as_secs_f64(),
            ));
        }
        metrics.push(plain("agentd_starts", "Starts of a daemon on this state folder.", GAUGE, self.epoch));
        let Some(recent) = self.book.pace.recent(now) else { return metrics };
        let (ended, window) = (recent.ended as f64, recent.window.as_secs_f64());
        let gauge = |name, help, value| Metric { name, help, kind: GAUGE, labels: Vec::new(), value };
        metrics.push(gauge("agentd_recent_seconds", "Length of the window of the recent figures.", window));
        metrics.push(gauge("agentd_recent_tasks_ended", "Tasks that ended in that window.", ended));
        for (class, cpu) in [("compute", recent.compute), ("coordinator", recent.coordinators)] {
            let help = "CPU time of the agent threads of a class in that window.";
            metrics.push(labelled("agentd_recent_class_cpu_seconds", help, GAUGE, ("class", class), cpu.as_secs_f64()));
        }
        metrics
    }
}

fn of_faults(counters: &Counters) -> Vec<Metric> {
    let recovered = "Open tasks with steps in flight when the daemon died last, which go on.";
    let quarantined = "Steps given up since the start, since they killed the daemon or silenced agents too often.";
    let mut metrics = vec![
        plain("agentd_retries_total", "Failed attempts that were followed by another one.", COUNTER, counters.retries),
        plain("agentd_recovered_tasks", recovered, GAUGE, counters.recovered_tasks),
        plain("agentd_steps_quarantined_total", quarantined, COUNTER, counters.quarantined),
    ];
    for (class, count) in ErrorClass::ALL.iter().zip(counters.errors).filter(|(_, count)| *count > 0) {
        let help = "Attempts that failed since the start, by the class of the fault.";
        metrics.push(labelled("agentd_attempts_failed_total", help, COUNTER, ("class", class.name()), count as f64));
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(second: u64, ended: u64) -> Look {
        let compute = Duration::from_millis(second * 500);
        Look { at: MonoMs(second * 1_000), ended, compute, coordinators: Duration::ZERO }
    }

    #[test]
    fn lately_is_the_last_minute_or_what_there_is_of_it() {
        let mut pace = Pace::default();
        assert_eq!(pace.recent(look(0, 0)), None, "nothing to compare with");
        pace.note(look(0, 0));
        assert_eq!(pace.recent(look(0, 0)), None, "no time has passed");
        let recent = pace.recent(look(10, 50)).unwrap();
        assert_eq!(
            (recent.window, recent.ended, recent.compute),
            (Duration::from_secs(10), 50, Duration::from_secs(5))
        );
        // Busy: a look each second.
        for second in 1..=300 {
            pace.note(look(second, second * 5));
            assert!(pace.looks.len() <= MOST);
        }
        let recent = pace.recent(look(300, 1_500)).unwrap();
        assert_eq!((recent.window, recent.ended), (LATELY, 300));
        // Idle: a look each half minute, and nothing happens.
        for second in [330, 360, 390] {
            pace.note(look(second, 1_500));
        }
        let recent = pace.recent(look(395, 1_500)).unwrap();
        assert_eq!((recent.window, recent.ended), (Duration::from_secs(65), 0));
        // A thread was replaced: its time is gone, and no time goes back.
        let mut fewer = look(400, 1_500);
        fewer.compute = Duration::ZERO;
        assert_eq!(pace.recent(fewer).unwrap().compute, Duration::ZERO);
    }
}
