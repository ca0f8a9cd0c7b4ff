//! The program `agentd`: reads what it was told, builds the daemon, runs it, and ends with a code that says why.

use std::{
    collections::HashMap,
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use agentd::{
    App, Error,
    app::{LOOK_EVERY, Launch, LogTo},
    args::Args,
    config, describe,
    lifecycle::owner,
};
use agentd_host::Limits;
use clap::Parser as _;

fn main() -> ExitCode {
    let _ = agentd_host::limit_arenas();
    let mut limits = agentd_host::harden();
    let args = Args::parse();
    if args.default_config {
        let written = std::io::stdout().write_all(config::commented_file().as_bytes());
        return if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    // Whoever gave us none of a terminal's streams, as the client does, does not expect us to end with it.
    if !sees_terminal()
        && let Err(error) = agentd_host::leave_terminal()
    {
        limits.faults.push(format!("the terminal could not be left, closing it may end the daemon: {error}"));
    }
    match run(&args, limits) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever started us may not see the log: it was perhaps never opened.
            let _ = writeln!(std::io::stderr(), "agentd: {}", describe(&error));
            ExitCode::from(error.exit_code())
        }
    }
}

fn sees_terminal() -> bool {
    std::io::stdin().is_terminal() || std::io::stdout().is_terminal() || std::io::stderr().is_terminal()
}

fn run(args: &Args, limits: Limits) -> Result<(), Error> {
    let environment: HashMap<String, String> = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let system = |what: &'static str| move |source| Error::System { what, source };
    let inherited = agentd_host::inherited_listener(agentd::app::SOCKET_NAME)?;
    let runtime = agentd_host::current_thread_runtime().map_err(system("a runtime"))?;
    runtime.block_on(async {
        let own_uid = owner::own_uid().map_err(system("a socket"))?;
        let config = config::load(&args.flags(), &environment, own_uid)?;
        let log = LogTo::of(args.foreground_log);
        let launch = Launch { environment, own_uid, inherited, log, limits: Some(limits), look_every: LOOK_EVERY };
        App::build(config, launch).await?.run().await
    })
}
