//! The program `agentd`: reads what it was told, builds the daemon, runs it, and ends with a code that says why.

use std::{
    collections::HashMap,
    ffi::OsString,
    io::{self, IsTerminal as _, Write as _},
    os::unix::net::UnixListener,
    process::ExitCode,
    sync::Arc,
};

use agentd::{
    App, Error,
    app::{LOOK_EVERY, Launch, LogTo},
    args::{Args, Tell},
    config, describe,
    lifecycle::{archive, check, owner, service},
    rpc::{code_for, told},
};
use agentd_base::{Classify as _, ErrorClass};
use agentd_host::{Limits, Runtime, SystemClock, SystemSensors};
use agentd_proto::codes::{Exit, exit_for};
use clap::Parser as _;

fn main() -> ExitCode {
    let _ = agentd_host::limit_arenas();
    let mut limits = agentd_host::harden();
    let args = Args::parse();
    if args.default_config {
        let written = std::io::stdout().write_all(config::commented_file().as_bytes());
        return if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    if args.check_store {
        return match check_store(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error),
        };
    }
    if let Some(what) = args.tell {
        return match tell(&args, what) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error),
        };
    }
    if args.verify_journal {
        return match verify(&args) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(u8::from(Exit::DataLoss)),
            Err(error) => failed(&error),
        };
    }
    if let Some(work) = args.archive.work() {
        return match archived(&args, &work) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "agentd: {}", describe(&error));
                ExitCode::from(archive_exit_code(&error))
            }
        };
    }
    // Whoever gave us none of a terminal's streams, as the client does, does not expect us to end with it.
    if !sees_terminal()
        && let Err(error) = agentd_host::leave_terminal()
    {
        limits.faults.push(format!("the terminal could not be left, closing it may end the daemon: {error}"));
    }
    match run(&args, limits) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Whoever started us may not see the log: it was perhaps never opened.
fn failed(error: &Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "agentd: {}", describe(error));
    let started_by = owner::StartedBy::detect(&environment(), std::process::id());
    ExitCode::from(service::exit_code(error.exit_code(), started_by))
}

/// The code with which work on an archive ends. `agentd-cli` has the same codes, and hands it on.
fn archive_exit_code(error: &Error) -> u8 {
    match error.class() {
        _ if matches!(error, Error::Interrupted | Error::Left { .. }) => error.exit_code(),
        // Nobody is busy there: another try ends the same way until somebody makes room.
        ErrorClass::Disk => Exit::Unavailable.into(),
        class => exit_for(code_for(class)).into(),
    }
}

/// Prints whether this program can serve with the settings and the journal that are there.
fn check_store(args: &Args) -> Result<(), Error> {
    let runtime = runtime()?;
    let own_uid = runtime.block_on(async { owner::own_uid() }).map_err(system("a socket"))?;
    let config = config::load(&args.flags(), &environment(), own_uid)?;
    let text = service::fitness(&config.state_dir)?;
    writeln!(std::io::stdout(), "{text}").map_err(system("its standard output"))
}

/// Prints what the service would answer.
fn tell(args: &Args, what: Tell) -> Result<(), Error> {
    let runtime = runtime()?;
    let own_uid = runtime.block_on(async { owner::own_uid() }).map_err(system("a socket"))?;
    let (answer, refused) = told::answer(what, &args.flags(), &environment(), own_uid)?;
    if let Some(refused) = refused {
        let _ = writeln!(std::io::stderr(), "no daemon starts with what is set, so these are the defaults: {refused}");
    }
    std::io::stdout().write_all(&answer).map_err(system("its standard output"))
}

/// Prints what a check of everything that is stored has found. True: all is well.
fn verify(args: &Args) -> Result<bool, Error> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let own_uid = owner::own_uid().map_err(system("a socket"))?;
        let config = config::load(&args.flags(), &environment(), own_uid)?;
        let (text, well) = check::stored(&config.state_dir, own_uid).await?;
        writeln!(std::io::stdout(), "{text}").map_err(system("its standard output"))?;
        Ok(well)
    })
}

/// Writes or reads an archive of the journal.
fn archived(args: &Args, work: &archive::Work) -> Result<(), Error> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let own_uid = owner::own_uid().map_err(system("a socket"))?;
        let config = config::load(&args.flags(), &environment(), own_uid)?;
        archive::run(work, &config.state_dir, own_uid).await
    })
}

/// For `map_err`: what the system refused.
fn system(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::System { what, source }
}

fn runtime() -> Result<Runtime, Error> {
    agentd_host::current_thread_runtime().map_err(system("a runtime"))
}

/// What is not UTF-8 is kept with signs in its place: so it is refused where it says something, not overheard.
fn environment() -> HashMap<String, String> {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

fn sees_terminal() -> bool {
    std::io::stdin().is_terminal() || std::io::stdout().is_terminal() || std::io::stderr().is_terminal()
}

fn run(args: &Args, limits: Limits) -> Result<(), Error> {
    let environment = environment();
    // It takes variables out of the environment, so no other thread may live yet.
    let inherited = agentd_host::inherited_listener(agentd::app::SOCKET_NAME)?;
    let lives = async { start(args, limits, environment, inherited).await?.run().await };
    runtime().and_then(|runtime| runtime.block_on(lives)).map_err(Error::of_limits)
}

async fn start(
    args: &Args,
    limits: Limits,
    environment: HashMap<String, String>,
    inherited: Option<UnixListener>,
) -> Result<App, Error> {
    let own_uid = owner::own_uid().map_err(system("a socket"))?;
    let config = config::load(&args.flags(), &environment, own_uid)?;
    let log = LogTo::of(args.foreground_log);
    let (limits, clock) = (Some(limits), Arc::new(SystemClock));
    let (look_every, sensors) = (LOOK_EVERY, Arc::new(SystemSensors::default()));
    let launch = Launch { environment, own_uid, inherited, log, limits, look_every, disk: None, clock, sensors };
    App::build(config, launch).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_on_an_archive_ends_with_codes_of_the_client() {
        use io::ErrorKind::{BrokenPipe, NotFound, Other, PermissionDenied, QuotaExceeded, ResourceBusy, StorageFull};
        for (kind, code) in [
            (StorageFull, 4),
            (QuotaExceeded, 4),
            (Other, 4),
            (BrokenPipe, 4),
            (NotFound, 3),
            (ResourceBusy, 5),
            (PermissionDenied, 7),
        ] {
            let error = Error::ArchiveFile { what: "write", path: "/a".into(), source: kind.into() };
            assert_eq!(archive_exit_code(&error), code, "{kind:?}");
        }
        for (error, code) in [
            (agentd_journal::Error::Output { source: StorageFull.into() }, 4),
            (agentd_journal::Error::Output { source: BrokenPipe.into() }, 4),
            (agentd_journal::Error::Kept { pid: None }, 5),
            (agentd_journal::Error::BadArchive { detail: String::new() }, 8),
        ] {
            assert_eq!(archive_exit_code(&Error::Engine(error.into())), code);
        }
        let left = Error::Left { left: "something is left".to_owned(), source: Other.into() };
        for interrupted in [Error::Interrupted, left] {
            assert_eq!(archive_exit_code(&interrupted), 130);
        }
        assert_eq!(archive_exit_code(&Error::NoOutput), 2);
    }
}
