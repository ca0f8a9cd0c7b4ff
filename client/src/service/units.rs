//! The user units of systemd: `agentd.service` and `agentd.socket`, written and read back. Pure.

use std::path::PathBuf;

use agentd_proto::{
    codes::DAEMON_FINAL,
    rendezvous::{HOME_VARIABLE, SOCKET_VARIABLE},
};

use super::job::{Installed, Job, OPEN_FILES, SOCKET_NAME, marked_version};

/// The unit of the daemon.
pub const SERVICE: &str = "agentd.service";

/// The unit that holds its socket.
pub const SOCKET: &str = "agentd.socket";

/// Seconds between SIGTERM and SIGKILL; the daemon needs at most 10.
const STOP_SECONDS: u32 = 12;

/// `agentd.service`.
#[must_use]
pub fn service(job: &Job) -> String {
    let mut environment = String::new();
    for (name, value) in job.environment() {
        environment.push_str(&format!("Environment={}\n", quoted(&format!("{name}={value}"))));
    }
    let codes = DAEMON_FINAL.map(|code| code.to_string()).join(" ");
    format!(
        "# {mark}
# Changes belong into a drop-in: systemctl --user edit {SERVICE}
[Unit]
Description=agentd, tasks for agents on this machine
Requires={SOCKET}
After={SOCKET}
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=exec
ExecStart={program}
{environment}Sockets={SOCKET}
Restart=on-failure
RestartSec=1
# Another start would end the same way.
RestartPreventExitStatus={codes}
# The daemon ends its children itself; what is left then is killed.
KillMode=mixed
TimeoutStopSec={STOP_SECONDS}
LimitNOFILE={OPEN_FILES}
UMask=0077
StandardOutput=append:{log}
StandardError=append:{log}

[Install]
WantedBy=default.target
",
        mark = job.mark(),
        program = quoted(&job.program),
        log = escaped(&job.start_log),
    )
}

/// `agentd.socket`.
#[must_use]
pub fn socket(job: &Job) -> String {
    format!(
        "# {mark}
[Unit]
Description=Socket of agentd

[Socket]
ListenStream={path}
FileDescriptorName={SOCKET_NAME}
SocketMode=0600
DirectoryMode=0700
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
",
        mark = job.mark(),
        path = escaped(&job.socket),
    )
}

/// `%` begins a specifier everywhere in a unit.
fn escaped(text: &str) -> String {
    text.replace('%', "%%")
}

/// One word of a list, whatever is in it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text).replace('\\', "\\\\").replace('"', "\\\""))
}

fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let mut out = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' { out.extend(letters.next()) } else { out.push(letter) }
    }
    out.replace("%%", "%")
}

/// Reads a pair of units under our names; the socket's may be missing.
///
/// # Errors
/// Why they are none of ours, in words.
pub fn read(service: &str, socket: Option<&str>) -> Result<Installed, String> {
    let all = |text: &str, key: &str| -> Vec<String> {
        let wanted = format!("{key}=");
        text.lines().filter_map(|line| line.trim().strip_prefix(&wanted)).map(str::to_owned).collect()
    };
    let program = all(service, "ExecStart").pop().ok_or("it starts no program")?;
    // Of somebody else's line only the first word counts.
    let program = if program.starts_with('"') {
        unquoted(&program)
    } else {
        program.split_whitespace().next().unwrap_or_default().to_owned()
    };
    let program = PathBuf::from(program);
    let version = marked_version(service);
    if version.is_none() && program.file_name().is_none_or(|name| name != "agentd") {
        return Err(format!("it starts {}", program.display()));
    }
    let variables: Vec<String> = all(service, "Environment").iter().map(|word| unquoted(word)).collect();
    let variable = |name: &str| {
        variables.iter().find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name)).map(|(_, value)| value)
    };
    let listens = socket.and_then(|text| all(text, "ListenStream").pop()).map(|path| path.replace("%%", "%"));
    Ok(Installed {
        program,
        state_dir: variable(HOME_VARIABLE).map(PathBuf::from),
        socket: listens.or_else(|| variable(SOCKET_VARIABLE).map(str::to_owned)).map(PathBuf::from),
        version,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::job::samples, *};

    fn golden(name: &str, found: &str) {
        let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("AGENTD_UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, found).unwrap();
        }
        assert_eq!(found, std::fs::read_to_string(&path).unwrap(), "{name}");
    }

    #[test]
    fn the_units_are_as_committed() {
        golden(SERVICE, &service(&samples::job()));
        golden(SOCKET, &socket(&samples::job()));
        golden("odd-agentd.service", &service(&samples::odd_job()));
        golden("odd-agentd.socket", &socket(&samples::odd_job()));
    }

    #[test]
    fn odd_paths_come_back_as_they_were() {
        for job in [samples::job(), samples::odd_job()] {
            let installed = read(&service(&job), Some(&socket(&job))).unwrap();
            assert_eq!(installed.program, PathBuf::from(&job.program));
            assert_eq!(installed.state_dir, job.state_dir.map(PathBuf::from));
            assert_eq!(installed.socket, Some(job.socket.into()));
            assert_eq!(installed.version, Some(job.version));
        }
    }

    #[test]
    fn units_of_others_are_told_apart() {
        assert!(
            read("[Service]\nExecStart=/usr/bin/python3 -m agentd\n", None).unwrap_err().contains("/usr/bin/python3")
        );
        assert!(read("", None).unwrap_err().contains("no program"));
        let by_hand = read("[Service]\nExecStart=/usr/bin/agentd --foreground-log\n", None).unwrap();
        assert_eq!((by_hand.program, by_hand.version), ("/usr/bin/agentd".into(), None));
    }
}
