//! What the daemon stands on while it runs: its state folder, its socket's path, room on the disk. `App::run` looks at the
//! first two from time to time; room is looked at when somebody submits or asks, and at most every few seconds.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use agentd_base::{Classify, ErrorClass, MonoMs, bytes};
use agentd_host::{Clock, DiskSpace};
use tokio::sync::Notify;

use crate::{
    config::Watermarks,
    sabotage::{Point, is},
};

/// How long one look at the disk counts.
const FRESH: Duration = Duration::from_secs(5);

/// Asks for the room on the volume of a path.
pub type AskSpace = fn(&Path) -> Result<DiskSpace, agentd_host::Error>;

/// Why no task is accepted, though the journal could take it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoGround {
    /// The state folder cannot be looked at, or is perhaps no longer ours.
    #[error("no task is accepted: {0}")]
    Lost(String),
    /// There is hardly any room.
    #[error(
        "the disk is almost full: {} free on the volume of {}, new tasks need {}; free some space, or lower disk.critical_bytes",
        bytes(*free), state_dir.display(), bytes(*needed)
    )]
    DiskFull {
        /// The state folder.
        state_dir: PathBuf,
        /// Bytes that there are.
        free: u64,
        /// Bytes that there should be.
        needed: u64,
    },
}

impl Classify for NoGround {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Lost(_) => ErrorClass::Unavailable,
            Self::DiskFull { .. } => ErrorClass::Disk,
        }
    }
}

/// What was found at the last look.
#[derive(Debug)]
pub struct Premises {
    state_dir: PathBuf,
    marks: Watermarks,
    clock: Arc<dyn Clock>,
    ask: AskSpace,
    found: Mutex<Found>,
    /// Somebody submits, and the last look is a while ago: look now.
    pub look: Notify,
    /// Whether tasks are accepted may have changed.
    pub changed: Notify,
}

#[derive(Debug, Default)]
struct Found {
    lost: Option<String>,
    socket: Option<String>,
    /// When it was asked, and the answer; without one, the journal will find out by itself.
    space: Option<(MonoMs, Option<DiskSpace>)>,
}

impl Premises {
    /// Nothing has been looked at yet.
    #[must_use]
    pub fn new(state_dir: PathBuf, marks: Watermarks, clock: Arc<dyn Clock>, ask: AskSpace) -> Self {
        let (look, changed) = (Notify::new(), Notify::new());
        Self { state_dir, marks, clock, ask, found: Mutex::default(), look, changed }
    }

    /// Takes note of a look at folder and socket: what is wrong with each.
    pub fn note(&self, lost: Option<String>, socket: Option<String>) {
        let mut found = self.found();
        match (&lost, &found.lost) {
            (Some(why), None) => tracing::error!(why, "the state folder is lost; no task is accepted"),
            (None, Some(_)) => tracing::info!("the state folder is there again; tasks are accepted"),
            _ => {}
        }
        if let Some(why) = socket.as_ref().filter(|why| found.socket.as_ref() != Some(why)) {
            tracing::warn!(why, "the socket is gone and cannot be bound again yet");
        }
        (found.lost, found.socket) = (lost, socket);
        drop(found);
        self.changed.notify_one();
    }

    /// Why no task is accepted now; `None`: it is.
    pub fn refusal(&self) -> Option<NoGround> {
        let mut found = self.found();
        let space = self.space(&mut found);
        if let Some(why) = found.lost.as_ref().filter(|_| !is(Point::GroundLost)) {
            return Some(NoGround::Lost(why.clone()));
        }
        let space = space?;
        let needed = self.marks.critical(space.total_bytes);
        let full = space.free_bytes < needed && !is(Point::GroundFull);
        full.then(|| NoGround::DiskFull { state_dir: self.state_dir.clone(), free: space.free_bytes, needed })
    }

    /// What works, but will not for long.
    pub fn warnings(&self) -> Vec<String> {
        let mut found = self.found();
        let space = self.space(&mut found);
        let low = space.and_then(|DiskSpace { free_bytes, total_bytes }| {
            let low = self.marks.low(total_bytes);
            (free_bytes < low).then(|| {
                format!(
                    "the disk gets full: {} of {} are free on the volume of {}; free some space, below {} no task is accepted",
                    bytes(free_bytes),
                    bytes(total_bytes),
                    self.state_dir.display(),
                    bytes(self.marks.critical(total_bytes))
                )
            })
        });
        found.socket.clone().into_iter().chain(low).collect()
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The room on the disk, as it was a few seconds ago at most.
    fn space(&self, found: &mut Found) -> Option<DiskSpace> {
        let now = self.clock.mono();
        match found.space {
            Some((at, space)) if now.since(at) < FRESH || is(Point::GroundFresh) => space,
            _ => {
                let asked = (self.ask)(&self.state_dir);
                let space = asked.inspect_err(|error| tracing::debug!(%error, "free space is not known")).ok();
                found.space = Some((now, space));
                self.look.notify_one();
                space
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use agentd_host::ManualClock;

    use super::*;

    const MIB: u64 = 1 << 20;
    const MARKS: Watermarks = Watermarks { low_percent: 10, low_bytes: 2_048 * MIB, critical_bytes: 512 * MIB };

    thread_local! {
        /// Room on the volume that `ask` pretends to see.
        static FREE: Cell<u64> = const { Cell::new(0) };
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands in for a call that can fail")]
    fn ask(_: &Path) -> Result<DiskSpace, agentd_host::Error> {
        Ok(DiskSpace { free_bytes: FREE.get(), total_bytes: 1 << 40 })
    }

    #[test]
    pub(crate) fn room_is_looked_at_again_after_a_while_and_then_decides() {
        let clock = Arc::new(ManualClock::default());
        let premises = Premises::new("/state".into(), MARKS, Arc::clone(&clock) as Arc<dyn Clock>, ask);
        for (free, refused, warned) in
            [(4_096, false, false), (2_047, false, true), (512, false, true), (511, true, true), (0, true, true)]
        {
            FREE.set(free * MIB);
            clock.advance(FRESH);
            assert_eq!(premises.refusal().is_some(), refused, "{free} MiB");
            assert_eq!(premises.warnings().len(), usize::from(warned), "{free} MiB");
        }
        FREE.set(4_096 * MIB);
        clock.advance(FRESH - Duration::from_millis(1));
        let refusal = premises.refusal().expect("the last look still counts");
        assert_eq!(refusal.class(), ErrorClass::Disk);
        for part in ["0 B free", "/state", "536.9 MB", "free some space", "disk.critical_bytes"] {
            assert!(refusal.to_string().contains(part), "{part} in {refusal}");
        }
        clock.advance(Duration::from_millis(1));
        assert_eq!(premises.refusal(), None);
    }

    fn blind(path: &Path) -> Result<DiskSpace, agentd_host::Error> {
        agentd_host::disk_space(&path.join("nowhere"))
    }

    #[test]
    pub(crate) fn a_lost_folder_is_told_until_it_is_back_and_unknown_room_refuses_nothing() {
        let premises = Premises::new("/state".into(), MARKS, Arc::new(ManualClock::default()), blind);
        assert_eq!((premises.refusal(), premises.warnings().len()), (None, 0));
        premises.note(Some("it is gone".to_owned()), Some("somebody else is there".to_owned()));
        let refusal = premises.refusal().unwrap();
        assert_eq!(refusal.class(), ErrorClass::Unavailable);
        assert!(refusal.to_string().contains("it is gone"));
        assert_eq!(premises.warnings(), ["somebody else is there"]);
        premises.note(None, None);
        assert_eq!((premises.refusal(), premises.warnings().len()), (None, 0));
    }
}
