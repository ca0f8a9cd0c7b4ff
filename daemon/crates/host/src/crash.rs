//! The crash marker: when a fault kills the process (a bad address, an illegal instruction, an abort), the last thing it does
//! is to write down what the dying thread was working on. The next start reads it and knows the culprit.

use std::{
    cell::Cell,
    fs::{self, OpenOptions},
    io::{self, Read as _},
    path::Path,
};

use crate::{regular::open_regular, sys};

/// Longest note in bytes; longer ones are cut.
pub(crate) const NOTE_BYTES: usize = 64;

/// What a thread works on: plain bytes, because a signal handler reads it.
#[derive(Clone, Copy)]
pub(crate) struct Note {
    pub(crate) text: [u8; NOTE_BYTES],
    pub(crate) len: usize,
}

const NOTHING: Note = Note { text: [0; NOTE_BYTES], len: 0 };

thread_local! {
    static NOTE: Cell<Note> = const { Cell::new(NOTHING) };
}

/// What the calling thread works on; empty outside of [`noted`].
pub(crate) fn current() -> Note {
    NOTE.try_with(Cell::get).unwrap_or(NOTHING)
}

/// Runs `work` with a note about what it is for. Notes nest; a fault names the innermost.
pub fn noted<T>(what: &str, work: impl FnOnce() -> T) -> T {
    struct Restore(Note);
    impl Drop for Restore {
        fn drop(&mut self) {
            NOTE.set(self.0);
        }
    }
    let mut note = NOTHING;
    note.len = what.len().min(NOTE_BYTES);
    note.text[..note.len].copy_from_slice(&what.as_bytes()[..note.len]);
    let _restore = Restore(NOTE.replace(note));
    work()
}

/// From now on a deadly fault writes the note of its thread into `marker`. Once per process.
///
/// # Errors
/// The path has a NUL, or the system refuses a signal handler.
pub fn mark_crashes(marker: &Path) -> io::Result<()> {
    sys::install_crash_handlers(marker)
}

/// Reads and removes the marker of an earlier process. `None`: it left none, or what is there is none, and stays.
#[must_use]
pub fn take_crash_mark(marker: &Path) -> Option<String> {
    let text = match read(marker) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::error!(%error, marker = %marker.display(), "the crash marker cannot be read");
            return None;
        }
    };
    // What stays is read again at the next start and blames the same step once more: wrong, but not lost work.
    if let Err(error) = fs::remove_file(marker) {
        tracing::warn!(%error, marker = %marker.display(), "the crash marker cannot be removed");
    }
    Some(text).filter(|text| !text.is_empty())
}

/// A marker is no longer than a note; what else may be there is not read to its end.
fn read(marker: &Path) -> io::Result<String> {
    let mut text = Vec::new();
    open_regular(marker, OpenOptions::new().read(true))?.take(NOTE_BYTES as u64).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        let note = current();
        String::from_utf8_lossy(&note.text[..note.len]).into_owned()
    }

    #[test]
    fn notes_nest_and_end_also_by_a_panic() {
        assert_eq!(text(), "");
        noted("outer", || {
            noted("inner", || assert_eq!(text(), "inner"));
            assert_eq!(text(), "outer");
            let fell = std::panic::catch_unwind(|| noted("falls", || panic!("on purpose")));
            assert!(fell.is_err());
            assert_eq!(text(), "outer");
        });
        assert_eq!(text(), "");
        noted(&"x".repeat(100), || assert_eq!(text().len(), NOTE_BYTES));
    }
}
