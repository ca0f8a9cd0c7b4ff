//! Opens files that others may have put there: a pipe or a device under a known name is refused instead of waited for.

use std::{fs::File, io, path::Path};

/// Refuses what is there and is no regular file: whoever opens a pipe waits for its other end, perhaps for ever.
///
/// # Errors
/// It is something else. What is not there, or cannot be looked at, is left to whoever opens it.
pub(crate) fn check_regular(path: &Path) -> io::Result<()> {
    match path.metadata() {
        Ok(found) if !found.is_file() => Err(io::Error::other("it is no regular file; move it away")),
        _ => Ok(()),
    }
}

/// Opens a regular file to be read.
///
/// # Errors
/// As [`check_regular`], and those of opening it.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    check_regular(path)?;
    File::open(path)
}
