//! Archives of the journal, for `agentd-cli journal export` and `import`. An export needs no daemon and minds none; an import
//! is the owner of the state folder for its time. How far it is, and what was done, goes to standard error as lines of JSON.

pub(crate) mod partial;
mod to_file;

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::fs::MetadataExt as _,
    },
    path::{Path, PathBuf},
};

use agentd_engine::{Archived, CheckedArchive, check_archive, export};
use agentd_host::StopSignals;
use agentd_journal::{RealDisk, journal_folders};
use agentd_proto::doctor::shell_word;
use clap::Args;
use serde_json::json;

use self::to_file::ToFile;
use super::{lock, state_dir};
use crate::Error;

/// Stands for standard output.
const STDOUT: &str = "-";
/// What is to be done about an archive that lacks something.
const ALL_ELSE: &str = "everything else is in it, and `journal verify` tells of the files where it comes from; put those back \
                        from a backup and export again, or keep it as it is";
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
/// [`Error::NoOutput`], [`Error::ArchiveThere`], [`Error::ArchiveInside`], [`Error::ArchiveFile`], [`Error::Interrupted`], [`Error::Left`],
/// [`Error::JournalThere`], [`Error::AlreadyRunning`], what makes the state folder unusable, and [`Error::Engine`] for what is wrong with the
/// journal or the archive, also if that was written and lacks what was lost.
pub async fn run(work: &Work, state: &Path, own_uid: u32) -> Result<(), Error> {
    let done = match work {
        Work::Export { file, force } => {
            if !state.exists() {
                return Err(Error::Engine(agentd_journal::Error::NoJournal.into()));
            }
            state_dir::prepare(state, own_uid)?;
            if file.is_none() && leads_nowhere(io::stdout().as_fd()) {
                return Err(Error::NoOutput);
            }
            match file {
                Some(file) => {
                    let system = |source| Error::System { what: "a signal handler", source };
                    let mut signals = StopSignals::new().map_err(system)?;
                    let stop = async {
                        let _ = signals.next().await;
                    };
                    ToFile::new(state, file, *force).export(own_uid, stop).await?
                }
                None => export(state, &mut BufWriter::new(io::stdout().lock()), &mut steps())?,
            }
        }
        Work::Import { file, finished_only } => {
            // Before the archive is read, which may take long.
            refuse_journal(state)?;
            let archive = checked(file)?;
            import(archive, (file, state), (own_uid, *finished_only)).await?
        }
        Work::Check(file) => checked(file)?.holds(),
    };
    tell(&json!({
        "records": done.records, "open_tasks": done.open, "left_out": done.left_out, "segments": done.segments,
        "documents": done.documents, "bytes": done.bytes, "lost": done.lost,
    }));
    match work {
        // It is there and in order; who looks at the exit code alone hears of it too.
        Work::Export { .. } | Work::Check(_) => Ok(done.whole(ALL_ELSE)?),
        Work::Import { .. } => Ok(()),
    }
}

/// True if what is written goes to `/dev/null`, as it does too where standard output was closed: the runtime has opened it
/// there. The client says the same, and who throws an archive away by accident has no backup.
fn leads_nowhere(stream: BorrowedFd<'_>) -> bool {
    let of_stream = || {
        let stream = File::from(stream.try_clone_to_owned()?);
        Ok::<_, io::Error>(stream.metadata()?.rdev() == fs::metadata("/dev/null")?.rdev())
    };
    of_stream().unwrap_or(false)
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

/// Reads an archive and compares all of it.
fn checked(path: &Path) -> Result<CheckedArchive, Error> {
    check_archive(path, &mut steps()).map_err(|error| unread(path, error))
}

/// An archive that cannot be read is no fault of the state folder.
fn unread(path: &Path, error: agentd_engine::Error) -> Error {
    match error {
        agentd_engine::Error::Journal(agentd_journal::Error::Unread { source }) => {
            Error::ArchiveFile { what: "read", path: path.to_owned(), source }
        }
        error => error.into(),
    }
}

async fn import(
    archive: CheckedArchive,
    (file, state): (&Path, &Path),
    (own_uid, finished_only): (u32, bool),
) -> Result<Archived, Error> {
    state_dir::prepare(state, own_uid)?;
    let _lock = lock::own(state).await?;
    archive.import(state, finished_only, &mut steps()).map_err(|error| match error {
        agentd_engine::Error::Journal(agentd_journal::Error::JournalThere { .. }) => journal_there(state),
        error => unread(file, error),
    })
}

/// With commands to copy into a shell.
fn journal_there(state: &Path) -> Error {
    let folders = RealDisk::new(state).ok().and_then(|disk| journal_folders(&disk).ok());
    let folders = folders.unwrap_or_else(|| vec!["log".to_owned(), "blobs".to_owned()]);
    let folders: String = folders.iter().map(|name| shell_word(&state.join(name)) + " ").collect();
    let old = shell_word(&unused_name(state));
    let put_aside = format!("agentd-cli stop && mkdir -m 700 {old} && mv {folders}{old}/");
    Error::JournalThere { state_dir: state.to_owned(), put_aside }
}

/// A name beside the state folder at which nothing stands.
fn unused_name(state: &Path) -> PathBuf {
    let name = |end: String| {
        let mut name = state.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let free = |path: &PathBuf| fs::symlink_metadata(path).is_err();
    let numbered = (2..1000).map(|number| name(format!(".old-{number}")));
    std::iter::once(name(".old".to_owned())).chain(numbered).find(free).unwrap_or_else(|| name(".old".to_owned()))
}

/// A quick look; the import itself looks closer.
fn refuse_journal(state: &Path) -> Result<(), Error> {
    let mut names = fs::read_dir(state.join("log")).into_iter().flatten().flatten();
    let segment = names.any(|entry| entry.path().extension().is_some_and(|end| end == "seg"));
    if segment { Err(journal_there(state)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use agentd_base::{Classify as _, ErrorClass};

    use super::*;

    fn private(path: &Path) {
        state_dir::prepare(path, path.parent().unwrap().metadata().unwrap().uid()).unwrap();
    }

    #[test]
    fn an_archive_that_cannot_be_read_is_no_fault_of_the_state_folder() {
        for (number, class) in [(5, ErrorClass::Unavailable), (13, ErrorClass::Denied)] {
            let refused = agentd_journal::Error::Unread { source: io::Error::from_raw_os_error(number) };
            let error = unread(Path::new("/usb/a.tar"), refused.into());
            let said = crate::describe(&error);
            assert!(said.starts_with("cannot read /usb/a.tar: ") && !said.contains("state folder"), "{said}");
            assert_eq!(error.class(), class, "{said}");
        }
    }

    #[test]
    fn a_stream_that_was_closed_or_thrown_away_leads_nowhere() {
        let open = |path: &str, read| fs::OpenOptions::new().read(read).write(true).open(path).unwrap();
        let file = tempfile::tempfile().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        for (stream, nowhere) in [
            (open("/dev/null", true).as_fd(), true),
            (open("/dev/null", false).as_fd(), true),
            (open("/dev/zero", true).as_fd(), false),
            (file.as_fd(), false),
            (writer.as_fd(), false),
        ] {
            assert_eq!(leads_nowhere(stream), nowhere, "{stream:?}");
        }
        drop(reader);
    }

    #[test]
    fn the_command_that_puts_a_journal_aside_can_be_copied_into_a_shell() {
        let dir = tempfile::tempdir().unwrap();
        let support = dir.path().join("Application Support, 'mine'");
        fs::create_dir(&support).unwrap();
        let state = support.join("agentd");
        // What is there; what is no journal stays.
        let turns: [(&[&str], &str); 3] = [
            (&["log", "blobs", "index"], "agentd.old"),
            (&["log", "log.before-1"], "agentd.old-2"),
            (&["log.new"], "agentd.old-3"),
        ];
        for (folders, old) in turns {
            private(&state);
            folders.iter().for_each(|name| fs::create_dir(state.join(name)).unwrap());
            fs::create_dir_all(state.join("logs")).unwrap();
            let Error::JournalThere { put_aside, .. } = journal_there(&state) else { panic!("{folders:?}") };
            let command = put_aside.strip_prefix("agentd-cli stop && ").unwrap();
            #[expect(clippy::disallowed_methods, reason = "a test does what the user would do")]
            let status = Command::new("sh").args(["-e", "-c", command]).stdin(Stdio::null()).status().unwrap();
            assert!(status.success(), "{command}");
            let names = |path: &Path| -> Vec<_> {
                let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
                names.sort();
                names
            };
            let mut wanted = folders.to_vec();
            wanted.sort_unstable();
            assert_eq!(names(&support.join(old)), wanted, "{command}");
            assert_eq!(names(&state), ["logs"]);
            assert_eq!(support.join(old).metadata().unwrap().mode() & 0o777, 0o700);
        }
        // A start on what is left begins anew.
        let open = || {
            let disk = std::sync::Arc::new(RealDisk::new(&state).unwrap());
            agentd_journal::Log::open(disk, agentd_journal::Options::default())
        };
        let reached = open().unwrap().log.reader().reached();
        agentd_journal::Index::open(&RealDisk::new(&state).unwrap(), reached).unwrap().0.close(reached).unwrap();
        let Error::JournalThere { put_aside, .. } = journal_there(&state) else { panic!("there is one") };
        let command = put_aside.strip_prefix("agentd-cli stop && ").unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test does what the user would do")]
        let status = Command::new("sh").args(["-e", "-c", command]).stdin(Stdio::null()).status().unwrap();
        assert!(status.success() && open().unwrap().report.created, "{command}");
    }
}
