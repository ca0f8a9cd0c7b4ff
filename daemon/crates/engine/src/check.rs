//! The check of all that is stored, on a thread of its own: it reads for minutes where much is kept, and meanwhile the io
//! thread has keys to look up and payloads to store.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use agentd_base::{ContentHash, describe};
use agentd_host::Placement;
use agentd_journal::{Blobs, Disk, verify_each};
use tokio::sync::oneshot;

use crate::{Error, archive::Census, view::Verification};

/// Reads all that is stored, and looks for what is named. Changes nothing.
#[must_use]
pub fn verify(disk: &Arc<dyn Disk>) -> Verification {
    let mut census = Census::default();
    let log = verify_each(&**disk, &mut |seen| census.see(seen));
    let (mut faults, named, blobs) = (log.faults, census.take_payloads(), Blobs::new(Arc::clone(disk)));
    faults.extend(census.fault.as_ref().map(|fault| describe(fault)));
    // What is open is not needed any more.
    drop(census);
    let mut lost = |hash: ContentHash, error: &agentd_journal::Error| {
        let of = named.get(&hash).map_or_else(String::new, |namer| format!("a document {namer}: "));
        faults.push(of + &describe(error));
    };
    let read = blobs.verify(&mut |hash, error| lost(hash, &error));
    for hash in named.keys() {
        if let Ok(false) = blobs.contains(hash) {
            lost(*hash, &agentd_journal::Error::NoBlob { hash: *hash });
        }
    }
    let documents = read.unwrap_or_else(|error| {
        faults.push(describe(&error));
        0
    });
    Verification {
        segments: log.segments as u64,
        records: log.records,
        documents: documents as u64,
        bytes: log.bytes,
        faults,
    }
}

/// Whether a check is under way. Nothing old is dropped meanwhile: the check would miss what it is about to read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checking(Arc<AtomicBool>);

impl Checking {
    pub(crate) fn is_under_way(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// The right to check, until it is dropped; `None`: somebody else has it.
    fn begin(&self) -> Option<Turn> {
        (!self.0.swap(true, Ordering::AcqRel)).then(|| Turn(self.clone()))
    }
}

#[derive(Debug)]
struct Turn(Checking);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Release);
    }
}

/// Checks on request, one check at a time.
pub(crate) struct Checker {
    placement: Placement,
    checking: Checking,
    check: Arc<dyn Fn() -> Verification + Send + Sync>,
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker").field("checking", &self.checking).finish_non_exhaustive()
    }
}

impl Checker {
    /// `check` runs on a thread with this placement; `checking` tells others of it.
    pub(crate) fn new(
        placement: Placement,
        checking: Checking,
        check: impl Fn() -> Verification + Send + Sync + 'static,
    ) -> Self {
        Self { placement, checking, check: Arc::new(check) }
    }

    /// Begins a check; what it finds is told. To be called on the io thread, where then nothing is just being dropped.
    ///
    /// # Errors
    /// `Checking` if there is one already; `Thread`.
    pub(crate) fn begin(&self, tell: oneshot::Sender<Verification>) -> Result<(), Error> {
        let turn = self.checking.begin().ok_or(Error::Checking)?;
        let check = Arc::clone(&self.check);
        let body = move || {
            let found = check();
            drop(turn);
            // Whoever asked may have given up.
            drop(tell.send(found));
        };
        let thread = agentd_host::spawn("verify", &self.placement, body);
        thread.map(drop).map_err(|source| Error::Thread { name: "verify", source })
    }
}

#[cfg(test)]
mod tests {
    use agentd_host::{Intent, PlanSettings, Topology, place};

    use super::*;

    #[test]
    fn there_is_one_check_at_a_time_and_it_is_known_until_it_ends() {
        let (go, wait) = std::sync::mpsc::sync_channel::<()>(0);
        let wait = std::sync::Mutex::new(wait);
        let checking = Checking::default();
        let placement = place(&Topology::detect(), Intent::Io, &PlanSettings::default());
        let checker = Checker::new(placement, checking.clone(), move || {
            wait.lock().unwrap().recv().unwrap();
            Verification { records: 7, ..Verification::default() }
        });
        for _ in 0..2 {
            let (tell, told) = oneshot::channel();
            checker.begin(tell).unwrap();
            assert!(checking.is_under_way());
            assert!(matches!(checker.begin(oneshot::channel().0), Err(Error::Checking)));
            go.send(()).unwrap();
            assert_eq!(told.blocking_recv().unwrap().records, 7);
            assert!(!checking.is_under_way());
        }
    }
}
