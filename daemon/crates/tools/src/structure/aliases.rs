//! Names of scripts that lead to files of the project, because a `tsconfig.json` or `jsconfig.json` says so: `paths` and
//! `baseUrl` of the nearest one above a file, or of those that it extends.

use std::{cmp::Reverse, collections::HashMap};

use super::paths::{folder_of, join_relative, name_of};
use crate::project::{Pattern, ScriptConfig};

/// The configurations of a project, searchable.
#[derive(Debug, Clone, Default)]
pub(super) struct Aliases {
    configs: Vec<ScriptConfig>,
    /// By folder: what holds for the files below it that have no nearer one.
    scopes: HashMap<String, Scope>,
}

/// What one configuration says together with those that it extends.
#[derive(Debug, Clone, Default)]
struct Scope {
    /// Where names begin that fit no pattern.
    base: Option<String>,
    /// The configuration whose patterns count, and where their targets begin.
    patterns: Option<(usize, String)>,
}

/// Where a name may lead.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Paths as an import names them, in the order of trying.
    pub(super) tries: Vec<String>,
    /// Whether the project claims the name for itself: it is no library, even if nothing is there.
    pub(super) is_own: bool,
}

/// How a target names the folder of the configuration that counts for a file, if that extends the one which has the target.
const CONFIG_FOLDER: &str = "${configDir}";

/// Most configurations that one builds on; the longest chains of real projects have some five.
const MAX_CHAIN: usize = 16;

impl Aliases {
    pub(super) fn new(configs: &[ScriptConfig]) -> Self {
        let all = Configs::new(configs);
        let mut scopes = HashMap::new();
        // If a folder has both, TypeScript looks for the first alone.
        for name in ["tsconfig.json", "jsconfig.json"] {
            for (number, config) in configs.iter().enumerate().filter(|(_, config)| name_of(&config.file) == name) {
                let folder = folder_of(&config.file);
                scopes.entry(folder.to_owned()).or_insert_with(|| all.scope(number));
            }
        }
        Self { configs: configs.to_vec(), scopes }
    }

    /// Adds all that decides where imports lead.
    pub(super) fn identify(&self, asked: &mut blake3::Hasher) {
        serde_json::to_writer(asked, &self.configs).expect("a hash takes all that is written, and texts can be");
    }

    /// Where a name leads that a file imports.
    pub(super) fn places(&self, path: &str, name: &str) -> Places {
        let Some((folder, scope)) = self.around(path) else { return Places::default() };
        let mut places = Places::default();
        if let Some((config, base)) = &scope.patterns {
            let patterns = self.configs[*config].patterns.as_deref().unwrap_or_default();
            if let Some((pattern, rest)) = best(patterns, name) {
                places.tries = pattern.targets.iter().filter_map(|to| place((folder, base), to, rest)).collect();
                places.is_own = is_own(pattern, &places.tries);
            }
        }
        places.tries.extend(scope.base.as_ref().and_then(|base| join_relative(base, name)));
        places
    }

    /// The nearest one above a path, with its folder.
    fn around(&self, path: &str) -> Option<(&str, &Scope)> {
        let mut folder = path;
        while !self.scopes.is_empty() && !folder.is_empty() {
            folder = folder_of(folder);
            if let Some((folder, scope)) = self.scopes.get_key_value(folder) {
                return Some((folder, scope));
            }
        }
        None
    }
}

/// The first pattern that fits, with what its `*` stands for. Whole names, of which there may be thousands, are not tried one by one.
fn best<'p, 'n>(patterns: &'p [Pattern], name: &'n str) -> Option<(&'p Pattern, &'n str)> {
    let (whole, open) = patterns.split_at(patterns.partition_point(|pattern| pattern.end.is_none()));
    let known = whole.binary_search_by_key(&(Reverse(name.len()), name), |it| (Reverse(it.start.len()), &it.start));
    if let Ok(place) = known {
        return Some((&whole[place], ""));
    }
    let matched = |pattern: &Pattern| name.strip_prefix(&*pattern.start)?.strip_suffix(pattern.end.as_deref()?);
    open.iter().find_map(|pattern| Some((pattern, matched(pattern)?)))
}

/// Where a target leads.
fn place((folder, base): (&str, &str), target: &str, rest: &str) -> Option<String> {
    let (base, target) = target.strip_prefix(CONFIG_FOLDER).map_or((base, target), |target| (folder, target));
    join_relative(base, &target.replacen('*', rest, 1))
}

/// A pattern for any name claims none, and one that leads to a library's own files (its types, say) leaves it what it is.
fn is_own(pattern: &Pattern, tries: &[String]) -> bool {
    let is_inside = |path: &String| path.split('/').all(|part| part != "node_modules");
    !(pattern.start.is_empty() && pattern.end.is_some()) && tries.iter().any(is_inside)
}

/// Configurations by their number, while they are looked through.
struct Configs<'a> {
    all: &'a [ScriptConfig],
    by_path: HashMap<&'a str, usize>,
    /// Of each those that it extends, as far as they are files, in the same order.
    extends: Vec<Vec<usize>>,
}

impl<'a> Configs<'a> {
    fn new(all: &'a [ScriptConfig]) -> Self {
        let by_path: HashMap<&str, usize> = all.iter().map(|it| it.file.as_str()).zip(0..).collect();
        let extended = |config: &ScriptConfig| {
            // By another name than a path it is a package's.
            let files = config.extends.iter().filter(|path| path.starts_with('.')).filter_map(|path| {
                let path = join_relative(folder_of(&config.file), path)?;
                by_path.get(path.as_str()).or_else(|| by_path.get(format!("{path}.json").as_str())).copied()
            });
            files.collect()
        };
        Self { extends: all.iter().map(extended).collect(), all, by_path }
    }

    fn folder(&self, number: usize) -> &'a str {
        folder_of(&self.all[number].file)
    }

    /// What a configuration says; one without files of its own leaves that to those beside it that it refers to.
    fn scope(&self, number: usize) -> Scope {
        let folder = self.folder(number);
        let beside = self.all[number].references.iter().filter_map(|path| {
            let path = join_relative(folder, path)?;
            self.by_path.get(path.as_str()).copied().filter(|_| folder_of(&path) == folder)
        });
        let mut scopes = [number].into_iter().chain(beside).map(|number| self.extended(number));
        scopes.find(|scope| scope.base.is_some() || scope.patterns.is_some()).unwrap_or_default()
    }

    /// What a configuration says or those that it extends, the nearest first; each is looked at once, whoever extends whom.
    fn extended(&self, number: usize) -> Scope {
        let (mut chain, mut open) = (Vec::new(), vec![number]);
        while let Some(next) = open.pop().filter(|_| chain.len() < MAX_CHAIN) {
            if !chain.contains(&next) {
                chain.push(next);
                open.extend(self.extends[next].iter().rev());
            }
        }
        let based = chain.iter().find_map(|of| Some((self.folder(*of), self.all[*of].base.as_deref()?)));
        let base = based.and_then(|(of, base)| place((self.folder(number), of), base, ""));
        let patterns = chain.into_iter().find(|of| self.all[*of].patterns.is_some());
        let patterns = patterns.map(|of| (of, base.clone().unwrap_or_else(|| self.folder(of).to_owned())));
        Scope { base, patterns }
    }
}
