//! Decides who is the daemon of a state folder. The kernel holds the lock and lets go of it when the process dies, however
//! it dies; the number in the file is for messages only.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::Error;

/// Ownership of a state folder. Given back when dropped.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

/// Becomes the owner of the state folder.
///
/// # Errors
/// [`Error::AlreadyRunning`] with the owner's number, and [`Error::Lock`].
pub fn take(state_dir: &Path) -> Result<StateLock, Error> {
    let path = state_dir.join("agentd.lock");
    let fault = |source| Error::Lock { path: path.clone(), source };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false) // the number inside is the owner's, who may not be us
        .mode(0o600)
        .open(&path)
        .map_err(fault)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::AlreadyRunning { state_dir: state_dir.to_owned(), pid: owner(&mut file) });
        }
        Err(TryLockError::Error(source)) => return Err(fault(source)),
    }
    file.set_len(0).map_err(fault)?;
    file.rewind().map_err(fault)?;
    writeln!(file, "{}", std::process::id()).map_err(fault)?;
    Ok(StateLock { _file: file })
}

/// Longest number of a process, with room.
const LONGEST_NUMBER: u64 = 32;

fn owner(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(LONGEST_NUMBER).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_at_a_time_and_the_others_learn_who() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agentd.lock");
        std::fs::write(&path, "99999999999 left behind by a daemon that was killed").unwrap();
        let first = take(dir.path()).unwrap();
        for _ in 0..20 {
            match take(dir.path()) {
                Err(Error::AlreadyRunning { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
                other => panic!("{other:?}"),
            }
        }
        std::fs::write(&path, "").unwrap(); // the owner has not yet said who it is
        assert!(matches!(take(dir.path()), Err(Error::AlreadyRunning { pid: None, .. })));
        drop(first);
        let _second = take(dir.path()).unwrap();
        assert!(matches!(take(&dir.path().join("missing")), Err(Error::Lock { .. })));
    }
}
