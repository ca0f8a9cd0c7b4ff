//! The daemon's log files, as `service logs` shows them: the last lines, and what is added, also when the log is set aside.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Name of the daemon's own log.
pub const LOG: &str = "agentd.log";

/// Where the search for the last lines ends, in bytes from the end.
const FURTHEST: u64 = 1 << 20;

/// Most of what is added that is shown at once, in bytes.
const AT_ONCE: u64 = 256 << 10;

/// The last `lines` lines of a file; what cannot be read is empty.
///
/// # Errors
/// The file cannot be read.
pub fn last_lines(path: &Path, lines: usize) -> io::Result<Vec<u8>> {
    let mut file = crate::file::open(path)?;
    let end = file.metadata()?.len();
    let from = end.saturating_sub(FURTHEST);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(FURTHEST).read_to_end(&mut bytes)?;
    let ends: Vec<usize> = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    let open_end = usize::from(bytes.last().is_some_and(|&last| last != b'\n'));
    let whole = ends.len() + open_end;
    let start = match whole.checked_sub(lines) {
        _ if lines == 0 => bytes.len(),
        Some(0) | None => 0,
        Some(skipped) => ends[skipped - 1] + 1,
    };
    Ok(bytes.split_off(start))
}

/// A file that is read as it grows.
#[derive(Debug)]
pub struct Growing {
    path: PathBuf,
    /// The file, by device and inode, and how far it was read.
    at: Option<(u64, u64, u64)>,
}

impl Growing {
    /// From the present end on; a file that is not there yet is read from its beginning.
    #[must_use]
    pub fn from_end(path: PathBuf) -> Self {
        let at = fs::symlink_metadata(&path).ok().map(|found| (found.dev(), found.ino(), found.len()));
        Self { path, at }
    }

    /// What was added. A new file under the name, or one that became shorter, is read from its beginning.
    ///
    /// # Errors
    /// The file cannot be read; that it is not there is no fault.
    pub fn added(&mut self) -> io::Result<Vec<u8>> {
        let mut file = match crate::file::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let found = file.metadata()?;
        let from = match self.at {
            Some((dev, ino, read)) if (dev, ino) == (found.dev(), found.ino()) && read <= found.len() => read,
            _ => 0,
        };
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(AT_ONCE).read_to_end(&mut bytes)?;
        self.at = Some((found.dev(), found.ino(), from + bytes.len() as u64));
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_whole_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        for (text, lines, expected) in [
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc", 2, "b\nc"),
            ("a\nb\n", 9, "a\nb\n"),
            ("a\nb\n", 2, "a\nb\n"),
            ("a\nb\n", 0, ""),
            ("", 3, ""),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(last_lines(&path, lines).unwrap(), expected.as_bytes(), "{lines} of {text:?}");
        }
        assert!(last_lines(&folder.path().join("missing"), 1).is_err());
    }

    #[test]
    fn a_log_is_followed_over_being_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "old\n").unwrap();
        let mut growing = Growing::from_end(path.clone());
        assert_eq!(growing.added().unwrap(), b"");
        fs::write(&path, "old\nnew\n").unwrap();
        assert_eq!(growing.added().unwrap(), b"new\n");
        fs::rename(&path, folder.path().join("log.1")).unwrap();
        assert_eq!(growing.added().unwrap(), b"", "between the two there is none");
        fs::write(&path, "first\n").unwrap();
        assert_eq!(growing.added().unwrap(), b"first\n");
        fs::write(&path, "x\n").unwrap();
        assert_eq!(growing.added().unwrap(), b"x\n", "cut off and begun again");
    }
}
