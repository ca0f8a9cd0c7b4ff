//! Asks a daemon's program, before anything is changed, which version it is and whether it can serve the state folder.

use std::path::{Path, PathBuf};

use agentd_proto::{
    OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION,
    rendezvous::{HOME_VARIABLE, SOCKET_VARIABLE},
};

use super::{fault::Fault, job::Place};
use crate::error::Error;

/// The option of the daemon's program that answers.
const CHECK: &str = "--check-store";

/// A program that can serve the state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its absolute path.
    pub program: PathBuf,
    /// Its version.
    pub version: String,
}

/// Asks the program. It opens nothing for writing, and the daemon may run meanwhile.
///
/// # Errors
/// [`Error::Spawn`], [`Fault::Unfit`].
#[expect(clippy::disallowed_methods, reason = "the client cannot depend on host; it looks and ends")]
pub fn ask(program: &Path, place: &Place) -> Result<Candidate, Error> {
    let program = std::path::absolute(program).map_err(Error::file("find", program))?;
    let mut command = std::process::Command::new(&program);
    command.arg(CHECK).env(HOME_VARIABLE, &place.state_dir).env(SOCKET_VARIABLE, &place.socket);
    command.stdin(std::process::Stdio::null());
    let output = command.output().map_err(|source| Error::Spawn { program: program.clone(), source })?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let version = judged(output.status.success(), &out, &err);
    let fault = |said| Fault::Unfit { program: program.clone(), state_dir: place.state_dir.clone(), said };
    let version = version.map_err(|said| Error::Service(Box::new(fault(said))))?;
    Ok(Candidate { program, version })
}

/// Its version, or why it is not fit.
fn judged(well: bool, out: &str, err: &str) -> Result<String, String> {
    let field = |name: &str| {
        out.lines().find_map(|line| line.split_once(' ').filter(|(key, _)| *key == name)).map(|(_, value)| value)
    };
    if !well {
        let said: Vec<&str> = err.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let said = if said.is_empty() { "it said nothing".to_owned() } else { said.join("; ").replace(":; ", ": ") };
        if said.contains(CHECK) {
            return Err(format!("it does not know {CHECK}, so it is older than this agentd-cli"));
        }
        return Err(said.strip_prefix("agentd: ").unwrap_or(&said).to_owned());
    }
    let (Some(version), Some(protocol), Some(oldest)) = (field("version"), field("protocol"), field("oldest-protocol"))
    else {
        return Err("it did not say which agentd it is; is it one?".to_owned());
    };
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("its protocol `{text}` is no number"));
    if number(protocol)? < OLDEST_PROTOCOL_VERSION || number(oldest)? > PROTOCOL_VERSION {
        return Err(format!(
            "it speaks protocols {oldest} to {protocol}, this agentd-cli {OLDEST_PROTOCOL_VERSION} to {PROTOCOL_VERSION}"
        ));
    }
    Ok(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_programs_are_judged() {
        let good =
            format!("version 1.2.3\nprotocol {PROTOCOL_VERSION}\noldest-protocol 1\nformat 1\nstore 3 segments\n");
        assert_eq!(judged(true, &good, ""), Ok("1.2.3".to_owned()));
        for (well, out, err, why) in [
            (false, "", "agentd: `log/1.seg` has format 9\nmore", "`log/1.seg` has format 9"),
            (false, "", "error: unexpected argument '--check-store' found", "older than this agentd-cli"),
            (false, "", "", "said nothing"),
            (true, "agentd 0.1.0\n", "", "is it one?"),
            (true, "version 9\nprotocol 99\noldest-protocol 98\n", "", "speaks protocols 98 to 99"),
            (true, "version 9\nprotocol many\noldest-protocol 1\n", "", "is no number"),
        ] {
            let said = judged(well, out, err).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
