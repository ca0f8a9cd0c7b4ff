//! Whose turn it is: one examination at a time, since two would measure each other's syncs. A look at a folder that never
//! answers keeps its turn for ever; from then on examinations do without what may block, and say what still waits for what.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use agentd_proto::{
    doctor::{DISK, shell_word},
    limits::RETRY_AFTER_TRAILER,
    v1::{DoctorCheck, Verdict},
};
use tokio::sync::mpsc;
use tonic::{Status, metadata::MetadataValue};

/// How long disk and folders may take together. Whoever takes longer is not waited for any more.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What takes longer does not answer; what takes less may only have been the last of many.
const SILENT: Duration = Duration::from_secs(3);

/// What a look may wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    /// The engine, before the look itself begins.
    Engine,
    /// The sensors of the machine.
    Sensors,
    /// The state folder: syncs, and the size of what is stored.
    State(PathBuf),
    /// A folder of a task.
    Folder(PathBuf),
}

/// Gives out turns.
#[derive(Debug, Clone, Default)]
pub(super) struct Desk(Arc<Mutex<Option<Look>>>);

/// The examination that is under way.
#[derive(Debug)]
struct Look {
    began: Instant,
    at: At,
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
                *look = Some(Look { began: now, at: At::Engine, since: now });
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

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine => f.write_str("the engine"),
            Self::Sensors => f.write_str("the sensors of the machine"),
            Self::State(folder) => write!(f, "the state folder {}", folder.display()),
            Self::Folder(folder) => write!(f, "folder {}", folder.display()),
        }
    }
}

impl Look {
    fn told(&self, now: Instant) -> DoctorCheck {
        let since = now.saturating_duration_since(self.since);
        let (at, seconds) = (&self.at, since.as_secs());
        let found = if since < SILENT {
            let all = now.saturating_duration_since(self.began).as_secs();
            format!("not finished within {all} s; it was at {at}, which began {seconds} s ago")
        } else {
            let why = match at {
                At::Engine | At::Sensors => "the system does not answer",
                At::State(_) => "very much is stored there, or its disk does not answer",
                At::Folder(_) => "the disk or the server behind it does not answer",
            };
            format!("a look at {at} began {seconds} s ago and has not ended: {why}")
        };
        let rest = "Until it ends, memory, load, heat, power, disk and folders are not looked at again";
        let check = DoctorCheck::of(DISK, "look", Verdict::Unknown, format!("{found}. {rest}"));
        match at {
            At::Folder(_) if since >= SILENT => {
                check.with_remedy("see whether its server answers, or unmount it; the look ends by itself then")
            }
            At::State(folder) if since >= SILENT => check
                .with_remedy("see how much is stored, and whether its disk answers")
                .with_command(format!("du -sh {}", shell_word(folder))),
            _ => check.with_remedy("ask again in a moment"),
        }
    }
}

impl Turn {
    fn begins(&self, at: At, now: Instant) {
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
    fn begins(&mut self, _at: At) {}

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
    fn begins(&mut self, at: At) {
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
        first.begins(At::Folder("/mnt/silent".into()), now + Duration::from_secs(3));
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

    #[test]
    fn only_what_has_taken_some_seconds_does_not_answer_and_nobody_unmounts_his_state_folder() {
        let (desk, now) = (Desk::default(), Instant::now());
        let turn = turn(&desk, now);
        let (folder, state) = (At::Folder("/mnt/slow".into()), At::State("/home/u/.agentd".into()));
        for (at, began, is_silent, may_unmount) in [
            (folder.clone(), 10, false, false),
            (folder.clone(), 8, false, false),
            (folder, 7, true, true),
            (state.clone(), 0, true, false),
            (state, 9, false, false),
            (At::Sensors, 0, true, false),
            (At::Engine, 0, true, false),
        ] {
            turn.begins(at.clone(), now + Duration::from_secs(began));
            let check = desk.stuck(now + PATIENCE).unwrap();
            assert!(check.found.contains(&at.to_string()) && !check.remedy.is_empty(), "{check:?}");
            assert_eq!(check.found.contains("does not answer"), is_silent, "{check:?}");
            assert_eq!(check.found.contains("not finished within 10 s"), !is_silent, "{check:?}");
            assert_eq!(check.remedy.contains("unmount"), may_unmount, "{check:?}");
        }
    }
}
