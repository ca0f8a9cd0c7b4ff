//! An export to a file. All that touches the file's disk happens on threads beside the one that hears signals: a disk that
//! does not answer must not keep anybody from leaving.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use agentd_engine::{Archived, export};
use agentd_host::{Intent, PlanSettings, Topology, place};
use agentd_proto::rendezvous::is_stored;
use tokio::sync::oneshot;

use super::{checked, partial::Partial, steps};
use crate::Error;

/// So long a disk gets, after a signal, to remove what was not finished or to finish what has its name.
const PATIENCE: Duration = Duration::from_secs(5);

/// Written beside the name, made durable, read back, and only then given the name.
#[derive(Debug, Clone)]
pub(super) struct ToFile {
    state: PathBuf,
    path: PathBuf,
    force: bool,
}

impl ToFile {
    pub(super) fn new(state: &Path, path: &Path, force: bool) -> Self {
        Self { state: state.to_owned(), path: path.to_owned(), force }
    }

    /// Until `stop` comes: then nothing of it is left, if the disk answers in time.
    ///
    /// # Errors
    /// [`Error::ArchiveThere`], [`Error::ArchiveInside`], [`Error::ArchiveFile`], [`Error::Interrupted`], [`Error::Left`], and what is wrong with the journal.
    pub(super) async fn export(self, own_uid: u32, stop: impl Future<Output = ()>) -> Result<Archived, Error> {
        let partial = Arc::new(Partial::beside(&self.path).map_err(self.fault("write"))?);
        let (theirs, archive) = (Arc::clone(&partial), self.path.clone());
        unless_stopped(&archive, &partial, move || self.run(&theirs, own_uid), stop).await
    }

    fn fault(&self, what: &'static str) -> impl FnOnce(io::Error) -> Error {
        let path = self.path.clone();
        move |source| Error::ArchiveFile { what, path, source }
    }

    fn run(&self, partial: &Partial, own_uid: u32) -> Result<Archived, Error> {
        self.refuse_existing()?;
        let written = self.write(partial, own_uid).inspect_err(|_| {
            // What cannot be removed now goes with the next export.
            let _ = partial.discard();
        })?;
        let folder = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(self.fault("sync the folder of"))?;
        Ok(written)
    }

    /// A quick look, before anything is written. A link to nowhere is something too.
    fn refuse_existing(&self) -> Result<(), Error> {
        if is_stored(&self.state, &self.path) {
            return Err(Error::ArchiveInside { path: self.path.clone() });
        }
        match fs::symlink_metadata(&self.path) {
            Ok(_) if !self.force => Err(self.there()),
            Ok(_) if self.path.is_dir() => Err(self.fault("write over")(io::ErrorKind::IsADirectory.into())),
            _ => Ok(()),
        }
    }

    fn there(&self) -> Error {
        Error::ArchiveThere { path: self.path.clone() }
    }

    fn write(&self, partial: &Partial, own_uid: u32) -> Result<Archived, Error> {
        let file = partial.make(own_uid).map_err(self.fault("write"))?;
        let written = export(&self.state, &mut &*file, &mut steps())?;
        file.sync_all().map_err(self.fault("sync"))?;
        // What no import would take is no backup.
        let read = checked(partial.path())?.holds();
        if read != written {
            return Err(self.fault("read back")(io::Error::other("it does not hold what was written")));
        }
        if self.path.exists() {
            // One that is there may have what this one lacks.
            written.whole("so it does not replace the one that is there; export to another name")?;
        }
        partial.place(&self.path, self.force).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => self.there(),
            _ => self.fault("write")(source),
        })?;
        Ok(written)
    }
}

/// Does `work` until `stop` comes, and then discards the file, or brings it to its end if it has its name already. Both as far
/// as the disk answers in time. Who is told twice, as by a terminal and by its client, does not hurry for that.
async fn unless_stopped<T: Send + 'static>(
    archive: &Path,
    partial: &Arc<Partial>,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    stop: impl Future<Output = ()>,
) -> Result<T, Error> {
    let died = |_| {
        let source = io::Error::other("its thread has died, which is a fault of agentd");
        Error::ArchiveFile { what: "write", path: archive.to_owned(), source }
    };
    let mut done = aside(work)?;
    tokio::select! {
        done = &mut done => return done.map_err(died)?,
        () = stop => {}
    }
    let theirs = Arc::clone(partial);
    let discarded = aside(move || theirs.discard())?;
    let (left, archive) = (partial.path().display(), archive.display());
    let ended = async {
        match discarded.await.map_err(died)? {
            Ok(true) => Err(Error::Interrupted),
            Ok(false) => done.await.map_err(died)?,
            Err(source) => {
                Err(Error::Left { left: format!("{left} is left, which the next export to that name removes"), source })
            }
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap_or_else(|_| {
        let left =
            format!("{left} may be left, which the next export to that name removes, or {archive} be there already");
        let source = io::Error::new(io::ErrorKind::TimedOut, "the disk has not answered yet");
        Err(Error::Left { left, source })
    })
}

/// Does something on a thread of its own. Whoever hears nothing of it any more hears that the thread has died.
fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<oneshot::Receiver<T>, Error> {
    let (tell, told) = oneshot::channel();
    let placement = place(&Topology::detect(), Intent::Io, &PlanSettings::default());
    let thread = agentd_host::spawn("export", &placement, move || drop(tell.send(work())));
    thread.map_err(|source| Error::System { what: "a thread", source })?;
    Ok(told)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "tests with a clock of their own need tokio's test runtime")]

    use std::{os::unix::fs::MetadataExt as _, sync::mpsc::sync_channel};

    use super::*;

    /// An archive's name, and its file that is not yet whole.
    fn begun(dir: &Path) -> (PathBuf, Arc<Partial>) {
        let archive = dir.join("a.tar");
        let partial = Arc::new(Partial::beside(&archive).unwrap());
        partial.make(dir.metadata().unwrap().uid()).unwrap();
        (archive, partial)
    }

    #[tokio::test]
    async fn an_export_that_is_interrupted_leaves_nothing_and_one_that_has_its_name_is_done() {
        for placed in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let (archive, partial) = begun(dir.path());
            if placed {
                partial.place(&archive, false).unwrap();
            }
            // The work goes on when the stop has come, and not before.
            let (go, wait) = sync_channel(1);
            let work = move || wait.recv().map_err(|_| Error::Died("nobody stopped it".to_owned()));
            let done = unless_stopped(&archive, &partial, work, async { go.send(()).unwrap() }).await;
            assert_eq!(done.is_ok(), placed, "{done:?}");
            assert!(placed || matches!(done, Err(Error::Interrupted)), "{done:?}");
            assert_eq!((archive.exists(), partial.path().exists()), (placed, false));
        }
    }

    /// What works never ends, as on a mount that hangs: in the middle of it, or with the name given already.
    #[tokio::test(start_paused = true)]
    async fn a_disk_that_does_not_answer_keeps_nobody_who_wants_to_leave() {
        for placed in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let (archive, partial) = begun(dir.path());
            if placed {
                partial.place(&archive, false).unwrap();
            }
            let (end, hangs) = sync_channel::<()>(1);
            let (held, is_held) = sync_channel::<()>(1);
            let theirs = Arc::clone(&partial);
            let work = move || {
                let hang = || {
                    held.send(()).unwrap();
                    let _ = hangs.recv();
                };
                // Calls to the disk that make, remove or rename it do so under its lock.
                if placed {
                    hang()
                } else {
                    theirs.locked_while(hang)
                }
                Err::<(), _>(Error::Interrupted)
            };
            let stop = async { is_held.recv().unwrap() };
            let said = unless_stopped(&archive, &partial, work, stop).await.unwrap_err();
            assert!(matches!(&said, Error::Left { left, .. } if left.contains("may be left")), "{said}");
            drop(end);
        }
    }

    #[tokio::test]
    async fn what_cannot_be_removed_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (archive, partial) = begun(dir.path());
        // Nothing can be looked up below what is no folder.
        let moved = dir.path().with_extension("moved");
        fs::rename(dir.path(), &moved).unwrap();
        fs::write(dir.path(), "").unwrap();
        let (go, wait) = sync_channel(1);
        let work = move || wait.recv().map_err(|_| Error::Died("nobody stopped it".to_owned()));
        let said = unless_stopped(&archive, &partial, work, async { go.send(()).unwrap() }).await;
        fs::remove_file(dir.path()).unwrap();
        fs::rename(&moved, dir.path()).unwrap();
        assert!(matches!(&said, Err(Error::Left { left, .. }) if left.contains("is left")), "{said:?}");
    }

    #[test]
    fn what_a_daemon_lives_on_is_known_by_any_of_its_names() {
        let dir = tempfile::tempdir().unwrap();
        let (state, beside) = (dir.path().join("state"), dir.path().join("beside"));
        for folder in ["log", "logs", "blobs/ab", "tasks/7"] {
            fs::create_dir_all(state.join(folder)).unwrap();
        }
        fs::create_dir(&beside).unwrap();
        fs::write(state.join("log/1.seg"), "").unwrap();
        for (link, target) in
            [("folder", "../state/log"), ("file", "../state/log/1.seg"), ("new", "file2"), ("self", "self")]
        {
            std::os::unix::fs::symlink(target, beside.join(link)).unwrap();
        }
        std::os::unix::fs::symlink("../state/log/2.seg", beside.join("file2")).unwrap();
        for name in [
            "state/log/1.seg",
            "state/log/2.seg",
            "state/tasks/../log/new",
            "state/blobs/ab/cd",
            "state/log",
            "state/index",
            "state/log.before-2",
            "state/agentd.lock",
            "beside/folder/3.seg",
            "beside/file",
            "beside/new",
        ] {
            assert!(is_stored(&state, &dir.path().join(name)), "{name}");
            let to_file = ToFile::new(&state, &dir.path().join(name), true);
            assert!(matches!(to_file.refuse_existing(), Err(Error::ArchiveInside { .. })), "{name}");
            assert!(!is_stored(&beside, &dir.path().join(name)), "{name}");
        }
        for name in [
            "state/config.toml",
            "state/a.tar",
            "state/tasks/7/report.md",
            "state/logs/agentd.log",
            "state/agentd.lock.md",
            "beside/log",
            "beside/self",
            "nowhere/log",
        ] {
            assert!(!is_stored(&state, &dir.path().join(name)), "{name}");
        }
    }

    #[test]
    fn what_is_there_is_refused_also_if_it_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("a.tar");
        let to_file = |force| ToFile::new(dir.path(), &archive, force);
        assert!(to_file(false).refuse_existing().is_ok());
        std::os::unix::fs::symlink("nowhere", &archive).unwrap();
        assert!(matches!(to_file(false).refuse_existing(), Err(Error::ArchiveThere { .. })));
        assert!(to_file(true).refuse_existing().is_ok());
        fs::remove_file(&archive).unwrap();
        fs::create_dir(&archive).unwrap();
        assert!(matches!(to_file(false).refuse_existing(), Err(Error::ArchiveThere { .. })));
        assert!(matches!(to_file(true).refuse_existing(), Err(Error::ArchiveFile { .. })));
    }
}
