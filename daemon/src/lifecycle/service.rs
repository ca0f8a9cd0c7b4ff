//! What service managers need to know of the program: whether it can take over a state folder, and an exit code that does
//! not make them start it again in vain.

use std::{fs, io::Read as _, path::Path};

use agentd_host::open_regular;
use agentd_journal::FORMAT;
use agentd_proto::codes::DAEMON_FINAL;

use super::owner::StartedBy;
use crate::Error;

/// Folder of the log's segments in the state folder, and how their names end.
const LOG: (&str, &str) = ("log", ".seg");

/// How every segment of every format begins: magic, format, oldest reader.
const BEGIN: usize = 12;
const MAGIC: &[u8] = b"agentd\x01J";

/// Says which agentd this is, and whether it can read the journal in a state folder. Looks at the first bytes of each segment
/// only; the daemon of the folder may run meanwhile. What is no segment, or gone again, is left to the start, which judges it.
///
/// # Errors
/// [`Error::Engine`]: a newer agentd wrote it, in a form that this one cannot read.
pub fn fitness(state_dir: &Path) -> Result<String, Error> {
    let folder = state_dir.join(LOG.0);
    let mut segments = 0_u64;
    // A folder that is not there is a new one.
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let mut begin = [0; BEGIN];
        if !name.ends_with(LOG.1) {
            continue;
        }
        // What is no file is told by who reads the whole log.
        let file = open_regular(&entry.path(), fs::OpenOptions::new().read(true));
        if file.and_then(|mut file| file.read_exact(&mut begin)).is_err() || !begin.starts_with(MAGIC) {
            continue;
        }
        let number = |at: usize| u16::from_le_bytes([begin[at], begin[at + 1]]);
        let (format, min_reader) = (number(8), number(10));
        if min_reader > FORMAT {
            let path = format!("{}/{name}", LOG.0);
            let newer = agentd_journal::Error::NewerFormat { path, format, min_reader, ours: FORMAT };
            return Err(Error::Engine(newer.into()));
        }
        segments += 1;
    }
    Ok(format!(
        "version {}\nprotocol {}\noldest-protocol {}\nformat {FORMAT}\nstore {segments} segments",
        env!("CARGO_PKG_VERSION"),
        agentd_proto::PROTOCOL_VERSION,
        agentd_proto::OLDEST_PROTOCOL_VERSION,
    ))
}

/// The code to end with. launchd starts a job again after every code but 0, each ten seconds; where that cannot help, the
/// daemon has said what is wrong, and ends as if it was told to. The next client makes launchd try again.
#[must_use]
pub fn exit_code(code: u8, started_by: StartedBy) -> u8 {
    if started_by == StartedBy::Launchd && DAEMON_FINAL.contains(&code) { 0 } else { code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_of_a_newer_agentd_is_refused_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(folder.path(), private).unwrap();
        let none = fitness(folder.path()).unwrap();
        assert!(none.contains("\nstore 0 segments") && none.starts_with("version "), "{none}");
        // A real segment, written by the journal itself.
        let disk = std::sync::Arc::new(agentd_journal::RealDisk::new(folder.path()).unwrap());
        let _log = agentd_journal::Log::open(disk, agentd_journal::Options::default()).unwrap();
        assert!(fitness(folder.path()).unwrap().contains("store 1 segments"));
        let log = folder.path().join("log");
        fs::write(log.join("notes.txt"), "no segment").unwrap();
        fs::write(log.join("cut.seg"), "agentd").unwrap();
        fs::write(log.join("other.seg"), [0xff; 600]).unwrap();
        // Whoever opens a pipe waits for its other end.
        for name in ["keep", "0000000002-00000000000000000009.seg"] {
            #[expect(clippy::disallowed_methods, reason = "the standard library makes no pipes with names")]
            let made = std::process::Command::new("mkfifo").arg(log.join(name)).status().unwrap();
            assert!(made.success());
        }
        assert!(fitness(folder.path()).unwrap().contains("store 1 segments"));
        let segment = fs::read_dir(&log).unwrap().flatten().map(|entry| entry.path());
        let segment = segment.into_iter().find(|path| fs::metadata(path).unwrap().len() > 600).unwrap();
        let mut bytes = fs::read(&segment).unwrap();
        // A newer format that this one may still read, and one that it may not.
        bytes[8..12].copy_from_slice(&[9, 0, 1, 0]);
        fs::write(&segment, &bytes).unwrap();
        assert!(fitness(folder.path()).is_ok());
        bytes[8..12].copy_from_slice(&[9, 0, 9, 0]);
        fs::write(&segment, &bytes).unwrap();
        let said = crate::describe(&fitness(folder.path()).unwrap_err());
        assert!(said.contains("format 9") && said.contains("install the newer agentd again"), "{said}");
    }

    #[test]
    fn launchd_alone_is_not_told_of_faults_that_a_start_does_not_mend() {
        for code in 0..=255 {
            for by in [StartedBy::Launchd, StartedBy::Systemd, StartedBy::Terminal] {
                let hidden = by == StartedBy::Launchd && [73, 74, 75, 77, 78].contains(&code);
                assert_eq!(exit_code(code, by), if hidden { 0 } else { code }, "{code} {by:?}");
            }
        }
    }
}
