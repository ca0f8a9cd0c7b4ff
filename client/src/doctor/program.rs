//! The two programs and the service: do they fit together, and does the daemon come back after a reboot?

use agentd_proto::{
    doctor::PROGRAM,
    v1::{DoctorCheck, Verdict},
};

use super::of_error;
use crate::{
    context::Context,
    error::Error,
    service::{Fault, Files, Found, Installed, Kind, Manager, Place, decide, program, runner::System},
};

/// The check of the program that would be started.
pub(super) const DAEMON: &str = "agentd";

/// Version of this client.
const OURS: &str = env!("CARGO_PKG_VERSION");

/// `running`: version of the daemon that answers.
pub(super) fn checks(context: &Context<'_>, running: Option<&str>) -> Vec<DoctorCheck> {
    let mut checks = vec![client(), daemon(context, running)];
    checks.extend(
        context
            .place()
            .map_or_else(|error| vec![of_error(PROGRAM, "service", Verdict::Unknown, &error)], |place| service(&place)),
    );
    checks
}

fn client() -> DoctorCheck {
    let path = std::env::current_exe().map_or_else(|_| "?".to_owned(), |path| path.display().to_string());
    DoctorCheck::of(PROGRAM, "agentd-cli", Verdict::Ok, format!("{OURS}, {path}"))
}

/// The program that would be started, asked whether it can serve the state folder.
fn daemon(context: &Context<'_>, running: Option<&str>) -> DoctorCheck {
    const NAME: &str = DAEMON;
    let asked = context.starter().and_then(|starter| program::ask(&starter.find()?, &context.place()?));
    let candidate = match asked {
        Ok(candidate) => candidate,
        // What runs needs no other program.
        Err(error @ Error::NoProgram { .. }) if running.is_some() => {
            return of_error(PROGRAM, NAME, Verdict::Warning, &error);
        }
        Err(Error::Service(fault)) if matches!(*fault, Fault::Unfit { .. }) => {
            let remedy = match running {
                Some(_) => "mend that before it is started the next time; the one that runs goes on",
                None => "mend that: until then no daemon starts",
            };
            return of_error(PROGRAM, NAME, Verdict::Failed, &Error::Service(fault)).with_remedy(remedy);
        }
        Err(error) => return of_error(PROGRAM, NAME, Verdict::Failed, &error),
    };
    let found = format!("{}, {}", candidate.version, candidate.program.display());
    match running {
        Some(version) if version != candidate.version => {
            DoctorCheck::of(PROGRAM, NAME, Verdict::Warning, format!("{found}; {version} runs"))
                .with_remedy("start the one that is installed; open tasks go on")
                .with_command("agentd-cli stop && agentd-cli start")
        }
        _ if candidate.version != OURS => {
            DoctorCheck::of(PROGRAM, NAME, Verdict::Warning, format!("{found}; this agentd-cli is {OURS}"))
                .with_remedy("install both programs of one version")
        }
        _ => DoctorCheck::of(PROGRAM, NAME, Verdict::Ok, format!("{found}: settings and stored format fit it")),
    }
}

fn service(place: &Place) -> Vec<DoctorCheck> {
    let found = match Files::of(Kind::HERE, place).find() {
        Ok(found) => found,
        Err(error) => return vec![of_error(PROGRAM, "service", Verdict::Unknown, &error)],
    };
    if found == Found::Nothing {
        let found = "not installed: the daemon does not come back after a reboot until the next submit";
        return vec![
            DoctorCheck::of(PROGRAM, "service", Verdict::Skipped, found).with_command("agentd-cli service install"),
        ];
    }
    let seen = match Manager::new(Kind::HERE, place, System).look() {
        Ok(seen) => seen,
        Err(fault) => {
            let unknown = of_error(PROGRAM, "service", Verdict::Unknown, &Error::from(fault));
            return vec![unknown];
        }
    };
    let problems = decide::problems(&found, &seen, place, found.installed().map(Installed::there));
    let mut checks: Vec<DoctorCheck> = problems
        .into_iter()
        .map(|problem| {
            DoctorCheck::of(PROGRAM, "service", Verdict::Warning, problem).with_command("agentd-cli service status")
        })
        .collect();
    if checks.is_empty() {
        let at_login = if seen.at_login { "starts at login" } else { "does not start at login" };
        let found = format!("installed ({}), {at_login}", Kind::HERE.name());
        checks.push(DoctorCheck::of(PROGRAM, "service", Verdict::Ok, found));
    }
    if seen.linger == Some(false) {
        let found = "the service ends with your last session, and starts with the next one";
        checks.push(
            DoctorCheck::of(PROGRAM, "linger", Verdict::Skipped, found)
                .with_remedy("to let it run from boot on, without a login (your decision)")
                .with_command("loginctl enable-linger"),
        );
    }
    checks
}
