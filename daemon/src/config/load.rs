//! Finds what is in force: default, then file, then environment, then flag; the last one that speaks wins.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use agentd_proto::rendezvous::{self, CONFIG_FILE, HOME_VARIABLE, SOCKET_VARIABLE};
use toml::Value;

use super::{
    Config, Shown,
    error::{ConfigError, Fault},
    file, settings,
};

/// Names of variables that are settings begin like this and have `__` where the key has a dot.
const PREFIX: &str = "AGENTD_";

/// What the command line says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// The state folder.
    pub state_dir: Option<PathBuf>,
    /// The socket.
    pub socket: Option<PathBuf>,
    /// The configuration file; `None`: `config.toml` in the state folder, if it exists.
    pub config: Option<PathBuf>,
    /// Settings: dotted key and value.
    pub settings: Vec<(&'static str, String)>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// The configuration file.
    File(Arc<Path>),
    /// An environment variable.
    Environment(String),
    /// The command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// Finds the configuration. `environment` is all of it; `own_uid` decides whose file is trusted.
///
/// # Errors
/// [`ConfigError`]; wrong values are told all at once.
pub fn load(flags: &Flags, environment: &HashMap<String, String>, own_uid: u32) -> Result<Config, ConfigError> {
    let (state_dir, socket) = addresses(flags, environment)?;
    let mut values = Values::defaults();
    let mut faults = Vec::new();
    let path = flags.config.clone().unwrap_or_else(|| state_dir.join(CONFIG_FILE));
    match file::read(&path, own_uid)? {
        Some(text) => {
            let source = Source::File(path.as_path().into());
            for entry in file::parse(&path, &text, &mut faults) {
                values.set(entry.key, entry.value, source.clone());
            }
        }
        None if flags.config.is_some() => {
            let source = std::io::ErrorKind::NotFound.into();
            return Err(ConfigError::Unreadable { path, source });
        }
        None => {}
    }
    from_environment(environment, &mut values, &mut faults);
    for (key, text) in &flags.settings {
        values.set_text(key, text, Source::Flag, &mut faults);
    }
    if faults.is_empty() { Ok(Config::of(state_dir, socket, values)) } else { Err(ConfigError::Faults(faults)) }
}

fn addresses(flags: &Flags, environment: &HashMap<String, String>) -> Result<(PathBuf, PathBuf), ConfigError> {
    let text = |path: &PathBuf| path.to_string_lossy().into_owned();
    let variable = |name: &str| match name {
        HOME_VARIABLE if flags.state_dir.is_some() => flags.state_dir.as_ref().map(text),
        SOCKET_VARIABLE if flags.socket.is_some() => flags.socket.as_ref().map(text),
        _ => environment.get(name).cloned(),
    };
    let faults = unclean(flags, variable);
    if !faults.is_empty() {
        return Err(ConfigError::Faults(faults));
    }
    let address = || Ok((rendezvous::state_dir(variable)?, rendezvous::socket_path(variable)?));
    address().map_err(ConfigError::Address)
}

/// Paths that are not UTF-8, as clients could not name them: with the signs that stand for their bytes in it, each would mean
/// another folder.
fn unclean(flags: &Flags, variable: impl Fn(&str) -> Option<String>) -> Vec<Fault> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let home = if set(HOME_VARIABLE).is_some() { HOME_VARIABLE } else { "HOME" };
    let sources = [
        (home, flags.state_dir.as_ref().map(|_| "--state-dir")),
        (SOCKET_VARIABLE, flags.socket.as_ref().map(|_| "--socket")),
    ];
    let found = sources.into_iter().filter_map(|(name, flag)| {
        let path = set(name).filter(|path| path.contains(char::REPLACEMENT_CHARACTER))?;
        let place =
            flag.map_or_else(|| Source::Environment(name.to_owned()).to_string(), |flag| format!("flag {flag}"));
        let problem = format!("{path} is not UTF-8; give an absolute path that is");
        Some(Fault { place, key: String::new(), problem })
    });
    found.collect()
}

fn from_environment(environment: &HashMap<String, String>, values: &mut Values, faults: &mut Vec<Fault>) {
    let mut names: Vec<&String> = environment.keys().collect();
    names.sort_unstable();
    for name in names {
        let Some(rest) = name.strip_prefix(PREFIX).filter(|rest| rest.contains("__")) else { continue };
        let key = rest.to_ascii_lowercase().replace("__", ".");
        values.set_text(&key, &environment[name], Source::Environment(name.clone()), faults);
    }
}

/// One value for every setting of the table.
pub(super) struct Values(BTreeMap<&'static str, (Value, Source)>);

impl Values {
    fn defaults() -> Self {
        Self(settings().iter().map(|one| (one.key.as_str(), (one.default.clone(), Source::Default))).collect())
    }

    fn set(&mut self, key: &'static str, value: Value, source: Source) {
        self.0.insert(key, (value, source));
    }

    fn set_text(&mut self, key: &str, text: &str, source: Source, faults: &mut Vec<Fault>) {
        let outcome = match file::find(key) {
            Some(setting) => setting.rule.of_text(text).map(|value| (setting.key.as_str(), value)),
            None => Err(file::unknown(key)),
        };
        match outcome {
            Ok((key, value)) => self.set(key, value, source),
            Err(problem) => faults.push(Fault { place: source.to_string(), key: key.to_owned(), problem }),
        }
    }

    /// Every setting, in the order of the table.
    pub(super) fn shown(&self) -> Arc<[Shown]> {
        let show = |setting: &'static super::Setting| {
            let (value, source) = &self.0[setting.key.as_str()];
            let (source, help, default) = (source.clone(), setting.help.clone(), setting.default.to_string());
            Shown { key: &setting.key, value: value.to_string(), source, help, default }
        };
        settings().iter().map(show).collect()
    }

    fn take(&mut self, key: &str) -> Value {
        let (value, _) = self.0.remove(key).expect("the table names every setting that is read, each is read once");
        value
    }

    /// A whole number.
    pub(super) fn integer<T: TryFrom<i64>>(&mut self, key: &str) -> T {
        let number = self.take(key).as_integer().and_then(|number| T::try_from(number).ok());
        number.expect("the table allows only numbers that fit the setting's type")
    }

    /// A number.
    pub(super) fn float(&mut self, key: &str) -> f64 {
        self.take(key).as_float().expect("the table allows only numbers here")
    }

    /// A word.
    pub(super) fn text(&mut self, key: &str) -> String {
        match self.take(key) {
            Value::String(text) => text,
            other => unreachable!("the table allows only words for {key}, not {other}"),
        }
    }

    /// A list of words.
    pub(super) fn words(&mut self, key: &str) -> Vec<String> {
        match self.take(key) {
            Value::Array(words) => words.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            other => unreachable!("the table allows only lists for {key}, not {other}"),
        }
    }

    /// A time given in milliseconds.
    pub(super) fn milliseconds(&mut self, key: &str) -> Duration {
        Duration::from_millis(self.integer(key))
    }

    /// Holds that no setting of the table is without effect.
    pub(super) fn all_taken(&self) {
        debug_assert!(self.0.is_empty(), "settings that nobody reads: {:?}", self.0.keys());
    }
}
