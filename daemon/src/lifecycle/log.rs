//! The daemon's log: `<state>/logs/agentd.log`, set aside when it grows too long, and standard error when a person looks.
//! Lines are written by the thread that has something to say; a log that cannot be written never stops the work.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Mutex,
};

use agentd_host::open_regular;
use tracing::Level;
use tracing_subscriber::{
    Layer as _, Registry,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::{SubscriberInitExt as _, TryInitError},
};

use crate::config::Log;

/// Name of the current log file; older ones are `agentd.log.1`, `agentd.log.2` and so on.
pub const NAME: &str = "agentd.log";

/// Sends everything that is logged, and every panic, to the log. Once per process.
///
/// # Errors
/// Something else has taken the log of this process.
pub fn install(folder: &Path, settings: Log, to_stderr: bool) -> Result<(), TryInitError> {
    let file = Mutex::new(RotatingFile::new(folder, settings));
    let to_file = fmt::layer().with_ansi(false).with_thread_names(true).log_internal_errors(false).with_writer(file);
    let colour = io::stderr().is_terminal();
    let to_person =
        to_stderr.then(|| fmt::layer().with_ansi(colour).log_internal_errors(false).with_writer(io::stderr));
    Registry::default()
        .with(to_file.with_filter(filter(settings.level)))
        .with(to_person.with_filter(filter(settings.level)))
        .try_init()?;
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(thread = thread.name().unwrap_or("?"), %panic, %backtrace, "panic: this is a fault of agentd");
    }));
    Ok(())
}

/// Our own rooms from the chosen level on; libraries only when they complain.
fn filter(level: Level) -> Targets {
    Targets::new().with_default(LevelFilter::WARN.min(LevelFilter::from_level(level))).with_target("agentd", level)
}

/// A file that sets itself aside before it grows beyond a limit. Faults are swallowed: the next line tries again.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    settings: Log,
    /// The open file and its length.
    current: Option<(File, u64)>,
}

impl RotatingFile {
    /// A log in `folder`; opened with the first line.
    #[must_use]
    pub fn new(folder: &Path, settings: Log) -> Self {
        Self { path: folder.join(NAME), settings, current: None }
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let added = line.len() as u64;
        let (file, length) = match self.current.take() {
            Some(open) => open,
            None => self.open()?,
        };
        let (mut file, length) = if length > 0 && length + added > self.settings.max_bytes {
            drop(file);
            self.set_aside()?;
            self.open()?
        } else {
            (file, length)
        };
        file.write_all(line)?;
        self.current = Some((file, length + added));
        Ok(())
    }

    fn open(&self) -> io::Result<(File, u64)> {
        let file = open_regular(&self.path, OpenOptions::new().append(true).create(true).mode(0o600))?;
        let length = file.metadata()?.len();
        Ok((file, length))
    }

    /// `.2` becomes `.3`, `.1` becomes `.2`, the current one `.1`; what is too old is overwritten.
    fn set_aside(&self) -> io::Result<()> {
        let older = self.settings.files.saturating_sub(1);
        if older == 0 {
            return fs::remove_file(&self.path);
        }
        for number in (1..older).rev() {
            match fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.numbered(1))
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(format!(".{number}"));
        path.into()
    }
}

impl Write for RotatingFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.append(line).is_err() {
            self.current = None;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(max_bytes: u64, files: u32) -> Log {
        Log { level: Level::INFO, max_bytes, files }
    }

    fn contents(folder: &Path) -> Vec<(String, String)> {
        let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
        let mut all: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (name(&entry), fs::read_to_string(entry.path()).unwrap()))
            .collect();
        all.sort();
        all
    }

    #[test]
    fn old_files_are_set_aside_and_the_oldest_goes() {
        for (files, expected) in [
            (1, vec![("agentd.log", "line 8\nline 9\n")]),
            (
                3,
                vec![
                    ("agentd.log", "line 8\nline 9\n"),
                    ("agentd.log.1", "line 6\nline 7\n"),
                    ("agentd.log.2", "line 4\nline 5\n"),
                ],
            ),
        ] {
            let dir = tempfile::tempdir().unwrap();
            for number in 0..10 {
                // Opened anew each time: a restart goes on where the last run ended.
                let mut log = RotatingFile::new(dir.path(), settings(14, files));
                log.write_all(format!("line {number}\n").as_bytes()).unwrap();
            }
            let found = contents(dir.path());
            let found: Vec<_> = found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_line_longer_than_the_file_is_written_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = RotatingFile::new(dir.path(), settings(8, 2));
        for line in ["a line that is too long\n", "b\n", "another one that is too long\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        let found = contents(dir.path());
        assert_eq!(found[0].1, "another one that is too long\n");
        assert_eq!(found[1].1, "b\n");
    }

    #[test]
    fn a_log_that_cannot_be_written_does_no_harm_and_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("logs");
        let mut log = RotatingFile::new(&folder, settings(100, 2));
        log.write_all(b"lost\n").unwrap();
        fs::create_dir(&folder).unwrap();
        log.write_all(b"kept\n").unwrap();
        assert_eq!(contents(&folder), [("agentd.log".to_owned(), "kept\n".to_owned())]);
    }

    /// Opening it would never end, and whoever has something to say would wait with it.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the standard library makes no pipes with names")]
    fn a_pipe_in_place_of_the_log_keeps_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let mut log = RotatingFile::new(dir.path(), settings(100, 2));
        log.write_all(b"lost\n").unwrap();
        fs::remove_file(&path).unwrap();
        log.write_all(b"kept\n").unwrap();
        assert_eq!(contents(dir.path()), [(NAME.to_owned(), "kept\n".to_owned())]);
    }

    #[test]
    fn our_rooms_are_logged_from_the_level_on_and_libraries_only_when_they_complain() {
        for (level, target, at, expected) in [
            (Level::INFO, "agentd::app", Level::INFO, true),
            (Level::INFO, "agentd_engine::x", Level::DEBUG, false),
            (Level::DEBUG, "agentd_engine::x", Level::DEBUG, true),
            (Level::TRACE, "h2::proto", Level::INFO, false),
            (Level::INFO, "h2::proto", Level::WARN, true),
            (Level::ERROR, "h2::proto", Level::WARN, false),
        ] {
            assert_eq!(filter(level).would_enable(target, &at), expected, "{level} {target} {at}");
        }
    }
}
