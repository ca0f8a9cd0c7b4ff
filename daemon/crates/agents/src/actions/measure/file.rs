//! One file: read, looked up among what earlier analyses kept, else parsed; then its imports are resolved.

use std::{
    ops::ControlFlow,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use agentd_host::own_cpu;
use agentd_syntax::{Error, Excess, Language, Limits, rules::RuleSet};
use agentd_tools::{
    Workspace,
    cache::{Cache, Entry, Kept, Key, Known, Part, Settled},
    duplicates::{Sketch, sketch},
    measured::Digest,
    stamp::Stamp,
    structure::{KnownLinks, Links, NewLinks, Packages, PathIndex, Paths, Resolver},
    survey::SourceFile,
};

use super::super::survey::{Stamped, Surveyed};
use crate::Scratch;

/// Files that grew beyond this since the survey are left out.
pub(in super::super) const MOST_BYTES: u64 = 4 << 20;

/// Files from this size on, in bytes, are left out if their lines have [`DENSE`] bytes on average: nobody wrote them.
const DENSE_FROM: usize = 256 * 1024;
const DENSE: usize = 2_000;

/// Brackets open at once; people reach some thirty, generated tables some hundred. The parser overflows 2 MiB of stack at
/// some ten thousand.
const MOST_NESTED: usize = 4_000;

/// CPU time for one file; one of the largest size takes a tenth of it.
const MOST_TIME: Duration = Duration::from_secs(3);

pub(super) const GONE: &str = "gone since the survey";

/// What pieces share.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) workspace: Arc<Workspace>,
    pub(super) surveyed: Arc<Surveyed>,
    /// By file; `None`: nobody looked for stamps, or they were lost with the process.
    pub(super) stamps: Option<Arc<Stamped>>,
    /// By file, if there are stamps.
    pub(super) settled: Vec<Option<Settled>>,
    /// Made when an import is to be resolved.
    pub(super) index: OnceLock<PathIndex>,
    pub(super) packages: Packages,
    /// Where the imports of unchanged files lead.
    pub(super) links: KnownLinks,
    pub(super) cache: Arc<Cache>,
    pub(super) rules: RuleSet,
}

/// What is known of one file.
#[derive(Debug)]
pub(super) struct Measure {
    pub(super) digest: Digest,
    pub(super) sketch: Sketch,
    pub(super) links: Links,
    /// What the next analysis need not find out again.
    pub(super) new_links: Option<NewLinks>,
}

/// What came of one file.
#[derive(Debug)]
pub(super) struct Found {
    /// Its number in the manifest.
    pub(super) file: u32,
    pub(super) result: Result<Box<Measure>, &'static str>,
    pub(super) from_cache: bool,
    /// What the next analysis need not find out again.
    pub(super) news: Option<Entry>,
    /// Why it need not be read in the next one, if it stays as it is.
    pub(super) settled: Option<Settled>,
}

impl Found {
    const fn failed(file: u32, why: &'static str) -> Self {
        Self { file, result: Err(why), from_cache: false, news: None, settled: None }
    }
}

impl Files {
    /// The files of the survey.
    pub(super) fn all(&self) -> &[SourceFile] {
        &self.surveyed.manifest.files
    }

    fn stamp(&self, file: u32) -> Option<Stamp> {
        self.stamps.as_ref()?.0.get(file as usize).copied().flatten()
    }

    /// What the cache says of a file without a look at its content.
    pub(super) fn settled(&self, file: u32) -> Option<Settled> {
        self.settled.get(file as usize).copied().flatten()
    }

    /// Measures the file with this number in the manifest. It is read unless its stamp says that it is as it was; then its
    /// content decides whether it is known.
    pub(super) fn measure(&self, scratch: &mut Scratch, file: u32) -> Found {
        let settled = self.settled(file);
        if let Some(found) = settled.and_then(|settled| self.known(scratch, file, (settled.key(), Some(settled)))) {
            return found;
        }
        let source = &self.all()[file as usize];
        let Some(language) = source.language else { return Found::failed(file, "of no known language") };
        let (path, stamp) = (PathBuf::from(&*source.path), self.stamp(file));
        let (content, has_stamp) = match self.workspace.read_stamped(&path, MOST_BYTES, stamp) {
            Ok(read) => read,
            Err(error) => return Found::failed(file, unreadable(&error)),
        };
        let key = self.cache.key(language, &content);
        let settle = |key: Key| self.cache.settle(&stamp.filter(|_| has_stamp)?, language, key);
        let settled = key.and_then(settle);
        if let Some(found) = key.as_ref().and_then(|key| self.known(scratch, file, (key, settled))) {
            return found;
        }
        scratch.parser().set_rules(self.rules);
        match parse(scratch, language, &content) {
            Ok(kept) => {
                let news = key.and_then(|key| Cache::entry(key, &kept));
                let result = self.result(file, kept, (key.as_ref(), None));
                Found { file, result, from_cache: false, news, settled }
            }
            Err(why) => Found::failed(file, why),
        }
    }

    /// What the cache knows of a file with this content.
    fn known(&self, scratch: &mut Scratch, file: u32, (key, settled): (&Key, Option<Settled>)) -> Option<Found> {
        let links = self.links.of(file, key);
        let part = if links.is_some() { Part::WithoutImports } else { Part::All };
        let kept = self.cache.get(key, part)?;
        scratch.pace.keep(Instant::now());
        let result = self.result(file, kept, (Some(key), links));
        Some(Found { file, result, from_cache: true, news: None, settled })
    }

    fn result(
        &self,
        file: u32,
        kept: Kept,
        (key, links): (Option<&Key>, Option<Links>),
    ) -> Result<Box<Measure>, &'static str> {
        match kept {
            Kept::Facts(known) => {
                let Known { mut digest, sketch } = *known;
                if let Some(links) = links {
                    return Ok(Box::new(Measure { digest, sketch, links, new_links: None }));
                }
                let index = self.index.get_or_init(|| PathIndex::new(self.all()));
                let resolver = Resolver::over(Paths::over(self.all(), index), &self.packages);
                let links = resolver.resolve(file, digest.language(), &digest.take_imports());
                let new_links = key.and_then(|key| KnownLinks::entry(file, key, &links));
                Ok(Box::new(Measure { digest, sketch, links, new_links }))
            }
            Kept::LeavesOpen => Err("too costly to parse: it leaves too much open"),
            Kept::TooMuchMemory => Err("too costly to parse: it would take too much memory"),
            Kept::TakesTooLong => Err("too costly to parse: it takes too long"),
        }
    }
}

/// What another parse would give again, or why there is no such thing: other faults are found at once. How long a file takes
/// depends on the machine, but one that takes ten times as long as the largest does so on any.
fn parse(scratch: &mut Scratch, language: Language, content: &[u8]) -> Result<Kept, &'static str> {
    if let Some(why) = unfit(content) {
        return Err(why);
    }
    let stop = scratch.stop().clone();
    let (begin, before) = (Instant::now(), own_cpu());
    let (mut pace, signs) = (scratch.pace, scratch.signs());
    let mut budget = || {
        let now = Instant::now();
        pace.keep(now);
        signs.give();
        let is_over = is_too_long(now - begin, || own_cpu().saturating_sub(before));
        if stop.is_set() || is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let facts = scratch.parser().analyze(language, content, Limits::with_budget(&mut budget));
    scratch.pace = pace;
    match facts {
        Ok(facts) => Ok(Kept::Facts(Box::new(Known { digest: Digest::of(facts), sketch: sketch(content, language) }))),
        Err(Error::TooCostly { excess: Excess::Open }) => Ok(Kept::LeavesOpen),
        Err(Error::TooCostly { .. }) => Ok(Kept::TooMuchMemory),
        Err(Error::Stopped) if !stop.is_set() => Ok(Kept::TakesTooLong),
        Err(Error::Stopped) => Err("stopped"),
        Err(Error::TooLarge { .. }) => Err("too large"),
        Err(Error::NotText { .. }) => Err("not UTF-8 text"),
        Err(Error::Grammar { .. } | Error::NoTree { .. }) => Err("the parser gave nothing"),
    }
}

/// Beside a build a thread may wait much longer than it computes, which says nothing about the file. CPU time is asked for only
/// when as much time has passed at all.
fn is_too_long(passed: Duration, cpu: impl FnOnce() -> Duration) -> bool {
    passed > MOST_TIME && cpu() > MOST_TIME
}

/// Why a file is left out before it is parsed. The parser keeps several readings of what it is not sure of: a line of a
/// megabyte costs it a gigabyte, and brackets that open without end cost it its stack.
fn unfit(content: &[u8]) -> Option<&'static str> {
    let (mut lines, mut depth, mut deepest) = (1, 0_usize, 0);
    for byte in content {
        match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'\n' => lines += 1,
            _ => {}
        }
    }
    if deepest > MOST_NESTED {
        Some("nested too deep")
    } else if content.len() > DENSE_FROM && content.len() / lines > DENSE {
        Some("minified or data")
    } else {
        None
    }
}

fn unreadable(error: &agentd_tools::Error) -> &'static str {
    match error {
        agentd_tools::Error::Vanished { .. } | agentd_tools::Error::NotADirectory { .. } => GONE,
        agentd_tools::Error::Permission { .. } => "not permitted",
        agentd_tools::Error::Escapes { .. } => "leads out of the folder",
        agentd_tools::Error::NotAFile { .. } => "no longer a file",
        agentd_tools::Error::TooLarge { .. } => "too large",
        _ => "not readable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_given_up_for_what_it_costs_and_not_for_what_others_do() {
        let (short, long) = (MOST_TIME / 2, MOST_TIME * 9);
        for (passed, cpu, expected) in
            [(short, short, false), (long, short, false), (long, MOST_TIME, false), (long, long, true)]
        {
            assert_eq!(is_too_long(passed, || cpu), expected, "{cpu:?} of {passed:?}");
        }
        let asked = std::cell::Cell::new(false);
        is_too_long(short, || {
            asked.set(true);
            long
        });
        assert!(!asked.get(), "it costs a system call");
    }

    #[test]
    fn what_nobody_wrote_is_not_parsed() {
        let line = "let x = [1, 2, (3)];\n";
        for (content, why) in [
            (String::new(), None),
            (line.repeat(100_000), None),
            ("f(".repeat(MOST_NESTED) + &")".repeat(MOST_NESTED), None),
            ("f(".repeat(MOST_NESTED + 1), Some("nested too deep")),
            ("{[(".repeat(50_000), Some("nested too deep")),
            ("1,".repeat(DENSE_FROM / 2), None),
            ("1,".repeat(DENSE_FROM), Some("minified or data")),
            (")".repeat(DENSE_FROM) + &line.repeat(10_000), None),
        ] {
            let begin: String = content.chars().take(20).collect();
            assert_eq!(unfit(content.as_bytes()), why, "{begin}… of {} bytes", content.len());
        }
    }
}
