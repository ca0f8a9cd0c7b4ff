//! Reads the answer of a log as it comes, record by record. A record ends with NUL; a commit is three records that begin with
//! byte 1, then one record per file. The line feed that git puts before the first file belongs to no name.

use std::collections::HashMap;

use super::{FileHistory, History, MAX_COMMITS};
use crate::{Result, git::unexpected};

/// Files of a history; a repository with more has most of them from imports.
const MAX_FILES: usize = 50_000;

/// Changes that are held for the commit being read.
const MAX_CHANGES: usize = 50_000;

/// A record is a path, and systems end paths at 4,096 bytes.
const MAX_RECORD: usize = 64 * 1024;

/// Authors that are told apart, in all and per file.
const MAX_AUTHORS: usize = 4_096;
const MAX_FILE_AUTHORS: usize = 255;

/// Reads a log piece by piece.
#[derive(Debug, Default)]
pub struct LogParser {
    rest: Vec<u8>,
    state: State,
    commit: Option<Commit>,
    files: HashMap<Box<str>, Sums>,
    authors: HashMap<Vec<u8>, u16>,
    history: History,
}

/// What the next record is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// A commit's id, or a change.
    #[default]
    Any,
    /// Its time.
    Time,
    /// Its author.
    Author,
    /// Its first change, or the next commit.
    First,
}

#[derive(Debug, Default)]
struct Commit {
    /// `None`: it has no date that can be read.
    time: Option<i64>,
    author: u16,
    changes: Vec<Box<str>>,
    not_utf8: u64,
    over_limit: u64,
}

#[derive(Debug, Default)]
struct Sums {
    commits: u32,
    last: Option<i64>,
    authors: Vec<u16>,
}

impl LogParser {
    /// A parser for the answer to [`super::log_command`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece of the output, cut anywhere.
    ///
    /// # Errors
    /// [`crate::Error::Git`] if this is no log of the asked form.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let mut bytes = bytes;
        while let Some(end) = bytes.iter().position(|byte| *byte == 0) {
            let (record, after) = (&bytes[..end], &bytes[end + 1..]);
            if self.rest.is_empty() {
                self.record(record)?;
            } else {
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(record);
                self.record(&whole)?;
            }
            bytes = after;
        }
        if self.rest.len() + bytes.len() > MAX_RECORD {
            return Err(unexpected("log", &self.rest));
        }
        self.rest.extend_from_slice(bytes);
        Ok(())
    }

    /// The history. `cut`: more was written than was fed; then the last commit is left out, since files of it may miss.
    ///
    /// # Errors
    /// [`crate::Error::Git`] if the output ends within a record and was not cut.
    pub fn finish(mut self, cut: bool) -> Result<History> {
        if !cut {
            if !self.rest.is_empty() || matches!(self.state, State::Time | State::Author) {
                return Err(unexpected("log", &self.rest));
            }
            self.close();
        }
        let mut history = self.history;
        history.cut = cut;
        history.limited = history.commits >= MAX_COMMITS;
        history.authors = u32::try_from(self.authors.len()).unwrap_or(u32::MAX);
        history.files = self.files.into_iter().map(|(path, sums)| sums.of(path)).collect();
        history.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(history)
    }

    fn record(&mut self, record: &[u8]) -> Result<()> {
        match self.state {
            State::Time => {
                let time = if record.is_empty() {
                    // git tells none of a date that it cannot read; the commit is one all the same.
                    None
                } else {
                    let time = std::str::from_utf8(record).ok().and_then(|text| text.parse().ok());
                    Some(time.ok_or_else(|| unexpected("log", record))?)
                };
                self.commit = Some(Commit { time, ..Commit::default() });
                self.state = State::Author;
                Ok(())
            }
            State::Author => {
                let author = self.author(record);
                self.commit.iter_mut().for_each(|commit| commit.author = author);
                self.state = State::First;
                Ok(())
            }
            State::Any | State::First if is_commit(record) => {
                self.close();
                self.state = State::Time;
                Ok(())
            }
            State::First => {
                self.state = State::Any;
                self.change(record.strip_prefix(b"\n").unwrap_or(record))
            }
            State::Any => self.change(record),
        }
    }

    fn author(&mut self, mail: &[u8]) -> u16 {
        let next = self.authors.len();
        if let Some(number) = self.authors.get(mail) {
            return *number;
        }
        let number = u16::try_from(next).unwrap_or(u16::MAX);
        if next < MAX_AUTHORS {
            self.authors.insert(mail.to_vec(), number);
        }
        number
    }

    fn change(&mut self, record: &[u8]) -> Result<()> {
        let commit = self.commit.as_mut().filter(|_| !record.is_empty()).ok_or_else(|| unexpected("log", record))?;
        match std::str::from_utf8(record) {
            Err(_) => commit.not_utf8 += 1,
            Ok(_) if commit.changes.len() >= MAX_CHANGES => commit.over_limit += 1,
            Ok(path) => commit.changes.push(path.into()),
        }
        Ok(())
    }

    /// Counts the commit that was read, now that it is known to be whole.
    fn close(&mut self) {
        let Some(commit) = self.commit.take() else { return };
        let history = &mut self.history;
        history.commits += 1;
        if let Some(time) = commit.time {
            let (oldest, newest) = history.span.unwrap_or((time, time));
            history.span = Some((oldest.min(time), newest.max(time)));
        }
        history.not_utf8 += commit.not_utf8;
        history.over_limit += commit.over_limit;
        for path in commit.changes {
            if self.files.len() >= MAX_FILES && !self.files.contains_key(&path) {
                history.over_limit += 1;
                continue;
            }
            self.files.entry(path).or_default().add(commit.time, commit.author);
        }
    }
}

impl Sums {
    fn add(&mut self, time: Option<i64>, author: u16) {
        self.last = self.last.max(time);
        self.commits += 1;
        if self.authors.len() < MAX_FILE_AUTHORS && !self.authors.contains(&author) {
            self.authors.push(author);
        }
    }

    fn of(self, path: Box<str>) -> FileHistory {
        let authors = u32::try_from(self.authors.len()).unwrap_or(u32::MAX);
        FileHistory { path, commits: self.commits, authors, last: self.last.unwrap_or(0) }
    }
}

/// A commit's record is byte 1 and an object id.
fn is_commit(record: &[u8]) -> bool {
    record.strip_prefix(b"\x01").is_some_and(|id| matches!(id.len(), 40 | 64) && id.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    const ID: &str = "0123456789012345678901234567890123456789";

    fn log() -> Vec<u8> {
        let mut log = format!("\x01{ID}\x0020\0a@x\0\nsrc/a b.rs\0logo.png\0").into_bytes();
        log.extend(format!("\x01{ID}\x0010\0b@x\0\nsrc/a b.rs\0line\nfeed\0caf").into_bytes());
        log.extend(b"\xe9.c\0");
        log
    }

    fn read(pieces: &[&[u8]], cut: bool) -> Result<History> {
        let mut parser = LogParser::new();
        pieces.iter().try_for_each(|piece| parser.feed(piece))?;
        parser.finish(cut)
    }

    #[test]
    fn a_log_is_read_the_same_in_pieces_of_any_size() {
        let log = log();
        let whole = read(&[&log], false).unwrap();
        assert_eq!((whole.commits, whole.authors, whole.span, whole.not_utf8), (2, 2, Some((10, 20)), 1));
        let file = whole.file("src/a b.rs").unwrap();
        assert_eq!((file.commits, file.authors, file.last), (2, 2, 20));
        assert_eq!(whole.file("logo.png").map(|file| file.commits), Some(1));
        assert!(whole.file("line\nfeed").is_some(), "{whole:?}");
        for size in 1..log.len() {
            let pieces: Vec<&[u8]> = log.chunks(size).collect();
            assert_eq!(read(&pieces, false).unwrap(), whole, "pieces of {size}");
        }
        let json = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<History>(&json).unwrap(), whole);
    }

    #[test]
    fn a_commit_whose_date_git_cannot_read_counts_like_any_other() {
        let undated = format!("\x01{ID}\x00\0c@x\0\nsrc/a b.rs\0odd.rs\0");
        let history = read(&[undated.as_bytes(), &log()[..], b"\0"], false).unwrap_err();
        assert!(matches!(history, Error::Git { .. }), "nothing is no name");
        let history = read(&[undated.as_bytes(), &log()[..]], false).unwrap();
        assert_eq!((history.commits, history.authors, history.span), (3, 3, Some((10, 20))));
        let of = |path: &str| history.file(path).map(|file| (file.commits, file.last));
        assert_eq!((of("src/a b.rs"), of("odd.rs")), (Some((3, 20)), Some((1, 0))));
    }

    #[test]
    fn wherever_output_is_cut_only_whole_commits_count() {
        let log = log();
        let second = log.iter().rposition(|byte| *byte == 1).unwrap();
        for end in 0..=log.len() {
            let history = read(&[&log[..end]], true).unwrap();
            let wanted = u32::from(end > second + ID.len() + 1);
            assert_eq!((history.commits, history.cut), (wanted, true), "cut at {end}");
        }
    }

    #[test]
    fn what_is_no_log_is_an_error() {
        let endless = vec![b'x'; MAX_RECORD + 1];
        let cases: [&[u8]; 7] = [
            b"fatal: bad object HEAD",
            b"no-commit-before-it\0",
            b"\x010123\x00",
            &endless,
            b"\x010123456789012345678901234567890123456789\0soon\0",
            b"\x010123456789012345678901234567890123456789\x0012\0",
            b"\x010123456789012345678901234567890123456789\x0012\0a@x\0\n\0",
        ];
        for case in cases {
            let answer = read(&[case], false);
            assert!(matches!(answer, Err(Error::Git { .. })), "{}: {answer:?}", case.escape_ascii());
        }
        assert_eq!(read(&[], false).unwrap(), History::default());
    }
}
