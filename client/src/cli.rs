//! The command line: global options, the list of commands, and the way from arguments to an exit code.

use std::{ffi::OsString, os::unix::net::UnixStream, path::PathBuf};

use agentd_proto::codes::Exit;
use clap::{
    Args, CommandFactory, Parser, Subcommand,
    builder::{OsStringValueParser, TypedValueParser},
};

use crate::{
    commands::{
        agents, bench, cancel, completions, config, doctor, journal, list, man, rules, service, show, start, stats,
        status, stop, submit, watch,
    },
    context::Context,
    env,
    error::Error,
    shape::FaultShape,
    ui::{Color, Style, Ui},
};

const EXAMPLES: &str = "Examples:
  agentd-cli submit \"Analyze this repository\"    submit, follow, print report
  agentd-cli submit --detach --file request.txt  submit and go
  agentd-cli list                                what there is
  agentd-cli watch last                          the newest task again
  agentd-cli cancel 01JD                         the beginning of an id does

With --json data goes to stdout as JSON, and an error to stderr as one line:
{\"error\": {kind, message, hints, exit}}; kind is a stable word, e.g. not_running, usage, no_task, busy.

Exit codes: 0 done, 1 task (or a check of doctor) failed, 2 usage, 3 not found, 4 agentd unavailable or no room for the output, 5 busy, 6 other protocol, 7 denied, \
8 stored data damaged, 70 fault in agentd, 75 task cancelled, 130 left by Ctrl-C (a task goes on, a bench is cut off)";

/// Give tasks to agentd, the background service on this machine, follow them and stop them
#[derive(Debug, Parser)]
#[command(name = "agentd-cli", version, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Print data as JSON (stable names, one object per line)
    #[arg(long, global = true)]
    json: bool,
    /// Print data and errors only
    #[arg(long, short, global = true)]
    quiet: bool,
    /// When to use colour: auto (NO_COLOR and CLICOLOR_FORCE are obeyed), always or never
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    color: Color,
    /// Socket of the daemon, an absolute path
    #[arg(long, global = true, value_name = "PATH", env = agentd_proto::rendezvous::SOCKET_VARIABLE, hide_env_values = true, value_parser = path())]
    socket: Option<PathBuf>,
    /// Program to start if no daemon runs
    #[arg(long, global = true, value_name = "PATH", env = env::DAEMON, hide_env_values = true, value_parser = path())]
    daemon: Option<PathBuf>,
}

/// An empty path counts as absent, as in the environment; clap's own parser would refuse it.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

#[derive(Debug, Subcommand)]
enum Command {
    Submit(submit::SubmitArgs),
    Watch(watch::WatchArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Cancel(cancel::CancelArgs),
    Agents(agents::AgentsArgs),
    Status(status::StatusArgs),
    Stats(stats::StatsArgs),
    Doctor(doctor::DoctorArgs),
    Bench(bench::BenchArgs),
    Rules(rules::RulesArgs),
    Config(config::ConfigArgs),
    Journal(journal::JournalArgs),
    Start(start::StartArgs),
    Stop(stop::StopArgs),
    Service(service::ServiceArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Runs the client and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    // `help submit` is help whatever else is asked for, as `submit --help` is.
    if arguments.get(1).is_some_and(|command| command == "help") {
        arguments.retain(|argument| argument != "--json");
    }
    // What cannot be parsed cannot say whether it wanted JSON.
    let json = arguments.iter().any(|argument| argument == "--json");
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return say_unparsed(&error, json),
    };
    let Global { json, quiet, color, socket, daemon } = cli.global;
    let variable = env::process;
    let ui = Ui::new(Style { color, json, quiet }, &variable);
    let context = Context {
        ui,
        variable: &variable,
        socket: socket.filter(|path| !path.as_os_str().is_empty()),
        daemon: daemon.filter(|path| !path.as_os_str().is_empty()),
    };
    let outcome = env::check(context.socket.as_deref()).and_then(|()| block_on(dispatch(&context, cli.command)));
    outcome.unwrap_or_else(|error| say_failed(ui, &error))
}

/// Says what went wrong, unless it counts as none.
fn say_failed(ui: Ui, error: &Error) -> Exit {
    let exit = error.exit();
    if exit != Exit::Success {
        ui.error(error);
    }
    exit
}

/// Prints help, or what is wrong with the command line.
fn say_unparsed(error: &clap::Error, json: bool) -> Exit {
    let ui = Ui::new(Style { json, ..Style::default() }, &env::process);
    if error.exit_code() == 0 {
        let printed = error.print().map_err(Error::Output);
        return printed.map_or_else(|error| say_failed(ui, &error), |()| Exit::Success);
    }
    if json {
        ui.talk_object(&FaultShape::usage(&error.render().to_string()));
    } else {
        // Nobody is left to be told.
        let _gone = error.print();
    }
    Exit::Usage
}

async fn dispatch(context: &Context<'_>, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Submit(args) => Box::pin(submit::run(context, args)).await,
        Command::Watch(args) => Box::pin(watch::run(context, args)).await,
        Command::List(args) => list::run(context, args).await,
        Command::Show(args) => show::run(context, args).await,
        Command::Cancel(args) => cancel::run(context, args).await,
        Command::Agents(args) => agents::run(context, args).await,
        Command::Status(args) => status::run(context, args).await,
        Command::Stats(args) => stats::run(context, args).await,
        Command::Doctor(args) => doctor::run(context, args).await,
        Command::Bench(args) => Box::pin(bench::run(context, args)).await,
        Command::Rules(args) => rules::run(context, args).await,
        Command::Config(args) => config::run(context, args).await,
        Command::Journal(args) => journal::run(context, args).await,
        Command::Start(args) => start::run(context, args).await,
        Command::Stop(args) => stop::run(context, args).await,
        Command::Service(args) => Box::pin(service::run(context, args)).await,
        Command::Completions(args) => completions::run(context, args, Cli::command()).await,
        Command::Man(args) => man::run(context, args, Cli::command()).await,
    }
}

/// Pairs of descriptors that the event loop and its signals take, and one call.
const PAIRS: usize = 4;

/// Makes sure that there are enough descriptors: where they run out, the event loop panics instead of saying so.
fn check_descriptors() -> std::io::Result<()> {
    (0..PAIRS).map(|_| UnixStream::pair()).collect::<std::io::Result<Vec<_>>>().map(drop)
}

#[expect(clippy::disallowed_methods, reason = "the client cannot depend on host; this is its only runtime")]
fn block_on(future: impl Future<Output = Result<Exit, Error>>) -> Result<Exit, Error> {
    check_descriptors().map_err(|source| Error::Bare { what: "descriptors", source })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Error::Bare { what: "event loop", source })?;
    runtime.block_on(future)
}
