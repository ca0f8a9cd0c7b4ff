//! Whether the daemon runs, and what it says about itself; if none runs, whether what is stored is whole.

use std::process::Stdio;

use agentd_proto::{
    codes::{DAEMON_ALREADY_RUNNING, Exit},
    doctor::{DAEMON, DISK},
    v1::{DoctorCheck, ExamineRequest, Health, StatusResponse, ThreadPlacement, Verdict},
};
use tonic::Code;

use super::{of_error, tools::ended};
use crate::{
    connect::{Connection, within_limit},
    context::Context,
    error::Error,
};

/// Whether it runs, and what only one that runs can tell.
const RUNNING: &str = "running";
const REST: &str = "the rest";

/// What the daemon told beside its checks.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Present if it answers.
    pub(super) version: Option<String>,
    pub(super) threads: Vec<ThreadPlacement>,
}

pub(super) async fn checks(context: &Context<'_>, start: bool) -> (Vec<DoctorCheck>, Answer) {
    let connected = if start {
        context.connect_or_start().await.map(|(connection, _)| connection)
    } else {
        context.connect().await
    };
    match connected {
        Ok(connection) => running(&connection).await,
        Err(error) => {
            let mut checks = absent(&error);
            if error.is_absence() {
                checks.extend(stored(context).await);
            }
            (checks, Answer::default())
        }
    }
}

/// What is stored, checked as `journal verify` does, if that takes no longer than a program may; nothing if there is none.
async fn stored(context: &Context<'_>) -> Option<DoctorCheck> {
    const NAME: &str = "journal";
    let starter = context.starter().ok().filter(|starter| starter.state_dir.join("log").is_dir())?;
    // Whether there is a program is told by a check of its own.
    let mut check = starter.checker(&starter.find().ok()?);
    let code = match check.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
        Ok(mut child) => ended(&mut child, || {}).await.ok().flatten().and_then(|status| status.code()),
        Err(_) => None,
    };
    let of = |verdict, found| DoctorCheck::of(DISK, NAME, verdict, found);
    let damaged = i32::from(u8::from(Exit::DataLoss));
    Some(match code {
        Some(0) => of(Verdict::Ok, "all records and documents fit their checksums"),
        Some(code) if code == damaged => of(Verdict::Failed, "what is stored is damaged")
            .with_remedy("keep the folder as it is; see what is damaged, and restore a backup")
            .with_command("agentd-cli journal verify"),
        Some(code) if code == i32::from(DAEMON_ALREADY_RUNNING) => {
            of(Verdict::Skipped, "somebody else works on the state folder: a daemon, or an import")
                .with_command("agentd-cli doctor")
        }
        _ => of(Verdict::Skipped, "not checked: that takes longer, or cannot be done")
            .with_command("agentd-cli journal verify"),
    })
}

fn absent(error: &Error) -> Vec<DoctorCheck> {
    let of = |verdict| of_error(DAEMON, RUNNING, verdict, error);
    let running = match error {
        // It is started by the next submit: nothing is wrong with that.
        Error::Absent { .. } => {
            of(Verdict::Skipped).with_remedy("the next submit starts it").with_command("agentd-cli start")
        }
        Error::Stale { .. } => of(Verdict::Warning)
            .with_remedy("it was killed; the next submit starts it, and what it had accepted goes on")
            .with_command("agentd-cli start"),
        _ => of(Verdict::Failed),
    };
    let found = "machine, placement, disk, clock, limits and folders are told by a daemon that runs";
    vec![running, DoctorCheck::of(DAEMON, REST, Verdict::Skipped, found).with_command("agentd-cli doctor --start")]
}

/// Takes back what is promised of the next start: there is no program that could be started.
pub(super) fn cannot_start(checks: &mut [DoctorCheck]) {
    for check in checks.iter_mut().filter(|check| [RUNNING, REST].contains(&check.name.as_str())) {
        if matches!(check.verdict(), Verdict::Skipped | Verdict::Warning) {
            let remedy = "none can be started until what is said of the program `agentd` is mended";
            check.remedy = if check.name == RUNNING { remedy.to_owned() } else { String::new() };
            check.command = String::new();
        }
    }
}

async fn running(connection: &Connection) -> (Vec<DoctorCheck>, Answer) {
    let version = connection.daemon.version.clone();
    let mut answer = Answer { version: Some(version.clone()), threads: Vec::new() };
    let status = connection.status().await;
    let mut checks = vec![match &status {
        Ok(status) => of_process(status),
        Err(error) => of_error(DAEMON, RUNNING, Verdict::Failed, error),
    }];
    match connection.daemon().examine(within_limit(ExamineRequest {})).await {
        Ok(told) => {
            let told = told.into_inner();
            checks.extend(told.checks);
            answer.threads = told.threads;
        }
        Err(refusal) => {
            // Its status says at least how it does.
            checks.extend(status.iter().map(of_health));
            checks.push(unexamined(&version, &refusal));
        }
    }
    (checks, answer)
}

fn unexamined(version: &str, refusal: &tonic::Status) -> DoctorCheck {
    const NAME: &str = REST;
    match refusal.code() {
        Code::Unimplemented => {
            let found = format!("agentd {version} is too old to examine itself");
            DoctorCheck::of(DAEMON, NAME, Verdict::Unknown, found)
                .with_remedy("start the newer one")
                .with_command("agentd-cli stop && agentd-cli start")
        }
        Code::ResourceExhausted => DoctorCheck::of(DAEMON, NAME, Verdict::Unknown, refusal.message().to_owned())
            .with_command("agentd-cli doctor"),
        _ => of_error(DAEMON, NAME, Verdict::Unknown, &Error::call("ask the daemon")(refusal.clone())),
    }
}

fn of_process(status: &StatusResponse) -> DoctorCheck {
    let since = status.started_at.map_or_else(String::new, |at| format!(" since {at}"));
    let by = if status.started_by.is_empty() { String::new() } else { format!(", started by {}", status.started_by) };
    let found = format!("agentd {}, pid {}{by}{since}", status.version, status.pid);
    let ours = env!("CARGO_PKG_VERSION");
    if status.version == ours {
        return DoctorCheck::of(DAEMON, RUNNING, Verdict::Ok, found);
    }
    DoctorCheck::of(DAEMON, RUNNING, Verdict::Warning, format!("{found}; this agentd-cli is {ours}"))
        .with_remedy("if the program was replaced, start the new one; open tasks go on")
        .with_command("agentd-cli stop && agentd-cli start")
}

fn of_health(status: &StatusResponse) -> DoctorCheck {
    match status.health() {
        Health::Serving => DoctorCheck::of(DAEMON, "health", Verdict::Ok, "serving"),
        _ => DoctorCheck::of(DAEMON, "health", Verdict::Failed, status.reasons.join("; ")),
    }
}
