//! Sockets that the service manager opened for us: launchd's by name, systemd's through `LISTEN_FDS`.

use std::os::unix::net::UnixListener;

use crate::error::Error;
#[cfg(target_os = "macos")]
use crate::sys;

/// The listening socket that launchd or systemd holds under `name`, non-blocking and not inherited by children; `None`
/// if this process was started otherwise or the service has no such socket. Whoever gets one must not remove its path.
/// Ask once, early in `main`: on Linux this takes variables out of the environment.
///
/// # Errors
/// There is something under the name that is no single listening Unix socket.
pub fn inherited_listener(name: &str) -> Result<Option<UnixListener>, Error> {
    let Some(listener) = inherited(name)? else { return Ok(None) };
    let refused = |error: std::io::Error| bad(name, error.to_string());
    listener.set_nonblocking(true).map_err(refused)?;
    crate::sys::close_on_exec(std::os::fd::AsFd::as_fd(&listener)).map_err(refused)?;
    Ok(Some(listener))
}

fn bad(name: &str, reason: impl Into<String>) -> Error {
    Error::Inherited { name: name.to_owned(), reason: reason.into() }
}

#[cfg(target_os = "macos")]
fn inherited(name: &str) -> Result<Option<UnixListener>, Error> {
    let mut sockets = match sys::launchd_sockets(name) {
        Ok(sockets) => sockets,
        // No such name in the service file; not started by launchd at all.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => {
            return Ok(None);
        }
        Err(error) => return Err(bad(name, error.to_string())),
    };
    let Some(socket) = sockets.pop() else { return Ok(None) };
    if !sockets.is_empty() {
        return Err(bad(name, format!("{} sockets came, one is expected", sockets.len() + 1)));
    }
    let listener = UnixListener::from(socket);
    // A descriptor of another family would only fail at the first accept.
    listener.local_addr().map_err(|error| bad(name, format!("it is no Unix socket ({error})")))?;
    Ok(Some(listener))
}

#[cfg(target_os = "linux")]
fn inherited(name: &str) -> Result<Option<UnixListener>, Error> {
    let names = std::env::var("LISTEN_FDNAMES").ok();
    let mut sockets = listenfd::ListenFd::from_env();
    let Some(index) = index_of(name, names.as_deref(), sockets.len()) else { return Ok(None) };
    sockets.take_unix_listener(index).map_err(|error| bad(name, error.to_string()))
}

/// systemd names sockets after their unit unless told otherwise, so a single one is taken whatever its name.
#[cfg(target_os = "linux")]
fn index_of(name: &str, names: Option<&str>, count: usize) -> Option<usize> {
    let named = names.and_then(|names| names.split(':').take(count).position(|other| other == name));
    named.or_else(|| (count == 1).then_some(0))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_found_by_name_or_by_being_the_only_one() {
        for (names, count, expected) in [
            (Some("http:agentd"), 2, Some(1)),
            (Some("agentd.socket"), 1, Some(0)),
            (None, 1, Some(0)),
            (None, 2, None),
            (Some("http:agentd"), 1, Some(0)),
            (None, 0, None),
        ] {
            assert_eq!(index_of("agentd", names, count), expected, "{names:?} of {count}");
        }
    }
}
