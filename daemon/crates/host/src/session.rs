//! The terminal from which this process was started, and how to part from it.

use std::{io, os::unix::process::parent_id, process};

use crate::sys;

/// Parts from the terminal: this process leads a session of its own, so that closing the terminal, or a key pressed there,
/// means nothing to it any more. Its number stays the same. A process that leads its session already is left as it is.
/// Call it before other threads exist.
///
/// # Errors
/// The system refuses; the process is in the session and the group that it had before.
pub fn leave_terminal() -> io::Result<()> {
    let own = number(process::id())?;
    if sys::session() == own {
        return Ok(());
    }
    let Err(mut refusal) = sys::new_session() else { return Ok(()) };
    // The leader of a group may not leave its session, and who starts us usually makes us one. Any other group of the
    // session will do for the moment between the two calls: that of whoever started us, or that of the shell.
    let parents = number(parent_id()).and_then(sys::group_of).ok();
    for group in parents.into_iter().chain([sys::session()]) {
        if group == own || sys::join_group(group).is_err() {
            continue;
        }
        match sys::new_session() {
            Ok(()) => return Ok(()),
            Err(error) => refusal = error,
        }
        sys::join_group(own)?;
    }
    Err(refusal)
}

fn number(pid: u32) -> io::Result<i32> {
    i32::try_from(pid).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}
