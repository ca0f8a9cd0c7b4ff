//! What the daemon stands on while it runs: its state folder, its socket's path, the folders in which tasks leave what they
//! make, room on the disk. `App::run` looks at the first two from time to time; the others are looked at when somebody
//! submits or asks, and at most every few seconds.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use agentd_base::{Classify, ErrorClass, MonoMs, bytes};
use agentd_host::{Clock, DiskSpace};
use agentd_proto::doctor::shell_word;
use rustix::fs::{Access, access};
use tokio::sync::Notify;

use crate::{
    config::Watermarks,
    sabotage::{Point, is},
};

/// In the state folder: where payloads lie, and what belongs to single tasks. They are made when they are needed; as
/// something else they would let every task fail, or wait for ever.
const FOLDERS: [&str; 2] = ["blobs", "tasks"];

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
    /// A folder in the state folder cannot be used.
    #[error("no task is accepted: {0}")]
    Barred(String),
    /// There is hardly any room.
    #[error(
        "the disk is almost full: {} free on the volume of {}, new tasks need {}; make room there (df -h {}), and it serves again by itself, or lower disk.critical_bytes",
        bytes(*free), state_dir.display(), bytes(*needed), shell_word(state_dir)
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
            Self::Lost(_) | Self::Barred(_) => ErrorClass::Unavailable,
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
    /// When the disk was looked at last.
    looked: Option<MonoMs>,
    /// Not known: the journal will find out by itself.
    space: Option<DiskSpace>,
    /// Why tasks were refused for what was found on the disk at the last look.
    barred: Option<NoGround>,
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
        self.look_at_disk(&mut found);
        let lost = found.lost.clone().filter(|_| !is(Point::GroundLost));
        lost.map(NoGround::Lost).or_else(|| found.barred.clone())
    }

    /// What works, but will not for long.
    pub fn warnings(&self) -> Vec<String> {
        let mut found = self.found();
        self.look_at_disk(&mut found);
        let low = found.space.and_then(|DiskSpace { free_bytes, total_bytes }| {
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

    /// Looks at the disk, unless that was done a few seconds ago. What changes is logged.
    fn look_at_disk(&self, found: &mut Found) {
        let now = self.clock.mono();
        if found.looked.is_some_and(|at| now.since(at) < FRESH || is(Point::GroundFresh)) {
            return;
        }
        let asked = (self.ask)(&self.state_dir);
        let space = asked.inspect_err(|error| tracing::debug!(%error, "free space is not known")).ok();
        let barred = FOLDERS.iter().find_map(|name| unusable(&self.state_dir.join(name)));
        let barred = barred.map(NoGround::Barred).or_else(|| space.and_then(|space| self.no_room(space)));
        match &barred {
            Some(why) if found.barred.is_none() => tracing::error!(%why, "submits are refused"),
            None if found.barred.is_some() => tracing::info!("what was in the way is mended; tasks are accepted"),
            _ => {}
        }
        (found.looked, found.space, found.barred) = (Some(now), space, barred);
        self.look.notify_one();
    }

    fn no_room(&self, space: DiskSpace) -> Option<NoGround> {
        let needed = self.marks.critical(space.total_bytes);
        let full = space.free_bytes < needed && !is(Point::GroundFull);
        full.then(|| NoGround::DiskFull { state_dir: self.state_dir.clone(), free: space.free_bytes, needed })
    }
}

/// What is wrong with a folder in the state folder, and what to do. It may be a link to one; that it is not there is right.
fn unusable(path: &Path) -> Option<String> {
    let (shown, word) = (path.display(), shell_word(path));
    let away = |what: &str| Some(format!("{shown} {what}; move it away (ls -ld {word}), it is made anew"));
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => {
            let refused = access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).err()?;
            Some(format!(
                "{shown} is closed to agentd ({refused}); give it back its folder (ls -ld {word}; chmod 700 {word})"
            ))
        }
        Ok(_) => away("is no folder"),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Some(format!("{shown} cannot be looked at ({error}); see what is there: ls -ld {word}"))
        }
        Err(_) => fs::symlink_metadata(path).ok().and_then(|_| away("is a link to nothing")),
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
        for part in
            ["0 B free", "/state", "536.9 MB", "make room there (df -h /state)", "by itself", "disk.critical_bytes"]
        {
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
    #[test]
    pub(crate) fn what_stands_where_a_folder_belongs_is_named_until_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        FREE.set(1 << 40);
        let premises = Premises::new(folder.path().to_owned(), MARKS, Arc::clone(&clock) as Arc<dyn Clock>, ask);
        for name in FOLDERS {
            let path = folder.path().join(name);
            assert_eq!(premises.refusal(), None, "it is made when it is needed");
            let link = |to: &str| std::os::unix::fs::symlink(to, &path).unwrap();
            let kinds: [(&dyn Fn(), &str); 3] = [
                (&|| fs::write(&path, "a").unwrap(), "is no folder"),
                (&|| link("/nowhere"), "is a link to nothing"),
                (&|| link(name), "cannot be looked at"),
            ];
            for (make, words) in kinds {
                make();
                clock.advance(FRESH);
                let told = premises.refusal().map(|why| (why.class(), why.to_string())).unwrap();
                assert_eq!(told.0, ErrorClass::Unavailable);
                assert!(
                    told.1.contains(&format!("{} {words}", path.display())) && told.1.contains("ls -ld"),
                    "{told:?}"
                );
                fs::remove_file(&path).unwrap();
                clock.advance(FRESH);
            }
            link("/");
            assert_eq!(premises.refusal(), None, "a link to a folder is a folder");
            fs::remove_file(&path).unwrap();
            clock.advance(FRESH);
        }
    }
}
