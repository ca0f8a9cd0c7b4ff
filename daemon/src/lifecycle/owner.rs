//! Who we are, and who started us.

use std::{collections::HashMap, io};

use tokio::net::UnixStream;

/// The user whose clients are served: our own, as the kernel tells it about the far end of a socket. Asking the same way
/// as for clients keeps both sides of the comparison alike. Needs a runtime.
///
/// # Errors
/// The system gives no socket.
pub fn own_uid() -> io::Result<u32> {
    let (here, _there) = UnixStream::pair()?;
    Ok(here.peer_cred()?.uid())
}

/// Who started the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartedBy {
    /// macOS's service manager.
    Launchd,
    /// Linux's.
    Systemd,
    /// A person, a script, or the client.
    Terminal,
}

impl StartedBy {
    /// The name, as in the contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Launchd => "launchd",
            Self::Systemd => "systemd",
            Self::Terminal => "terminal",
        }
    }

    /// Reads it from the environment. Terminals inherit many variables of the services that started them, so only two
    /// count: systemd's number of the service's own process, and launchd's label if it is one of ours.
    #[must_use]
    pub fn detect(environment: &HashMap<String, String>, pid: u32) -> Self {
        let systemd = environment.get("SYSTEMD_EXEC_PID").is_some_and(|text| *text == pid.to_string());
        let launchd =
            environment.get("XPC_SERVICE_NAME").is_some_and(|label| label.split('.').any(|part| part == "agentd"));
        match (systemd, launchd) {
            (true, _) => Self::Systemd,
            (false, true) => Self::Launchd,
            (false, false) => Self::Terminal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_service_of_ours_counts_as_one() {
        let cases: [(&[(&str, &str)], StartedBy); 6] = [
            (&[], StartedBy::Terminal),
            (&[("SYSTEMD_EXEC_PID", "7")], StartedBy::Systemd),
            (&[("SYSTEMD_EXEC_PID", "8"), ("INVOCATION_ID", "x")], StartedBy::Terminal),
            (&[("XPC_SERVICE_NAME", "dev.agentd.agentd")], StartedBy::Launchd),
            (&[("XPC_SERVICE_NAME", "application.com.apple.Terminal.1")], StartedBy::Terminal),
            (&[("XPC_SERVICE_NAME", "0")], StartedBy::Terminal),
        ];
        for (variables, expected) in cases {
            let environment = variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!(StartedBy::detect(&environment, 7), expected, "{variables:?}");
        }
    }

    #[test]
    fn our_own_files_and_our_own_sockets_have_the_same_owner() {
        use std::os::unix::fs::MetadataExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        let runtime = agentd_host::current_thread_runtime().unwrap();
        let uid = runtime.block_on(async { own_uid() }).unwrap();
        assert_eq!(uid, file.path().metadata().unwrap().uid());
    }
}
