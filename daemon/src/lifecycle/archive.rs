//! Archives of the journal, for `agentd-cli journal export` and `import`. An export needs no daemon and minds none; an import
//! is the owner of the state folder for its time. How far it is, and what was done, goes to standard error as lines of JSON.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use agentd_engine::{Archived, CheckedArchive, check_archive, export};
use clap::Args;
use serde_json::json;

use super::{lock, state_dir};
use crate::Error;

/// What stands behind the name of an archive that is not yet whole.
const PARTIAL: &str = ".agentd-partial";
/// Stands for standard output.
const STDOUT: &str = "-";
/// Lines that tell how far it is, at most.
const LINES: u64 = 100;

/// What is to be done with an archive. Hidden: `agentd-cli journal` is the face of it.
#[derive(Debug, Clone, Default, Args)]
pub struct ArchiveArgs {
    /// Write all that is stored into an archive, `-` for standard output.
    #[arg(long, hide = true, value_name = "FILE")]
    pub export_journal: Option<PathBuf>,
    /// Make the journal from an archive, in a state folder that has none.
    #[arg(long, hide = true, value_name = "FILE", conflicts_with = "export_journal")]
    pub import_journal: Option<PathBuf>,
    /// Only check the archive.
    #[arg(long, hide = true, requires = "import_journal")]
    pub check_only: bool,
    /// Leave open tasks out of an import.
    #[arg(long, hide = true, requires = "import_journal")]
    pub finished_only: bool,
    /// Write over an archive that is there.
    #[arg(long, hide = true, requires = "export_journal")]
    pub force: bool,
}

/// One of the things to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// To standard output, or to a file.
    Export {
        /// `None`: standard output.
        file: Option<PathBuf>,
        /// A file that is there is written over.
        force: bool,
    },
    /// From a file.
    Import {
        /// The archive.
        file: PathBuf,
        /// Open tasks are left out.
        finished_only: bool,
    },
    /// Of a file.
    Check(PathBuf),
}

impl ArchiveArgs {
    /// What was asked for; `None`: the daemon is to run.
    #[must_use]
    pub fn work(&self) -> Option<Work> {
        if let Some(file) = &self.export_journal {
            let file = (file.as_os_str() != STDOUT).then(|| file.clone());
            return Some(Work::Export { file, force: self.force });
        }
        let file = self.import_journal.clone()?;
        let finished_only = self.finished_only;
        Some(if self.check_only { Work::Check(file) } else { Work::Import { file, finished_only } })
    }
}

/// Does it, and tells.
///
/// # Errors
/// [`Error::ArchiveThere`], [`Error::ArchiveFile`], [`Error::JournalThere`], [`Error::AlreadyRunning`], what makes the state
/// folder unusable, and [`Error::Engine`] for what is wrong with the journal or the archive.
pub async fn run(work: &Work, state: &Path, own_uid: u32) -> Result<(), Error> {
    let done = match work {
        Work::Export { file, force } => {
            if !state.exists() {
                return Err(Error::Engine(agentd_journal::Error::NoJournal.into()));
            }
            state_dir::prepare(state, own_uid)?;
            match file {
                Some(file) => to_file(state, file, *force)?,
                None => export(state, &mut BufWriter::new(io::stdout().lock()), &mut steps())?,
            }
        }
        Work::Import { file, finished_only } => {
            // Before the archive is read, which may take long.
            vacant(state)?;
            let archive = check_archive(file, &mut steps())?;
            import(archive, state, (own_uid, *finished_only)).await?
        }
        Work::Check(file) => check_archive(file, &mut steps())?.holds(),
    };
    tell(&json!({
        "records": done.records, "open_tasks": done.open, "left_out": done.left_out, "segments": done.segments,
        "documents": done.documents, "bytes": done.bytes,
    }));
    Ok(())
}

/// Whoever reads it may have gone away.
fn tell(line: &serde_json::Value) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Tells each hundredth.
fn steps() -> impl FnMut(u64, u64) {
    let mut told = 0;
    move |done, total| {
        let step = (done.saturating_mul(LINES)).checked_div(total).unwrap_or(LINES);
        if step != told {
            told = step;
            tell(&json!({"done": done, "total": total}));
        }
    }
}

async fn import(
    archive: CheckedArchive,
    state: &Path,
    (own_uid, finished_only): (u32, bool),
) -> Result<Archived, Error> {
    state_dir::prepare(state, own_uid)?;
    let _lock = lock::own(state).await?;
    archive.import(state, finished_only, &mut steps()).map_err(|error| match error {
        agentd_engine::Error::Journal(agentd_journal::Error::JournalThere { .. }) => there(state),
        error => error.into(),
    })
}

fn there(state: &Path) -> Error {
    let folders = ["log", "blobs"].map(|name| state.join(name)).into_iter().filter(|folder| folder.exists());
    let folders: String = folders.map(|folder| format!("{} ", folder.display())).collect();
    let old = format!("{}.old", state.display());
    let put_aside = format!("agentd-cli stop && mkdir -m 700 {old} && mv {folders}{old}/");
    Error::JournalThere { state_dir: state.to_owned(), put_aside }
}

/// A quick look; the import itself looks closer.
fn vacant(state: &Path) -> Result<(), Error> {
    let mut names = fs::read_dir(state.join("log")).into_iter().flatten().flatten();
    let segment = names.any(|entry| entry.path().extension().is_some_and(|end| end == "seg"));
    if segment { Err(there(state)) } else { Ok(()) }
}

/// Writes beside the name, makes that durable, reads it back, and only then gives it the name.
fn to_file(state: &Path, path: &Path, force: bool) -> Result<Archived, Error> {
    let fault = |what: &'static str| move |source| Error::ArchiveFile { what, path: path.to_owned(), source };
    let free = || if force || !path.exists() { Ok(()) } else { Err(Error::ArchiveThere { path: path.to_owned() }) };
    free()?;
    if path.is_dir() {
        return Err(fault("write over")(io::ErrorKind::IsADirectory.into()));
    }
    let mut name = path.file_name().ok_or_else(|| fault("write")(io::ErrorKind::InvalidInput.into()))?.to_owned();
    name.push(PARTIAL);
    let (partial, file) = Partial::open(path.with_file_name(name)).map_err(fault("write"))?;
    let written = export(state, &mut &file, &mut steps())?;
    file.sync_all().map_err(fault("sync"))?;
    // What no import would take is no backup.
    let read = check_archive(&partial.path, &mut steps())?.holds();
    if read != written {
        return Err(fault("read back")(io::Error::other("it does not hold what was written")));
    }
    free()?;
    fs::rename(&partial.path, path).map_err(fault("write"))?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault("sync the folder of"))?;
    Ok(written)
}

/// An archive that is not yet whole; gone with this. What a killed export leaves is written over by the next one.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn open(path: PathBuf) -> io::Result<(Self, File)> {
        // Tasks are nobody else's business.
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another export writes there")),
            // Some volumes have no locks.
            Err(TryLockError::Error(_)) => {}
        }
        let partial = Self { path };
        file.set_len(0)?;
        Ok((partial, file))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After a rename there is nothing; else it is best effort.
        let _ = fs::remove_file(&self.path);
    }
}
