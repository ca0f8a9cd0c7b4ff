//! The program `agentd`: reads what it was told, builds the daemon, runs it, and ends with a code that says why.

use std::{collections::HashMap, io::Write as _, process::ExitCode};

use agentd::{
    App, Error,
    app::{Launch, LogTo},
    args::Args,
    config, describe,
    lifecycle::owner,
};
use agentd_host::Limits;
use clap::Parser as _;

fn main() -> ExitCode {
    let _ = agentd_host::limit_arenas();
    let limits = agentd_host::harden();
    let args = Args::parse();
    if args.default_config {
        let written = std::io::stdout().write_all(config::commented_file().as_bytes());
        return if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
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
        let app = App::build(config, Launch { environment, own_uid, inherited, log, limits: Some(limits) }).await?;
        app.run().await
    })
}
