//! The environment variables that the client reads, each with what it is for. Read through a function, so that a
//! test can hand in its own.

/// Reads one environment variable.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Program to start as the daemon; as `--daemon`.
pub const DAEMON: &str = "AGENTD_DAEMON";

/// Where programs are looked for: the daemon here, and the tools of a task there.
pub const PATH: &str = "PATH";

/// The process's own environment. A value that is not UTF-8 counts as absent.
#[must_use]
pub fn process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
