//! Whose turn it is: one examination at a time, since two would measure each other's syncs. A look at a folder that never
//! answers keeps its turn for ever; from then on examinations do without what may block, and say what still waits for what.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use agentd_proto::{
    doctor::DISK,
    limits::RETRY_AFTER_TRAILER,
    v1::{DoctorCheck, Verdict},
};
use tokio::sync::mpsc;
use tonic::{Status, metadata::MetadataValue};

/// How long disk and folders may take together. Whoever takes longer is not waited for any more.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Gives out turns.
#[derive(Debug, Clone, Default)]
pub(super) struct Desk(Arc<Mutex<Option<Look>>>);

/// The examination that is under way.
#[derive(Debug)]
struct Look {
    began: Instant,
    at: String,
    since: Instant,
}

/// What whoever wants to examine finds.
#[derive(Debug)]
pub(super) enum Entry {
    /// It is his turn.
    Free(Turn),
    /// An earlier look does not end; what is to be told instead of another one.
    Stuck(DoctorCheck),
}

/// The right to look at what may block; whoever looks holds it to his end.
#[derive(Debug)]
pub(super) struct Turn(Desk);

impl Desk {
    /// Asks for a turn.
    ///
    /// # Errors
    /// Another examination is under way, and will soon be over.
    pub(super) fn enter(&self, now: Instant) -> Result<Entry, Status> {
        let mut look = self.look();
        match &*look {
            None => {
                *look = Some(Look { began: now, at: "the engine".to_owned(), since: now });
                Ok(Entry::Free(Turn(self.clone())))
            }
            Some(stuck) if now.saturating_duration_since(stuck.began) >= PATIENCE => Ok(Entry::Stuck(stuck.told(now))),
            Some(_) => {
                let message = "another examination is under way; ask again in a second".to_owned();
                let mut status = Status::resource_exhausted(message);
                status.metadata_mut().insert(RETRY_AFTER_TRAILER, MetadataValue::from(1_000_u64));
                Err(status)
            }
        }
    }

    /// What the look that is under way waits for; `None` if it has ended by now.
    pub(super) fn stuck(&self, now: Instant) -> Option<DoctorCheck> {
        self.look().as_ref().map(|look| look.told(now))
    }

    fn look(&self) -> MutexGuard<'_, Option<Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Look {
    fn told(&self, now: Instant) -> DoctorCheck {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        let found = format!(
            "a look at {} began {seconds} s ago and has not ended: the disk or the server behind it does not answer. Until it \
             does, memory, load, heat, power, disk and folders are not looked at again",
            self.at
        );
        DoctorCheck::of(DISK, "look", Verdict::Unknown, found)
            .with_remedy("see whether its server answers, or unmount it; the look ends by itself then")
    }
}

impl Turn {
    fn begins(&self, at: String, now: Instant) {
        if let Some(look) = self.0.look().as_mut() {
            (look.at, look.since) = (at, now);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.look() = None;
    }
}

/// Whoever hears what a look finds.
pub(super) trait Listener {
    /// The look begins with something that may block.
    fn begins(&mut self, _at: String) {}

    /// A check is done. `false`: nobody listens any more.
    fn hears(&mut self, check: DoctorCheck) -> bool;
}

impl<F: FnMut(DoctorCheck) -> bool> Listener for F {
    fn hears(&mut self, check: DoctorCheck) -> bool {
        self(check)
    }
}

/// Tells a call that waits, and the desk what it is that it waits for.
#[derive(Debug)]
pub(super) struct Teller {
    pub(super) turn: Turn,
    pub(super) tell: mpsc::Sender<DoctorCheck>,
}

impl Listener for Teller {
    fn begins(&mut self, at: String) {
        self.turn.begins(at, Instant::now());
    }

    fn hears(&mut self, check: DoctorCheck) -> bool {
        self.tell.blocking_send(check).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(desk: &Desk, now: Instant) -> Turn {
        match desk.enter(now) {
            Ok(Entry::Free(turn)) => turn,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_examination_at_a_time_and_the_next_one_after_it() {
        let (desk, now) = (Desk::default(), Instant::now());
        let first = turn(&desk, now);
        let refusal = desk.enter(now + PATIENCE / 2).err().unwrap();
        assert_eq!(refusal.code(), tonic::Code::ResourceExhausted);
        assert!(refusal.metadata().get(RETRY_AFTER_TRAILER).is_some());
        drop(first);
        drop(turn(&desk, now));
    }

    #[test]
    fn a_look_that_never_ends_is_told_and_no_second_one_begins() {
        let (desk, now) = (Desk::default(), Instant::now());
        let first = turn(&desk, now);
        let (tell, told) = mpsc::channel(1);
        // Whoever asked has gone.
        drop(told);
        first.begins("/mnt/silent".to_owned(), now + Duration::from_secs(3));
        for (after, ago) in [(10, " 7 s ago"), (3_603, " 3600 s ago")] {
            match desk.enter(now + Duration::from_secs(after)) {
                Ok(Entry::Stuck(check)) => {
                    assert!(check.found.contains("/mnt/silent") && check.found.contains(ago), "{check:?}");
                    assert_eq!(check.verdict(), Verdict::Unknown);
                }
                other => panic!("{other:?}"),
            }
        }
        // The server answers again.
        let mut teller = Teller { turn: first, tell };
        assert!(!teller.hears(DoctorCheck::of(DISK, "late", Verdict::Ok, "nobody listens")));
        drop(teller);
        assert!(desk.stuck(now).is_none());
        drop(turn(&desk, now));
    }
}
