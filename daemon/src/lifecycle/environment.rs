//! Variables that would change what the programs do that agentd starts. They get none of them; whoever set them should know.
//! Today these programs are git, which only reads, and those that doctor asks for their version: where git sends what over
//! which proxy, and how something would be built, changes nothing yet.

use std::collections::HashMap;

/// Names that change how programs are loaded, or which repository git reads.
const NAMES: [&str; 10] = [
    "LD_PRELOAD",
    "LD_AUDIT",
    "GIT_DIR",
    "GIT_COMMON_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CEILING_DIRECTORIES",
];

/// The same for whole families.
const FAMILIES: [&str; 2] = ["DYLD_", "GIT_CONFIG"];

/// One sentence that names such variables, if there are any that say something.
#[must_use]
pub fn warning(environment: &HashMap<String, String>) -> Option<String> {
    let hostile = |name: &str| NAMES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family));
    let said = environment.iter().filter(|(name, value)| hostile(name) && !value.is_empty());
    let mut names: Vec<&str> = said.map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    (!names.is_empty()).then(|| {
        format!(
            "the daemon was started with {}; git and other programs that it runs get none of them: start it without, or set \
             what you need in git's own files",
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bends_other_programs_is_named_and_nothing_else() {
        let told = |variables: &[(&str, &str)]| {
            warning(&variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        for name in ["LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "GIT_DIR", "GIT_CONFIG_COUNT"] {
            assert!(told(&[(name, "x")]).is_some_and(|text| text.contains(name)), "{name}");
            assert_eq!(told(&[(name, "")]), None, "{name} is empty");
        }
        for name in
            ["PATH", "LD_LIBRARY_PATH", "GITHUB_TOKEN", "GIT_SSL_CAINFO", "HTTPS_PROXY", "RUSTFLAGS", "ld_preload"]
        {
            assert_eq!(told(&[(name, "x")]), None, "{name}");
        }
        let all = told(&[("LD_AUDIT", "x"), ("HOME", "/"), ("GIT_DIR", "x"), ("DYLD_ROOT_PATH", "x")]).unwrap();
        assert!(all.contains("DYLD_ROOT_PATH, GIT_DIR, LD_AUDIT;"), "{all}");
    }
}
