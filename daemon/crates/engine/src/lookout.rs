//! Reads the machine's conditions on the io thread, and keeps the newest. One reading at a time, and only when somebody asks:
//! the housekeeping while work is in flight, a client that looks at the daemon.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
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

/// So long a client waits for a reading; then it gets the one before.
const PATIENCE: Duration = Duration::from_millis(250);

/// The newest reading, and the way to the next one.
#[derive(Debug, Clone)]
pub(crate) struct Lookout(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sensors: Arc<dyn Sensors>,
    clock: Arc<dyn Clock>,
    newest: Mutex<Option<(MonoMs, Conditions)>>,
    asked: AtomicBool,
    arrived: Arc<Notify>,
}

impl Lookout {
    pub(crate) fn new(sensors: Arc<dyn Sensors>, clock: Arc<dyn Clock>) -> Self {
        let (newest, asked, arrived) = (Mutex::default(), AtomicBool::default(), Arc::default());
        Self(Arc::new(Inner { sensors, clock, newest, asked, arrived }))
    }

    /// Told after each reading.
    pub(crate) fn arrived(&self) -> Arc<Notify> {
        Arc::clone(&self.0.arrived)
    }

    /// The newest reading, and when it was taken, by the clock that stands still during sleep.
    pub(crate) fn newest(&self) -> Option<(MonoMs, Conditions)> {
        self.0.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for a reading, unless one is asked for already.
    pub(crate) fn begin(&self, io: &IoHandle) {
        if self.0.asked.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = self.clone();
        if !io.leave(move |_| this.take()) {
            self.0.asked.store(false, Ordering::Release);
        }
    }

    /// Sees to it that the newest reading is young, as far as the io thread has time.
    pub(crate) async fn freshen(&self, io: &IoHandle) {
        let is_young = |(at, _): (MonoMs, Conditions)| self.0.clock.awake().since(at) < YOUNG;
        if !self.newest().is_some_and(is_young) {
            let this = self.clone();
            // Late or never: what was read before is told with its age.
            let _ = tokio::time::timeout(PATIENCE, io.run(move |_| this.take())).await;
        }
    }

    fn take(&self) {
        // Before the reading: if that panics, the next one is not held up for ever.
        self.0.asked.store(false, Ordering::Release);
        let conditions = self.0.sensors.read();
        let now = self.0.clock.awake();
        *self.0.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, conditions));
        self.0.arrived.notify_one();
    }
}
