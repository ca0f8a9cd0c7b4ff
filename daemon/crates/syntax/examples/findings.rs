//! Prints what the performance rules find below a folder: `findings FOLDER [LEAST-CONFIDENCE] [RULE]`, one line for each finding, then
//! counts, of which lines that the rules do not read (generated, minified) are one of their own. With `--time` as the second argument
//! it prints what the rules cost beside everything else.

#![allow(clippy::print_stdout, reason = "the report is what it is for")]

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use agentd_syntax::{Confidence, Error as SyntaxError, Language, Limits, Parser, rules::RuleSet};

/// Parts of paths that hold tests.
const TESTS: [&str; 8] = ["/tests/", "/test/", "/testing/", "/benches/", "/__tests__/", "_test.", ".test.", ".spec."];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: findings FOLDER [high|medium|low|--time] [RULE]")?;
    let how = arguments.next().unwrap_or_else(|| "high".to_owned());
    let only = arguments.next();
    let files = sources(Path::new(&folder))?;
    if how == "--time" {
        return time(&files);
    }
    let least = match how.as_str() {
        "low" => Confidence::Low,
        "medium" => Confidence::Medium,
        _ => Confidence::High,
    };
    let rules = match &only {
        Some(id) => RuleSet::NONE.with(id),
        None => RuleSet::ALL,
    };
    let mut parser = Parser::new();
    parser.set_rules(rules.at_least(least));
    let (mut lines, mut counts) = (BTreeMap::<&str, u64>::new(), BTreeMap::<(&str, Confidence), u32>::new());
    for (path, language, source) in &files {
        let facts = match parser.analyze(*language, source, Limits::default()) {
            Ok(facts) => facts,
            Err(SyntaxError::NotText { .. } | SyntaxError::TooLarge { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let by = if facts.generated || facts.long_line { "not read" } else { language.name() };
        *lines.entry(by).or_default() += u64::from(facts.lines.total);
        for finding in facts.findings {
            *counts.entry((finding.rule.0, finding.confidence)).or_default() += 1;
            let (rule, sure) = (finding.rule, finding.confidence.word());
            println!("{}:{} {rule} {sure} {} | {}", path.display(), finding.line, finding.message, finding.text);
        }
        if facts.findings_cut {
            println!("{}: cut", path.display());
        }
    }
    println!("{} lines in {} files", lines.values().sum::<u64>(), files.len());
    for (language, lines) in lines {
        println!("{lines:8} lines {language}");
    }
    for ((rule, confidence), count) in counts {
        println!("{count:6} {rule} {}", confidence.word());
    }
    Ok(())
}

type Source = (PathBuf, Language, Vec<u8>);

/// Milliseconds with and without rules, in turns; the best of five rounds counts.
fn time(files: &[Source]) -> Result<(), Box<dyn Error>> {
    let mut best = [f64::MAX; 2];
    for _ in 0..5 {
        for (slot, rules) in [RuleSet::NONE, RuleSet::ALL].into_iter().enumerate() {
            let mut parser = Parser::new();
            parser.set_rules(rules);
            let start = Instant::now();
            for (_, language, source) in files {
                parser.analyze(*language, source, Limits::default())?;
            }
            best[slot] = best[slot].min(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    println!(
        "{} files, without rules {:.1} ms, with rules {:.1} ms, {:.3}",
        files.len(),
        best[0],
        best[1],
        best[1] / best[0]
    );
    Ok(())
}

fn sources(folder: &Path) -> Result<Vec<Source>, Box<dyn Error>> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let shown = path.to_string_lossy().replace('\\', "/");
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file()
                && !TESTS.iter().any(|part| shown.contains(part))
                && let Some(language) = Language::of_path(&shown, None)
            {
                found.push((path.clone(), language, fs::read(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}
