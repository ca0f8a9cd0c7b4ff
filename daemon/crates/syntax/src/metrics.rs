//! The two measures of a function, and the rules by which nodes add to them. The definitions, with their
//! sources, stand below.

use crate::grammar::Class;

// The definitions.
//
// **Cyclomatic** (T. J. `McCabe`, "A Complexity Measure", IEEE TSE SE-2/4, 1976): 1 + decisions. Decisions are `if`, `else if`,
// `guard`, `let … else`, every loop (also `loop`), every case that is not the default, `catch`/`except`, `?:`, `&&`, `||`,
// `??`, logical assignments, the guard of a case, `for` and `if` of a comprehension (as radon counts them), and Rust's `?`
// (as Mozilla's rust-code-analysis does). Where the compiler demands that a switch covers all values (Rust, Swift), n arms are
// n − 1 decisions. Not counted: `?.`, default parameters, `assert`, preprocessor conditions, tokens in macro calls.
//
// **Cognitive** (G. A. Campbell, "Cognitive Complexity", SonarSource white paper 1.7, 2023): +1 and +1 per level of nesting for
// `if`, `guard`, `let … else`, loops, switches, `catch`, `?:`; +1 flat for `else`, `else if`, a jump to a label and `goto`; +1 for
// each run of like logical operators, parentheses seen through. Nesting is raised by these structures (not for their
// header: condition, subject) and by closures. Shorthands (`?`, `??`, `?.`, comprehensions) are free. Recursion, which the
// paper counts, is not: it needs name resolution.
//
// A closure adds to the function around it; a named function in a function is measured on its own from nesting 0. Code outside
// of functions is not measured.

/// A logical operator, to see where a run of like operators ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    And,
    Or,
}

/// A function whose end is not reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenFunction {
    /// Where it stands in the list; `None` if the list is full.
    pub(crate) index: Option<usize>,
    pub(crate) cyclomatic: u32,
    pub(crate) cognitive: u32,
    pub(crate) nesting: u32,
}

impl OpenFunction {
    pub(crate) const fn new(index: Option<usize>) -> Self {
        Self { index, cyclomatic: 1, cognitive: 0, nesting: 0 }
    }

    /// A decision that does not break the flow of reading.
    pub(crate) const fn branch(&mut self) {
        self.cyclomatic = self.cyclomatic.saturating_add(1);
    }

    /// A break of the flow that nesting does not make worse.
    pub(crate) const fn flat(&mut self) {
        self.cognitive = self.cognitive.saturating_add(1);
    }

    /// A structure at a level of nesting.
    pub(crate) fn structure(&mut self, class: Class, nesting: u32, after_else: bool) {
        if !matches!(class, Class::Switch | Class::Else) {
            self.branch();
        }
        match class {
            Class::Else | Class::ElseIf => self.flat(),
            // Its `else` has counted already.
            Class::If if after_else => {}
            _ => self.cognitive = self.cognitive.saturating_add(nesting.saturating_add(1)),
        }
        self.reach(nesting.saturating_add(1));
    }

    /// Notes how deep it nests.
    pub(crate) fn reach(&mut self, nesting: u32) {
        self.nesting = self.nesting.max(nesting);
    }

    /// A logical operator after `before` in the same expression.
    pub(crate) fn logical(&mut self, operator: Operator, before: Option<Operator>) {
        self.branch();
        if before != Some(operator) {
            self.flat();
        }
    }
}
