//! What a service file says about agentd, whatever its form: program, state folder, socket, search path.

use std::{
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

use agentd_proto::rendezvous::{HOME_VARIABLE, LOG_FOLDER, SOCKET_VARIABLE, START_LOG, socket_path, state_dir};

use super::fault::Fault;
use crate::{
    env::{PATH, Variables},
    error::Error,
};

/// Name of the job for launchd. The daemon knows by its part `agentd` that launchd started it.
pub const LABEL: &str = "dev.agentd.agentd";

/// Name of the socket in a service file; the daemon asks for it by this name.
pub const SOCKET_NAME: &str = "agentd";

/// Open files that the service may have; the default of a LaunchAgent is 256.
pub const OPEN_FILES: u64 = 8192;

/// By this a file of ours is known; before it stand the name and version of the daemon.
const MARK: &str = "written by `agentd-cli service install`";

/// Folders of programs that every system has; they end the search path.
const SYSTEM_FOLDERS: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// Whose service it is, and where things lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `HOME`.
    pub user_home: PathBuf,
    /// Where user units are: `XDG_CONFIG_HOME`, else `~/.config`.
    pub config_home: PathBuf,
    /// Number of the user.
    pub uid: u32,
    /// The state folder.
    pub state_dir: PathBuf,
    /// Where the daemon shall listen.
    pub socket: PathBuf,
    /// `PATH` of whoever asks.
    pub search: String,
    /// Where the user's systemd is found: `XDG_RUNTIME_DIR`, else where logind makes it.
    pub runtime_dir: String,
}

impl Place {
    /// The place that the environment describes. `socket`: `--socket`.
    ///
    /// # Errors
    /// [`Error::Address`], also if `HOME` is not set: the managers look for their files there.
    pub fn of(variable: Variables<'_>, socket: Option<&Path>, uid: u32) -> Result<Self, Error> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let user_home = set("HOME").map(PathBuf::from).ok_or(agentd_proto::rendezvous::AddressError::NoHome)?;
        let config_home = set("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let named = socket.map(|path| path.to_string_lossy().into_owned());
        let socket = socket_path(|name| if name == SOCKET_VARIABLE { named.clone() } else { variable(name) })?;
        Ok(Self {
            config_home: config_home.unwrap_or_else(|| user_home.join(".config")),
            state_dir: state_dir(variable)?,
            search: set(PATH).unwrap_or_default(),
            runtime_dir: set("XDG_RUNTIME_DIR").unwrap_or_else(|| format!("/run/user/{uid}")),
            user_home,
            uid,
            socket,
        })
    }

    /// The state folder that needs no word.
    #[must_use]
    pub fn usual_state_dir(&self) -> PathBuf {
        self.user_home.join(".agentd")
    }

    /// Where the state folder's logs are.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.state_dir.join(LOG_FOLDER)
    }

    /// Whether there is a socket where clients look for it.
    #[must_use]
    pub fn has_socket(&self) -> bool {
        is_socket(&self.socket)
    }
}

fn is_socket(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket())
}

/// Everything that goes into a service file, as text that can stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Absolute path of the daemon.
    pub program: String,
    /// Its version.
    pub version: String,
    /// `HOME`.
    pub user_home: String,
    /// The state folder if it is not `~/.agentd`.
    pub state_dir: Option<String>,
    /// The socket.
    pub socket: String,
    /// Whether the socket lies elsewhere than in the state folder.
    pub socket_is_named: bool,
    /// Where the daemon looks for programs such as git.
    pub search: String,
    /// Takes what the daemon says before its own log is open.
    pub start_log: String,
}

impl Job {
    /// The job of `program` at a place.
    ///
    /// # Errors
    /// [`Fault::Unwritable`]: a path is relative, is not UTF-8 or has control characters.
    pub fn new(place: &Place, program: &Path, version: &str) -> Result<Self, Fault> {
        let usual = place.usual_state_dir();
        Ok(Self {
            program: text("the program", program)?,
            version: version.to_owned(),
            user_home: text("the home folder", &place.user_home)?,
            state_dir: if place.state_dir == usual { None } else { Some(text("the state folder", &place.state_dir)?) },
            socket: text("the socket", &place.socket)?,
            socket_is_named: place.socket.parent() != Some(&place.state_dir),
            search: search(&place.search),
            start_log: text("the log", &place.logs().join(START_LOG))?,
        })
    }

    /// The environment of the service, sorted. A manager gives little more than `HOME` and `USER`.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, &str)> {
        let home = self.state_dir.as_deref().map(|path| (HOME_VARIABLE, path));
        let socket = self.socket_is_named.then_some((SOCKET_VARIABLE, self.socket.as_str()));
        [home, socket, Some((PATH, self.search.as_str()))].into_iter().flatten().collect()
    }

    /// The line by which the file is known again.
    #[must_use]
    pub fn mark(&self) -> String {
        format!("agentd {}, {MARK}", self.version)
    }
}

/// Which of the things are there that a file of ours names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct There {
    /// The daemon that it starts.
    pub program: bool,
    /// The socket, as far as it is named.
    pub socket: bool,
}

/// What a file of ours says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The daemon that it starts.
    pub program: PathBuf,
    /// The state folder, if it is not the usual one.
    pub state_dir: Option<PathBuf>,
    /// The socket.
    pub socket: Option<PathBuf>,
    /// Version of the daemon when it was installed; lost if somebody rewrote the file without its comments.
    pub version: Option<String>,
}

impl Installed {
    /// What stands at its paths.
    #[must_use]
    pub fn there(&self) -> There {
        There { program: self.program.is_file(), socket: self.socket.as_deref().is_none_or(is_socket) }
    }

    /// Whether it serves the state folder of this place.
    #[must_use]
    pub fn serves(&self, place: &Place) -> bool {
        self.state_dir.clone().unwrap_or_else(|| place.usual_state_dir()) == place.state_dir
    }
}

/// The version in the mark of a file; `None`: it has no mark.
#[must_use]
pub fn marked_version(file: &str) -> Option<String> {
    let line = file.lines().find(|line| line.contains(MARK))?;
    let version = line.split_once("agentd ")?.1.split_once(',')?.0;
    Some(version.to_owned())
}

/// A file without its mark: what is left describes the job.
#[must_use]
pub fn unmarked(file: &str) -> String {
    file.lines().filter(|line| !line.contains(MARK)).collect::<Vec<_>>().join("\n")
}

/// A path as text that every form of service file can hold.
fn text(what: &'static str, path: &Path) -> Result<String, Fault> {
    let fault = |why: &'static str| Fault::Unwritable { what, path: path.to_owned(), why };
    if !path.is_absolute() {
        return Err(fault("it is not absolute"));
    }
    let text = path.to_str().ok_or_else(|| fault("it is not UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(fault("it has control characters"));
    }
    if text.ends_with(char::is_whitespace) {
        return Err(fault("it ends in a space"));
    }
    Ok(text.to_owned())
}

/// The search path of the service: the absolute folders of the user's own, each once, and those of the system.
fn search(path: &str) -> String {
    let mut folders: Vec<&str> = Vec::new();
    let own = path.split(':').filter(|folder| folder.starts_with('/') && !folder.chars().any(char::is_control));
    for folder in own.chain(SYSTEM_FOLDERS) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders.join(":")
}

#[cfg(test)]
pub(super) mod samples {
    use super::*;

    pub(crate) fn place() -> Place {
        Place {
            user_home: "/Users/you".into(),
            config_home: "/Users/you/.config".into(),
            uid: 501,
            state_dir: "/Users/you/.agentd".into(),
            socket: "/Users/you/.agentd/agentd.sock".into(),
            search: "/opt/homebrew/bin:/usr/bin:relative::/usr/bin".into(),
            runtime_dir: "/run/user/501".into(),
        }
    }

    pub(crate) fn job() -> Job {
        Job::new(&place(), Path::new("/Users/you/.local/bin/agentd"), "0.1.0").unwrap()
    }

    /// Everything that a file can say, with characters that need care.
    pub(crate) fn odd_job() -> Job {
        let place = Place {
            state_dir: "/Volumes/a b/100% \"x\" $HOME \\n <&>".into(),
            socket: "/tmp/x$y%z/a.sock".into(),
            ..place()
        };
        Job::new(&place, Path::new("/opt/my programs/agentd"), "1.2.3-rc.1").unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::{samples::place, *};

    #[test]
    fn only_what_differs_from_the_usual_is_said() {
        let job = samples::job();
        assert_eq!(job.search, "/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        assert_eq!(job.environment(), [("PATH", job.search.as_str())]);
        let odd = samples::odd_job();
        let names: Vec<&str> = odd.environment().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["AGENTD_HOME", "AGENTD_SOCKET", "PATH"]);
        let elsewhere = Place { state_dir: "/s".into(), socket: "/s/agentd.sock".into(), ..place() };
        let names: Vec<&str> = Job::new(&elsewhere, Path::new("/agentd"), "1")
            .unwrap()
            .environment()
            .iter()
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(names, ["AGENTD_HOME", "PATH"]);
    }

    #[test]
    fn paths_that_no_file_can_hold_are_refused_by_name() {
        for (program, why) in [
            ("agentd", "not absolute"),
            ("/a\nb", "control characters"),
            ("/a ", "ends in a space"),
            ("/a\u{7f}", "control"),
        ] {
            let error = Job::new(&place(), Path::new(program), "1").unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("the program"), "{error}");
        }
    }

    #[test]
    fn a_mark_gives_its_version_back() {
        assert_eq!(marked_version(&format!("# {}\n", samples::odd_job().mark())), Some("1.2.3-rc.1".to_owned()));
        assert_eq!(marked_version("# agentd 1.0, by somebody else"), None);
    }

    #[test]
    fn places_follow_the_environment() {
        let of = |pairs: &[(&str, &str)]| {
            let variable =
                |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            Place::of(&variable, None, 7)
        };
        let usual = of(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "relative")]).unwrap();
        assert_eq!((usual.config_home, usual.state_dir), ("/h/.config".into(), "/h/.agentd".into()));
        let moved = of(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/c"), ("AGENTD_HOME", "/s")]).unwrap();
        assert_eq!((moved.config_home, moved.socket), ("/c".into(), "/s/agentd.sock".into()));
        assert!(matches!(of(&[("AGENTD_HOME", "/s")]), Err(Error::Address(_))), "the managers need HOME");
    }
}
