//! `agentd-cli config`: the settings in force, and a commented file to change them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs::{DirBuilder, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use agentd_proto::{
    codes::Exit,
    rendezvous::{CONFIG_FILE, state_dir},
    v1::{GetConfigRequest, GetConfigResponse, Setting},
};
use clap::{Args, Subcommand};

use crate::{
    connect::{Connection, within_limit},
    context::Context,
    error::Error,
    shape::{ConfigFileShape, ConfigShape},
    told,
    ui::{
        style::Label,
        table::{Cell, Table},
        text,
    },
};

const EXAMPLES: &str = "Examples:
  agentd-cli config show                 every setting, its value, and where that came from
  agentd-cli config show queue           only keys that begin so
  agentd-cli config init                 write a commented config.toml to the state folder

Both ask the daemon that runs, or else its program, and start none.";

/// Show the settings, or write a file to change them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show the settings in force, and where each came from
    #[command(
        after_help = "Examples:\n  agentd-cli config show\n  agentd-cli config show --json | jq '.settings[].key'"
    )]
    Show {
        /// Only keys that begin so
        #[arg(default_value = "", hide_default_value = true)]
        prefix: String,
    },
    /// Write a commented configuration file, unless there is one
    #[command(
        after_help = "Examples:\n  agentd-cli config init\n\nThe file changes nothing until a line is uncommented and agentd is started anew."
    )]
    Init,
}

/// Shows or writes.
///
/// # Errors
/// [`Error::Call`], [`Error::NoSetting`], [`Error::File`], [`Error::Usage`] (there is a file already), and those of
/// connecting.
pub async fn run(context: &Context<'_>, args: ConfigArgs) -> Result<Exit, Error> {
    let (mut answer, folder) = match context.connect().await {
        Err(error) if error.is_absence() => {
            (told::ask(context, "settings").ok_or(error)?, state_dir(context.variable)?)
        }
        connection => asked(&connection?).await?,
    };
    match args.verb {
        Verb::Show { prefix } => {
            let keys: Vec<String> = answer.settings.iter().map(|setting| setting.key.clone()).collect();
            answer.settings.retain(|setting| setting.key.starts_with(&prefix));
            if answer.settings.is_empty() && !keys.is_empty() {
                return Err(Error::NoSetting { near: near(&prefix, &keys), prefix });
            }
            if context.ui.json {
                context.ui.object(&ConfigShape::from(answer))?;
            } else {
                context.ui.table(&table(&answer.settings))?;
            }
        }
        Verb::Init => init(context, &folder, &answer.settings)?,
    }
    Ok(Exit::Success)
}

/// The settings in force, and the state folder that they are of.
async fn asked(connection: &Connection) -> Result<(GetConfigResponse, PathBuf), Error> {
    let answer = connection.daemon().get_config(within_limit(GetConfigRequest {})).await;
    let answer = answer.map_err(Error::call("read the configuration"))?.into_inner();
    Ok((answer, connection.status().await?.state_dir.into()))
}

/// How many keys an error names.
const NAMED: usize = 5;

/// How alike two words must be (Jaro-Winkler, 0 to 1); clap asks for as much before it suggests an option.
const ALIKE: f64 = 0.7;

/// Keys that were perhaps meant: those most alike as a whole or in their last part; else the tables that there are.
fn near(prefix: &str, keys: &[String]) -> Vec<String> {
    let likeness = |key: &str| {
        let name = key.rsplit('.').next().unwrap_or(key);
        let words = [strsim::jaro_winkler(prefix, key), strsim::jaro_winkler(prefix, name)];
        let within = if !prefix.is_empty() && key.contains(prefix) { 1.0 } else { 0.0 };
        words.into_iter().fold(within, f64::max)
    };
    let mut found: Vec<(f64, &String)> = keys.iter().map(|key| (likeness(key), key)).collect();
    found.retain(|(likeness, _)| *likeness > ALIKE);
    found.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    if !found.is_empty() {
        return found.into_iter().take(NAMED).map(|(_, key)| key.clone()).collect();
    }
    let tables: BTreeSet<&str> = keys.iter().map(|key| key.split('.').next().unwrap_or(key)).collect();
    tables.into_iter().map(str::to_owned).collect()
}

fn table(settings: &[Setting]) -> Table {
    let mut table = Table::new(&["SETTING", "VALUE", "FROM", "WHAT"]).last_below();
    for it in settings {
        let label = if it.source == "default" { Label::Dim } else { Label::Strong };
        table.row([
            it.key.as_str().into(),
            Cell::labelled(&it.value, label),
            it.source.as_str().into(),
            text::one_line(&it.help).into(),
        ]);
    }
    table
}

fn init(context: &Context<'_>, folder: &Path, settings: &[Setting]) -> Result<(), Error> {
    // Before the first start there is none, and it is nobody else's business.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(Error::file("make the folder", folder))?;
    let path = folder.join(CONFIG_FILE);
    let content = commented_file(settings);
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    match made.and_then(|mut file| file.write_all(content.as_bytes())) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let message = format!("there is a configuration already: {}", path.display());
            return Err(Error::usage(message, "edit it, or move it away first"));
        }
        Err(error) => return Err(Error::file("write", path)(error)),
    }
    let path = path.display().to_string();
    if context.ui.json {
        context.ui.object(&ConfigFileShape { path })?;
    } else {
        context.ui.data(&path)?;
    }
    context.ui.hint("uncomment what you change, then: agentd-cli stop && agentd-cli start");
    Ok(())
}

/// A file with every setting commented out, in its table, below its explanation.
fn commented_file(settings: &[Setting]) -> String {
    let mut tables: BTreeMap<&str, Vec<(&str, &Setting)>> = BTreeMap::new();
    for setting in settings {
        let (table, key) = setting.key.rsplit_once('.').unwrap_or(("", &setting.key));
        tables.entry(table).or_default().push((key, setting));
    }
    let mut file = String::from(
        "# Configuration of agentd. Each line that is commented out shows the default.\n\
         # Order: default, this file, environment, flags; the last one counts. Unknown keys are refused.\n",
    );
    for (table, settings) in tables {
        if !table.is_empty() {
            let _ = writeln!(file, "\n[{table}]");
        }
        for (key, setting) in settings {
            file.push('\n');
            for line in text::wrap(&text::one_line(&setting.help), 110).iter().filter(|line| !line.is_empty()) {
                let _ = writeln!(file, "# {line}");
            }
            if setting.source != "default" {
                let (value, source) = (text::one_line(&setting.value), text::one_line(&setting.source));
                let _ = writeln!(file, "# (in force: {value}, from: {source})");
            }
            // A daemon that is too old to tell the default tells only what is in force.
            let default = if setting.default_value.is_empty() { &setting.value } else { &setting.default_value };
            let value = default.replace('\n', "\n# ");
            let _ = writeln!(file, "# {key} = {value}");
        }
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_does_not_exist_leads_to_those_that_do() {
        let keys: Vec<String> = ["queue.max_tasks", "log.level", "log.files"].map(str::to_owned).into();
        assert_eq!(near("max_tasks", &keys), ["queue.max_tasks"]);
        assert_eq!(near("qeue.max_task", &keys), ["queue.max_tasks"]);
        assert_eq!(near("levels", &keys)[0], "log.level");
        assert_eq!(near("zzz", &keys), ["log", "queue"]);
    }

    #[test]
    fn the_file_is_commented_and_in_tables() {
        let setting = |key: &str, value: &str, source: &str| Setting {
            key: key.into(),
            value: value.into(),
            source: source.into(),
            help: format!("Help of {key}"),
            default_value: if source == "default" { String::new() } else { "\"warn\"".into() },
        };
        let settings = [
            setting("queue.max_tasks", "1000", "default"),
            setting("log", "\"info\"", "environment AGENTD_LOG"),
            setting("queue.max_age", "\"30 d\"", "default"),
        ];
        let file = commented_file(&settings);
        let body = file.split_once("\n\n").map(|(_, body)| body).unwrap();
        assert_eq!(
            body,
            "# Help of log\n# (in force: \"info\", from: environment AGENTD_LOG)\n# log = \"warn\"\n\
             \n[queue]\n\n# Help of queue.max_tasks\n# max_tasks = 1000\n\n# Help of queue.max_age\n# max_age = \"30 d\"\n"
        );
        let active: Vec<&str> = file.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        assert_eq!(active, ["[queue]"], "nothing takes effect until it is uncommented");
    }
}
