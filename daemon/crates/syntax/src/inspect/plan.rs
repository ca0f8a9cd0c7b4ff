//! What the rules want to see of a language: node kinds and names of calls, resolved to tables once.

use std::{collections::HashMap, sync::OnceLock};

use crate::{
    Language,
    grammar::{Class, Grammar},
    inspect::{names::BindForm, tables},
    rules::{self, On, Watch},
};

/// Why a kind of node is looked at.
pub(super) mod mark {
    /// Opens a loop, function or closure.
    pub(in crate::inspect) const SCOPE: u8 = 1;
    pub(in crate::inspect) const CALL: u8 = 2;
    pub(in crate::inspect) const NEW: u8 = 4;
    /// A rule wants this kind.
    pub(in crate::inspect) const KIND: u8 = 8;
}

/// A watch and the place of its rule in the registry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watcher {
    pub(super) rule: usize,
    pub(super) watch: &'static Watch,
}

/// Who wants calls of a name.
#[derive(Debug, Default)]
pub(super) struct Called {
    pub(super) watchers: Vec<Watcher>,
    /// It calls the closure it is given for each element.
    pub(super) iterates: bool,
}

/// All rules of one language.
#[derive(Debug)]
pub(crate) struct Plan {
    marks: Box<[u8]>,
    kinds: Box<[Vec<Watcher>]>,
    pub(super) calls: HashMap<&'static [u8], Called>,
    pub(super) news: HashMap<&'static [u8], Called>,
    forms: Box<[Option<&'static BindForm>]>,
}

impl Plan {
    /// The plan of a language; built at the first use.
    pub(crate) fn of(language: Language) -> &'static Self {
        static PLANS: [OnceLock<Plan>; Language::ALL.len()] = [const { OnceLock::new() }; Language::ALL.len()];
        PLANS[language as usize].get_or_init(|| Self::resolve(language))
    }

    fn resolve(language: Language) -> Self {
        let grammar = Grammar::of(language);
        let count = grammar.language.node_kind_count();
        let mut plan = Self {
            marks: vec![0; count].into(),
            kinds: vec![Vec::new(); count].into(),
            calls: HashMap::new(),
            news: HashMap::new(),
            forms: vec![None; count].into(),
        };
        let names: Vec<&str> = (0..u16::try_from(count).unwrap_or(u16::MAX))
            .map(|id| grammar.language.node_kind_for_id(id).filter(|_| grammar.language.node_kind_is_named(id)))
            .map(Option::unwrap_or_default)
            .collect();
        for (id, name) in names.iter().enumerate() {
            let kind = u16::try_from(id).unwrap_or(u16::MAX);
            let class = grammar.class(kind);
            if matches!(class, Class::Loop | Class::Function | Class::Closure) || tables::SCOPES.contains(name) {
                plan.marks[id] |= mark::SCOPE;
            }
            if tables::CALLS.contains(name) {
                plan.marks[id] |= mark::CALL;
            }
            if tables::NEWS.contains(name) {
                plan.marks[id] |= mark::NEW;
            }
            plan.forms[id] = tables::forms(language).iter().find(|form| form.kind == *name);
        }
        for name in tables::iterating_calls(language) {
            plan.calls.entry(name.as_bytes()).or_default().iterates = true;
        }
        for (rule, of) in rules::all().iter().enumerate() {
            for watch in of.watches.iter().filter(|watch| watch.languages.contains(&language)) {
                plan.add(&names, Watcher { rule, watch });
            }
        }
        plan
    }

    fn add(&mut self, names: &[&str], watcher: Watcher) {
        match watcher.watch.on {
            On::Calls(called) => {
                for name in called {
                    self.calls.entry(name.as_bytes()).or_default().watchers.push(watcher);
                }
            }
            On::News(made) => {
                for name in made {
                    self.news.entry(name.as_bytes()).or_default().watchers.push(watcher);
                }
            }
            On::Kinds(kinds) => {
                for (id, _) in names.iter().enumerate().filter(|(_, name)| kinds.contains(name)) {
                    self.marks[id] |= mark::KIND;
                    self.kinds[id].push(watcher);
                }
            }
        }
    }

    /// Why a kind is looked at; 0 if it is not.
    pub(super) fn marks(&self, kind: u16) -> u8 {
        self.marks.get(usize::from(kind)).copied().unwrap_or(0)
    }

    pub(super) fn watchers(&self, kind: u16) -> &[Watcher] {
        self.kinds.get(usize::from(kind)).map_or(&[], Vec::as_slice)
    }

    /// How a kind binds names.
    pub(super) fn form(&self, kind: u16) -> Option<&'static BindForm> {
        self.forms.get(usize::from(kind)).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_a_rule_names_exists_in_its_languages() {
        for language in Language::ALL {
            let grammar = &Grammar::of(language).language;
            let exists = |kind: &str| grammar.id_for_node_kind(kind, true) != 0;
            for rule in rules::all() {
                for watch in rule.watches.iter().filter(|watch| watch.languages.contains(&language)) {
                    if let On::Kinds(kinds) = watch.on {
                        assert!(kinds.iter().any(|kind| exists(kind)), "{}: {kinds:?} in {}", rule.id, language.name());
                    }
                }
            }
            for form in tables::forms(language) {
                assert!(exists(form.kind), "{} in {}", form.kind, language.name());
                for field in [form.name, form.value].into_iter().filter(|field| !field.is_empty()) {
                    let known = grammar.field_id_for_name(field).is_some();
                    assert!(known, "{}.{field} in {}", form.kind, language.name());
                }
            }
        }
        let anywhere = |kind: &&str| {
            Language::ALL.iter().any(|language| Grammar::of(*language).language.id_for_node_kind(kind, true) != 0)
        };
        assert!(tables::SCOPES.iter().chain(tables::CALLS).chain(tables::NEWS).all(anywhere));
    }
}
