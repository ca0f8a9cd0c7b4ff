//! Variables that would change what the programs do that agentd starts. They get none of them; whoever set them should know.

use std::collections::HashMap;

/// Names that change how programs are loaded, built, or what they talk to.
const NAMES: [&str; 8] = [
    "LD_PRELOAD",
    "LD_AUDIT",
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// The same for whole families.
const FAMILIES: [&str; 2] = ["DYLD_", "GIT_"];

/// One sentence that names such variables, if there are any that say something.
#[must_use]
pub fn warning(environment: &HashMap<String, String>) -> Option<String> {
    let hostile = |name: &str| {
        // Proxies are written both ways, the others are not.
        NAMES.contains(&name)
            || (name.ends_with("_PROXY") && NAMES.contains(&name.to_ascii_lowercase().as_str()))
            || FAMILIES.iter().any(|family| name.starts_with(family))
    };
    let said = environment.iter().filter(|(name, value)| hostile(name) && !value.is_empty());
    let mut names: Vec<&str> = said.map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    (!names.is_empty()).then(|| {
        format!(
            "the daemon was started with {}; git, builds and tests that it runs get none of them: start it without, or set \
             what you need in the tools' own files",
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
        for name in ["LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "GIT_DIR", "RUSTFLAGS", "HTTPS_PROXY", "no_proxy"] {
            assert!(told(&[(name, "x")]).is_some_and(|text| text.contains(name)), "{name}");
            assert_eq!(told(&[(name, "")]), None, "{name} is empty");
        }
        for name in ["PATH", "LD_LIBRARY_PATH", "GITHUB_TOKEN", "MY_PROXY", "ld_preload", "RUST_LOG"] {
            assert_eq!(told(&[(name, "x")]), None, "{name}");
        }
        let all = told(&[("RUSTFLAGS", "x"), ("HOME", "/"), ("GIT_DIR", "x"), ("ALL_PROXY", "x")]).unwrap();
        assert!(all.contains("ALL_PROXY, GIT_DIR, RUSTFLAGS;"), "{all}");
    }
}
