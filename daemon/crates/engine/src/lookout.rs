//! Reads the machine's conditions on the io thread, and keeps the newest. One reading at a time, and only when somebody asks:
//! the housekeeping while work is in flight, a client that looks at the daemon.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use agentd_base::MonoMs;
use agentd_host::{Clock, Conditions, Sensors};
use tokio::sync::Notify;

use crate::io::IoHandle;

/// A client that looks gets what is younger than this without another reading.
const YOUNG: Duration = Duration::from_secs(1);

/// The newest reading, and the way to the next one.
#[derive(Debug, Clone)]
pub(crate) struct Lookout(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sensors: Arc<dyn Sensors>,
    clock: Arc<dyn Clock>,
    newest: Mutex<Newest>,
    asked: AtomicBool,
    arrived: Arc<Notify>,
    /// Wakes everybody who waits for a reading.
    taken: Notify,
}

/// The newest reading, and when it began.
#[derive(Debug, Default)]
struct Newest {
    reading: Option<(MonoMs, Conditions)>,
    /// Nobody has taken it for news yet.
    unheard: bool,
    /// How often all was forgotten.
    forgotten: u64,
}

impl Lookout {
    pub(crate) fn new(sensors: Arc<dyn Sensors>, clock: Arc<dyn Clock>) -> Self {
        let (newest, asked, arrived) = (Mutex::default(), AtomicBool::default(), Arc::default());
        Self(Arc::new(Inner { sensors, clock, newest, asked, arrived, taken: Notify::new() }))
    }

    /// What tells the conditions.
    pub(crate) fn sensors(&self) -> Arc<dyn Sensors> {
        Arc::clone(&self.0.sensors)
    }

    /// Told after each reading.
    pub(crate) fn arrived(&self) -> Arc<Notify> {
        Arc::clone(&self.0.arrived)
    }

    /// The newest reading, and when it began, by the clock that stands still during sleep. Each is told once.
    pub(crate) fn news(&self) -> Option<(MonoMs, Conditions)> {
        let mut newest = self.newest();
        if std::mem::take(&mut newest.unheard) { newest.reading.clone() } else { None }
    }

    /// Nothing holds any more that was read, or is being read: the machine slept meanwhile.
    pub(crate) fn forget(&self) {
        let mut newest = self.newest();
        *newest = Newest { forgotten: newest.forgotten + 1, ..Newest::default() };
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.0.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a reading, unless one is asked for already. `false`: the io thread takes no more.
    pub(crate) fn begin(&self, io: &IoHandle) -> bool {
        if self.0.asked.swap(true, Ordering::AcqRel) {
            return true;
        }
        let this = self.clone();
        let left = io.leave(move |_| this.take());
        if !left {
            self.0.asked.store(false, Ordering::Release);
        }
        left
    }

    /// Sees to it that the newest reading is young, as far as the io thread has time for one within `patience`. However
    /// many wait, one reading is asked for.
    pub(crate) async fn freshen(&self, io: &IoHandle, patience: Duration) {
        let fresh = async {
            loop {
                // From here on no reading is missed.
                let taken = self.0.taken.notified();
                if self.is_young() || !self.begin(io) {
                    return;
                }
                taken.await;
            }
        };
        // Late or never: what was read before is told with its age.
        let _ = tokio::time::timeout(patience, fresh).await;
    }

    fn is_young(&self) -> bool {
        self.newest().reading.as_ref().is_some_and(|(at, _)| self.0.clock.awake().since(*at) < YOUNG)
    }

    fn take(&self) {
        // Before the reading: if that panics, the next one is not held up for ever.
        self.0.asked.store(false, Ordering::Release);
        let (began, forgotten) = (self.0.clock.awake(), self.newest().forgotten);
        let conditions = self.0.sensors.read();
        let mut newest = self.newest();
        if newest.forgotten == forgotten {
            *newest = Newest { reading: Some((began, conditions)), unheard: true, forgotten };
        }
        drop(newest);
        self.0.arrived.notify_one();
        self.0.taken.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use agentd_base::WallMs;
    use agentd_host::{ManualClock, ManualSensors};

    use super::*;

    #[test]
    fn who_looks_while_the_io_thread_hangs_asks_for_one_reading_and_waits_for_it() {
        let clock = Arc::new(ManualClock::new(WallMs(1_000)));
        let sensors = Arc::new(ManualSensors::new(Conditions::unmeasured("nobody asked")));
        let lookout = Lookout::new(sensors, Arc::clone(&clock) as Arc<dyn Clock>);
        let (io, mut jobs) = IoHandle::new();
        agentd_host::current_thread_runtime().unwrap().block_on(async {
            for _ in 0..20 {
                lookout.freshen(&io, Duration::ZERO).await;
            }
            assert_eq!((jobs.len(), lookout.news()), (1, None), "the thread hangs");
            let patience = Duration::from_secs(600);
            let work = async {
                // Both wait by now.
                tokio::task::yield_now().await;
                let _job = jobs.try_recv().unwrap();
                lookout.take();
            };
            tokio::join!(lookout.freshen(&io, patience), lookout.freshen(&io, patience), work);
            assert!(lookout.is_young() && jobs.is_empty());
            clock.advance(YOUNG);
            lookout.freshen(&io, Duration::ZERO).await;
            assert_eq!(jobs.len(), 1, "what is old is read again");
            drop(jobs.try_recv());
            lookout.take();
            clock.advance(YOUNG);
            drop(jobs);
            lookout.freshen(&io, Duration::MAX).await;
            assert!(!lookout.is_young(), "nobody waits for a thread that has ended");
        });
    }
}
