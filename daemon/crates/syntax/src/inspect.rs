//! Calls the rules from the one walk over the tree: keeps the loops and functions that are open, hands each node that a rule
//! wants to it, and bounds what all of them may cost.

mod allow;
mod call;
mod names;
mod plan;
mod scope;
mod shape;
mod site;
mod tables;
mod vocabulary;
mod weigh;

use tree_sitter::{Node, TreeCursor};

pub(crate) use self::{
    allow::settle,
    call::Call,
    names::{BindKind, Binding},
    plan::Plan,
    scope::{Role, source_of},
    shape::Shape,
    site::{Hit, Site, Steady, hit},
};
use self::{
    plan::{Called, Watcher, mark},
    scope::{Names, Scope},
};
use crate::{
    Confidence, Finding, Language,
    grammar::Class,
    head::Head,
    lines::Span,
    rules::{self, Only, RuleSet},
};

/// Longest path of a call that rules look at, in bytes.
const MAX_PATH: usize = 512;

/// Most findings of one file.
pub(crate) const MAX_FINDINGS: usize = 200;
/// Work for rules on one file, in about the cost of one node: so much for each byte, and so much at least.
const WORK_PER_BYTE: u64 = 4;
const WORK_AT_LEAST: u64 = 400_000;

/// What the rules found in a file.
#[derive(Debug, Default)]
pub(crate) struct Inspected {
    pub(crate) findings: Vec<Finding>,
    pub(crate) suppressed: u32,
    pub(crate) cut: bool,
}

/// The rules at work on one file.
#[derive(Debug)]
pub(crate) struct Inspector<'a, 't> {
    language: Language,
    plan: Option<&'static Plan>,
    set: RuleSet,
    scopes: Vec<Scope<'t>>,
    names: Names<'a, 't>,
    /// A closure that is called for each element, by id.
    callback: usize,
    /// Everything before this byte is test code.
    test_until: usize,
    found: Vec<Finding>,
    work: u64,
    most_work: u64,
    cut: bool,
    /// The file is there to test others.
    tests: bool,
}

impl<'a, 't> Inspector<'a, 't> {
    /// `root` is the whole tree.
    pub(crate) fn new(language: Language, set: RuleSet, head: &Head<'a>, root: Node<'t>) -> Self {
        Self {
            language,
            plan: (!set.is_empty()).then(|| Plan::of(language)),
            set,
            scopes: Vec::new(),
            names: Names::new(root),
            callback: 0,
            test_until: 0,
            found: Vec::new(),
            work: 0,
            most_work: WORK_AT_LEAST.max(head.source.len() as u64 * WORK_PER_BYTE),
            cut: false,
            tests: weigh::is_for_tests(language, head.source),
        }
    }

    /// Why a kind matters; 0 if it does not, which is so for most.
    pub(crate) fn marks(&self, kind: u16) -> u8 {
        self.plan.map_or(0, |plan| plan.marks(kind))
    }

    /// Whether what begins at this byte is inside of a test.
    pub(crate) const fn in_test(&self, start: usize) -> bool {
        start < self.test_until
    }

    /// What ends at this byte is a test.
    pub(crate) fn test_ends_at(&mut self, end: usize) {
        self.test_until = self.test_until.max(end);
    }

    /// Takes a node that matters. It comes before everything in it.
    pub(crate) fn enter(&mut self, head: &Head<'a>, cursor: &TreeCursor<'t>, node: Node<'t>, marks: u8) {
        let Some(plan) = self.plan else { return };
        let start = node.start_byte();
        if self.in_test(start) {
            return;
        }
        if self.work > self.most_work || self.found.len() >= MAX_FINDINGS {
            self.plan = None;
            self.cut = true;
            return;
        }
        while self.scopes.pop_if(|scope| scope.end() <= start).is_some() {}
        if marks & mark::CALL != 0 {
            if let Some((name, function)) = call::name(head, self.language, node)
                && let Some(called) = plan.calls.get(name)
            {
                let receiver = call::receiver(self.language, node, function);
                let call = named(head, name, function, receiver);
                self.called(head, cursor, node, (call, called));
            }
        } else if marks & mark::NEW != 0
            && let Some((name, ty)) = call::made(head, node)
            && let Some(called) = plan.news.get(name)
        {
            let call = named(head, name, ty, None);
            self.called(head, cursor, node, (call, called));
        }
        if marks & mark::KIND != 0 {
            for watcher in plan.watchers(node.kind_id()) {
                self.ask(head, cursor, node, (None, *watcher));
            }
        }
        if marks & mark::SCOPE != 0 {
            self.open(head, node);
        }
    }

    fn called(
        &mut self,
        head: &Head<'a>,
        cursor: &TreeCursor<'t>,
        node: Node<'t>,
        (call, called): (Call<'a, 't>, &'static Called),
    ) {
        if called.iterates {
            let closures = call::arguments(node);
            // In Swift the closure stands behind the arguments.
            let closure = closures.iter().rev().find(|argument| head.class(**argument) == Class::Closure);
            self.callback = closure.map_or(0, Node::id);
        }
        for watcher in &called.watchers {
            self.ask(head, cursor, node, (Some(call), *watcher));
        }
    }

    fn open(&mut self, head: &Head<'a>, node: Node<'t>) {
        let scope = match head.class(node) {
            Class::Loop => Scope::repeat(head, node),
            Class::Function if is_stored(node) => return,
            Class::Function => Scope::function(node, Role::Function),
            Class::Closure if node.id() == self.callback => Scope::function(node, Role::Callback),
            Class::Closure => Scope::function(node, Role::Closure),
            _ if matches!(node.kind(), "async_block" | "static_initializer") => Scope::function(node, Role::Closure),
            _ => Scope::repeat(head, node),
        };
        self.scopes.push(scope);
    }

    fn ask(
        &mut self,
        head: &Head<'a>,
        cursor: &TreeCursor<'t>,
        node: Node<'t>,
        (call, watcher): (Option<Call<'a, 't>>, Watcher),
    ) {
        if !self.set.has(watcher.rule) {
            return;
        }
        self.work += 1;
        let mut site = Site {
            node,
            call,
            language: self.language,
            head: *head,
            cursor,
            scopes: &self.scopes,
            names: &mut self.names,
            work: &mut self.work,
        };
        let wanted = match watcher.watch.only {
            Only::Anywhere => true,
            Only::InLoop => site.innermost().is_some(),
            Only::InAsync => site.in_async(),
        };
        if !wanted {
            return;
        }
        *site.work += 16;
        let Some(mut hit) = (watcher.watch.check)(&mut site) else { return };
        hit.confidence = site.weighed(hit.confidence, self.tests);
        let rule = rules::all()[watcher.rule];
        if hit.confidence >= self.set.least() && hit.confidence >= Confidence::Low && !hit.at.has_error() {
            self.note(allow::finding(head, rule, &hit));
        }
    }

    /// Adds a finding, unless its rule has found the same place a moment ago.
    fn note(&mut self, finding: Finding) {
        let is_same = |old: &Finding| (old.rule, old.line, old.column) == (finding.rule, finding.line, finding.column);
        if !self.found.iter().rev().take(4).any(is_same) {
            self.found.push(finding);
        }
    }

    /// The findings, in source order, without those that a comment allows.
    pub(crate) fn finish(self, head: &Head<'_>, comments: &[Span]) -> Inspected {
        let cut = self.cut || self.names.too_large;
        let mut findings = self.found;
        findings.sort_by_key(|finding| (finding.line, finding.column, finding.rule));
        let suppressed = settle(head.source, comments, &mut findings);
        Inspected { findings, suppressed, cut }
    }
}

/// Whether a node of a kind that may be a function is none: Swift's stored properties.
fn is_stored(node: Node<'_>) -> bool {
    node.kind() == "property_declaration" && node.child_by_field_name("computed_value").is_none()
}

fn named<'a, 't>(head: &Head<'a>, name: &'a [u8], path: Node<'t>, receiver: Option<Node<'t>>) -> Call<'a, 't> {
    let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).unwrap_or_default();
    // Rules know short paths; those of a chain of a thousand calls would be read a thousand times.
    let path = Some(head.bytes(path)).filter(|path| path.len() <= MAX_PATH).unwrap_or_default();
    Call { name: text(name), path: text(path), receiver }
}
