//! Where client and daemon meet. Both sides take the address from here, so they cannot disagree.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

/// Moves the whole state folder.
pub const HOME_VARIABLE: &str = "AGENTD_HOME";

/// Overrides the socket path on both sides.
pub const SOCKET_VARIABLE: &str = "AGENTD_SOCKET";

/// Longest socket path in bytes: `sun_path` holds 104 bytes with its NUL on macOS, 108 on Linux; one limit for both.
pub const MAX_SOCKET_PATH: usize = 103;

/// Name of the lock in the state folder. Who holds it is the daemon; the number in it is that of the process that took it
/// last, in decimal digits.
pub const LOCK_FILE: &str = "agentd.lock";

/// The lock of the journal in the state folder, which the daemon holds too, with its number in it: it is found there if somebody
/// has deleted [`LOCK_FILE`].
pub const JOURNAL_LOCK: &str = "log/lock";

/// Folders of the journal in the state folder; more that begin as [`ASIDE`] does are what a change of its format, or an import,
/// puts beside it.
const JOURNAL: [&str; 3] = ["log", "blobs", "index"];
const ASIDE: &str = "log.";

/// Links that a name may lead through; systems follow no more.
const LINKS: usize = 40;

/// Longest number of a process in the lock, with room.
const LONGEST_NUMBER: u64 = 32;

/// Name of the configuration file in the state folder.
pub const CONFIG_FILE: &str = "config.toml";

/// Folder of logs in the state folder.
pub const LOG_FOLDER: &str = "logs";

/// File in [`LOG_FOLDER`] that takes what the daemon says before its own log is open, if a client started it.
pub const START_LOG: &str = "agentd.start.log";

/// Largest request message that the daemon decodes, in bytes.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;

/// Largest answer message that either side encodes, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 4 << 20;

/// Why there is no usable address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressError {
    /// Neither `AGENTD_HOME` nor `HOME` is set.
    NoHome,
    /// The path that this variable gives is relative, so that it would mean another place in every folder.
    Relative(&'static str, PathBuf),
    /// The path does not fit into a socket address.
    TooLong(PathBuf),
}

impl std::fmt::Display for AddressError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoHome => {
                write!(f, "neither {HOME_VARIABLE} nor HOME is set; set {HOME_VARIABLE} to an absolute path")
            }
            Self::Relative(variable, path) => {
                write!(f, "{variable}: {} is not an absolute path; give one that starts with /", path.display())
            }
            Self::TooLong(path) => write!(
                f,
                "socket path {} has {} bytes, the system allows {MAX_SOCKET_PATH}; set {SOCKET_VARIABLE} or {HOME_VARIABLE} to a shorter one",
                path.display(),
                path.as_os_str().len()
            ),
        }
    }
}

impl std::error::Error for AddressError {}

/// The state folder: `AGENTD_HOME`, else `~/.agentd`. `variable` reads one environment variable.
///
/// # Errors
/// [`AddressError::NoHome`] and [`AddressError::Relative`].
pub fn state_dir(variable: impl Fn(&str) -> Option<String>) -> Result<PathBuf, AddressError> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    match (set(HOME_VARIABLE), set("HOME")) {
        (Some(dir), _) => absolute(HOME_VARIABLE, dir.into()),
        (None, Some(home)) => absolute("HOME", Path::new(&home).join(".agentd")),
        (None, None) => Err(AddressError::NoHome),
    }
}

/// The socket: `AGENTD_SOCKET`, else `agentd.sock` in the state folder.
///
/// # Errors
/// All of [`AddressError`].
pub fn socket_path(variable: impl Fn(&str) -> Option<String>) -> Result<PathBuf, AddressError> {
    let path = match variable(SOCKET_VARIABLE).filter(|value| !value.is_empty()) {
        Some(path) => absolute(SOCKET_VARIABLE, path.into())?,
        None => state_dir(variable)?.join("agentd.sock"),
    };
    if path.as_os_str().len() > MAX_SOCKET_PATH { Err(AddressError::TooLong(path)) } else { Ok(path) }
}

/// The number in the lock, read from its start; none until its owner has written it.
pub fn owner_in(lock: impl Read) -> Option<u32> {
    let mut text = String::new();
    lock.take(LONGEST_NUMBER).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Whether a file that is written at `path`, perhaps through links, would be one of those that the daemon of this state folder lives
/// on: its journal, or its lock. What cannot be looked at is none of them.
#[must_use]
pub fn is_stored(state_dir: &Path, path: &Path) -> bool {
    let (Ok(state_dir), Some(place)) = (state_dir.canonicalize(), place_of(path)) else { return false };
    let Ok(inner) = place.strip_prefix(&state_dir) else { return false };
    let folder = inner.components().next().map(|first| first.as_os_str().to_string_lossy());
    inner == Path::new(LOCK_FILE) || folder.is_some_and(|name| JOURNAL.contains(&&*name) || name.starts_with(ASIDE))
}

/// Where a file is, or would be made, behind all links.
fn place_of(path: &Path) -> Option<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let folder = folder.canonicalize().ok()?;
        match path.read_link() {
            Ok(target) => path = folder.join(target),
            Err(_) => return Some(folder.join(path.file_name()?)),
        }
    }
    None
}

fn absolute(variable: &'static str, path: PathBuf) -> Result<PathBuf, AddressError> {
    if path.is_absolute() { Ok(path) } else { Err(AddressError::Relative(variable, path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn socket_lies_in_the_state_folder_unless_told_otherwise() {
        let home = [("HOME", "/h")];
        assert_eq!(socket_path(env(&home)), Ok("/h/.agentd/agentd.sock".into()));
        assert_eq!(socket_path(env(&[("HOME", "/h"), ("AGENTD_HOME", "/s")])), Ok("/s/agentd.sock".into()));
        assert_eq!(socket_path(env(&[("AGENTD_HOME", "/s"), ("AGENTD_SOCKET", "/x")])), Ok("/x".into()));
        assert_eq!(socket_path(env(&[("HOME", "/h"), ("AGENTD_HOME", "")])), Ok("/h/.agentd/agentd.sock".into()));
    }

    #[test]
    fn the_number_in_a_lock_is_read_or_there_is_none() {
        for (text, number) in [("4711\n", Some(4711)), (" 12", Some(12)), ("", None), ("-1", None), ("x 4", None)] {
            assert_eq!(owner_in(text.as_bytes()), number, "{text:?}");
        }
        assert_eq!(owner_in(std::io::repeat(b'1')), None, "no number has so many digits");
    }

    #[test]
    fn unusable_addresses_are_named() {
        assert_eq!(socket_path(env(&[])), Err(AddressError::NoHome));
        for (variable, path) in [("AGENTD_HOME", "rel"), ("AGENTD_SOCKET", "rel"), ("HOME", "rel/.agentd")] {
            let refused = socket_path(env(&[(variable, "rel")])).unwrap_err();
            assert_eq!(refused, AddressError::Relative(variable, path.into()));
            assert!(refused.to_string().starts_with(&format!("{variable}: {path} is not an absolute path")));
        }
        let long = format!("/{}", "x".repeat(MAX_SOCKET_PATH));
        assert_eq!(socket_path(env(&[("AGENTD_SOCKET", &long)])), Err(AddressError::TooLong(long.clone().into())));
        assert!(AddressError::TooLong(long.into()).to_string().contains("104 bytes"));
    }
}
