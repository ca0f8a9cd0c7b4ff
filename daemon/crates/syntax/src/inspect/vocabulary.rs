//! What names tell: the words that speak of much work, of errors and tests, of reading from outside, and how they are found in
//! names of any case. Rules see one function and no types, so a name is often all there is.

/// Calls that read from outside, of which there may be any amount.
const READS: &[&str] = &[
    "readline",
    "readlines",
    "splitlines",
    "lines",
    "getline",
    "scan",
    "scanln",
    "fetchall",
    "fetchmany",
    "fetchone",
    "iterrows",
    "itertuples",
    "readdir",
    "read_dir",
    "opendir",
    "listdir",
    "scandir",
    "walk",
    "glob",
    "rglob",
    "iterdir",
    "finditer",
    "findall",
    "reader",
    "dictreader",
    "hasnextline",
    "readrecord",
    "readall",
    "namelist",
    "executequery",
];

/// Calls on a table that give its elements as they stand in it, or how many there are.
pub(super) const ELEMENTS: &[&str] = &[
    "iter",
    "into_iter",
    "iter_mut",
    "values",
    "into_values",
    "keys",
    "into_keys",
    "items",
    "entries",
    "elements",
    "enumerated",
    "indices",
    "indexed",
    "len",
    "copy",
    "clone",
    "stream",
    "entrySet",
    "keySet",
];

/// Things that come by the thousand, in the plural or as the name of one.
pub(super) const MANY: &[&str] = &[
    "lines",
    "line",
    "rows",
    "row",
    "records",
    "record",
    "words",
    "word",
    "nodes",
    "edges",
    "edge",
    "vertices",
    "vertex",
    "triangles",
    "polygons",
    "faces",
    "samples",
    "pixels",
    "pixel",
    "packets",
    "documents",
    "users",
    "user",
    "customers",
    "customer",
    "orders",
    "transactions",
    "messages",
    "cookies",
    "cookie",
    "files",
    "urls",
    "hosts",
    "commits",
    "posts",
    "articles",
    "products",
    "contacts",
    "particles",
    "bytes",
    "chars",
    "tables",
    "segments",
    "edits",
];

/// Words in the name of a function or type that is not made for work: what tests use, what people look at, what tells of errors.
pub(super) const IDLE: &[&str] = &[
    "test",
    "tests",
    "testing",
    "mock",
    "mocks",
    "mocked",
    "fake",
    "stub",
    "fixture",
    "bench",
    "benchmark",
    "example",
    "examples",
    "demo",
    "tutorial",
    "arg",
    "args",
    "argv",
    "cli",
    "log",
    "logger",
    "logging",
    "print",
    "printer",
    "report",
    "repr",
    "debug",
    "dump",
    "describe",
    "usage",
    "help",
    "error",
    "errors",
    "err",
    "exception",
    "warn",
    "warning",
    "warnings",
    "panic",
    "fail",
    "failure",
    "fatal",
    "abort",
    "complain",
    "diagnostic",
    "diagnostics",
];

/// Calls whose closure is run for errors only.
pub(super) const ON_ERROR: &[&str] = &[
    "with_context",
    "map_err",
    "ok_or_else",
    "unwrap_or_else",
    "or_else",
    "expect_err",
    "catch",
    "inspect_err",
    "wrap_err_with",
];

/// The words of a name in whatever case, in small letters: `readLine`, `read_line`, `READ_LINE`.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for c in text.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && small) {
            words.push(String::new());
        }
        small = c.is_lowercase() || c.is_numeric();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether one of the words in a name is known.
pub(super) fn names_one_of(text: &str, known: &[&str]) -> bool {
    words(text).iter().any(|word| known.contains(&word.as_str()))
}

/// Whether something that is called in a text reads from outside.
pub(super) fn reads(text: &str) -> bool {
    text.match_indices('(').any(|(at, _)| {
        let before = text[..at].trim_end_matches('!');
        let called = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        READS.contains(&called.to_ascii_lowercase().as_str())
    }) || ["split(\"\\n\")", "split('\\n')", "split(/\\r?\\n/)"].iter().any(|lines| text.contains(lines))
}

/// Whether a text names a constant by the custom of all these languages: `KINDS`, not `N`, which may be a type.
pub(super) fn is_constant(text: &str) -> bool {
    text.len() > 2 && !text.contains(|c: char| c.is_lowercase()) && text.contains(|c: char| c.is_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_names_of_any_case() {
        for (text, expected) in [
            ("readLine", "read line"),
            ("read_line", "read line"),
            ("READ_LINE2", "read line2"),
            ("MockFS::open", "mock fs open"),
            ("self.rows", "self rows"),
            ("", ""),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn what_reads_is_known_by_its_name() {
        for (text, expected) in [
            ("f.readlines()", true),
            ("s.split('\\n')", true),
            ("scanner.Scan()", true),
            ("(line = r.readLine()) != null", true),
            ("outlines(x)", false),
            ("lines", false),
            ("s.split(',')", false),
        ] {
            assert_eq!(reads(text), expected, "{text}");
        }
    }
}
