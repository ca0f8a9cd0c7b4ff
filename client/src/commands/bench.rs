//! `agentd-cli bench`: measures the installed daemon on this machine, beside the user's own and without touching it.

use std::path::PathBuf;

use agentd_proto::codes::Exit;
use clap::Args;

use crate::{
    attend::Endings,
    bench::{self, Plan, Remains},
    context::Context,
    error::Error,
    owner::Owner,
    ui::text,
};

const EXAMPLES: &str = "Examples:
  agentd-cli bench
  agentd-cli bench --workspace ~/src/rust-analyzer --json > bench.json
  agentd-cli bench --quick

Starts the installed agentd in a fresh folder beside the state folder (so on the same disk), measures it for about half a \
minute, and removes the folder. Your own daemon goes on, and disturbs: stop it for figures to be passed on. Figures are of \
this run; the load average is told beside them. Ctrl-C, SIGTERM or SIGHUP (not under nohup) cut it off (exit code 130): \
no figures, and the folder goes too, as far as it can be removed. With --json: {machine, version, program, file_system, \
load_before, load_after, at, quick, start, noop, scatter, residency}; times are {count, min, p50, p99, max}.";

/// Measure the installed daemon: start, no-op tasks, an analysis, where agents ran
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchArgs {
    /// Folder to be analysed [default: the current folder]
    #[arg(long, short, value_name = "FOLDER")]
    workspace: Option<PathBuf>,
    /// Folder in which the fresh state folder is made [default: that of the state folder]
    #[arg(long, value_name = "FOLDER")]
    beside: Option<PathBuf>,
    /// Few repetitions, a few seconds
    #[arg(long)]
    quick: bool,
}

/// Measures.
///
/// # Errors
/// Those of [`bench::measure`].
pub async fn run(context: &Context<'_>, args: BenchArgs) -> Result<Exit, Error> {
    let workspace = args.workspace.unwrap_or_else(|| PathBuf::from("."));
    let workspace = workspace.canonicalize().map_err(Error::file("list the folder", workspace))?;
    let plan = Plan { workspace, beside: args.beside, quick: args.quick };
    let mut endings = Endings::new()?;
    if context.lock().is_ok_and(|lock| lock.owner() != Owner::Nobody) {
        context.ui.warn("your own agentd runs beside the measured one; for figures to be passed on: agentd-cli stop");
    }
    let remains = Remains::default();
    let measured = tokio::select! {
        report = Box::pin(bench::measure(context, &plan, &remains, |what| context.ui.note(what))) => Some(report),
        // The folder and the daemon in it go with the measurement.
        () = endings.next() => None,
    };
    if let Some((folder, error)) = remains.get() {
        let folder = text::one_line(&folder.display().to_string());
        context.ui.warn(&format!("the folder of this measurement could not be removed ({error}): {folder}"));
    }
    let Some(report) = measured.transpose()? else {
        context.ui.note("\ncut off: no figures");
        return Ok(Exit::Detached);
    };
    if context.ui.json {
        context.ui.object(&report)?;
    } else {
        let head = bench::head(&report);
        let head = context.ui.out.width.map_or_else(|| head.clone(), |width| text::fit(&head, width, 0));
        context.ui.data(&format!("{head}\n\n"))?;
        context.ui.table(&bench::table(&report))?;
    }
    Ok(Exit::Success)
}
