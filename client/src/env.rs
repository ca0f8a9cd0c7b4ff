//! The environment variables that the client reads, each with what it is for. Read through a function, so that a
//! test can hand in its own.

use std::path::Path;

use agentd_proto::rendezvous::{HOME_VARIABLE, SOCKET_VARIABLE};

use crate::error::Error;

/// Reads one environment variable.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Program to start as the daemon; as `--daemon`.
pub const DAEMON: &str = "AGENTD_DAEMON";

/// Where programs are looked for: the daemon here, and the tools of a task there.
pub const PATH: &str = "PATH";

/// The process's own environment. A value that is not UTF-8 counts as absent; of `PATH`, where such a folder is one of many,
/// the rest counts. Where that would mean another daemon, [`check`] refuses it.
#[must_use]
pub fn process(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?;
    if name == PATH { Some(value.to_string_lossy().into_owned()) } else { value.into_string().ok() }
}

/// Refuses paths that are not UTF-8, as agentd's addresses have to be: the daemon of another folder would be meant.
/// `socket`: `--socket`, which includes `AGENTD_SOCKET`.
///
/// # Errors
/// [`Error::Usage`].
pub fn check(socket: Option<&Path>) -> Result<(), Error> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let (home, name) = match set(HOME_VARIABLE) {
        Some(home) => (Some(home), HOME_VARIABLE),
        None => (set("HOME"), "HOME"),
    };
    let socket = (socket, format!("--socket, or {SOCKET_VARIABLE},"), SOCKET_VARIABLE);
    for (path, name, remedy) in [(home.as_deref().map(Path::new), name.to_owned(), HOME_VARIABLE), socket] {
        if let Some(path) = path.filter(|path| path.to_str().is_none()) {
            let message = format!("{name} is not UTF-8: {}", path.display());
            return Err(Error::usage(message, format!("set {remedy} to an absolute path that is")));
        }
    }
    Ok(())
}
