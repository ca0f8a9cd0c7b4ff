//! Measures what the facts cost beside a bare parse: `parse_floor FOLDER [EXTENSION] [ROUNDS]`, one thread, prints one JSON object.
//! Each round times both over all files, in turns; the best round of each counts.

#![allow(clippy::print_stdout, reason = "the report is what it is for")]

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use agentd_syntax::{DEFAULT_MAX_BYTES, Language, Limits, Parser};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: parse_floor FOLDER [EXTENSION] [ROUNDS]")?;
    let extension = arguments.next().unwrap_or_else(|| "rs".to_owned());
    let rounds: u32 = arguments.next().map_or(Ok(3), |rounds| rounds.parse())?;
    let language = Language::of_path(&format!("x.{extension}"), None).ok_or("unknown extension")?;
    let files = sources(Path::new(&folder), &extension)?;
    let bytes: usize = files.iter().map(Vec::len).sum();

    let mut bare = f64::MAX;
    let mut facts = f64::MAX;
    let mut functions = 0;
    for _ in 0..rounds {
        bare = bare.min(parse_only(language, &files)?);
        let start = Instant::now();
        functions = 0;
        let mut parser = Parser::new();
        for file in &files {
            functions += parser.analyze(language, file, Limits::default())?.functions.len();
        }
        facts = facts.min(start.elapsed().as_secs_f64() * 1e3);
    }
    println!(
        "{}",
        serde_json::json!({
            "language": language.name(),
            "files": files.len(),
            "bytes": bytes,
            "functions": functions,
            "parse_ms": bare.round(),
            "parse_and_facts_ms": facts.round(),
            "ratio": (facts / bare * 1e3).round() / 1e3,
        })
    );
    Ok(())
}

/// Milliseconds of the parser library alone.
fn parse_only(language: Language, files: &[Vec<u8>]) -> Result<f64, Box<dyn Error>> {
    let grammar = match language {
        Language::Rust => tree_sitter_rust::LANGUAGE,
        Language::Python => tree_sitter_python::LANGUAGE,
        Language::JavaScript => tree_sitter_javascript::LANGUAGE,
        Language::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
        Language::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
        Language::Go => tree_sitter_go::LANGUAGE,
        Language::C => tree_sitter_c::LANGUAGE,
        Language::Cpp => tree_sitter_cpp::LANGUAGE,
        Language::Java => tree_sitter_java::LANGUAGE,
        Language::Swift => tree_sitter_swift::LANGUAGE,
    };
    let start = Instant::now();
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&grammar.into())?;
    for file in files {
        parser.parse(file, None).ok_or("the parser gave no tree")?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// All files of the extension below a folder that are not too large, read before anything is timed.
fn sources(folder: &Path, extension: &str) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut folders = vec![folder.to_owned()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.path().extension().is_some_and(|e| e == extension) {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    let mut sources = Vec::new();
    for file in files {
        let source = fs::read(file)?;
        if source.len() <= DEFAULT_MAX_BYTES {
            sources.push(source);
        }
    }
    Ok(sources)
}
