//! The shape of the repository: what lies at its top, what README's map says, its scripts, and nothing of any one machine.

use std::path::Path;

use agentd_tests::repo;

/// Everything that may lie at the top; `true` if it must.
const TOP: [(&str, bool); 24] = [
    (".cargo", false),
    (".ci", true),
    (".clippy.toml", true),
    (".config", false),
    (".deny.toml", true),
    (".editorconfig", false),
    (".gitattributes", false),
    (".github", true),
    (".gitignore", true),
    (".rustfmt.toml", true),
    (".typos.toml", false),
    ("CHANGELOG.md", true),
    ("Cargo.lock", true),
    ("Cargo.toml", true),
    ("LICENSE-APACHE", true),
    ("LICENSE-MIT", true),
    ("README.md", true),
    ("client", true),
    ("daemon", true),
    ("launchd", true),
    ("prompts", true),
    ("proto", true),
    ("rust-toolchain.toml", true),
    ("scripts", true),
];

/// Longest script, in lines; what is longer is a program and belongs into a room.
const MAX_SCRIPT_LINES: usize = 150;

/// Parents of a checkout that say nothing about a machine.
const COMMON: [&str; 8] = ["/", "/tmp", "/var", "/usr", "/opt", "/srv", "/mnt", "/private/tmp"];

/// Homes that examples may name.
const EXAMPLE_USERS: [&str; 8] = ["me", "you", "user", "dev", "alice", "bob", "u", "x"];

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_top_level_is_as_decided() {
    let found = repo::top_level();
    let mut faults = Vec::new();
    for name in &found {
        if name != "tests" && !TOP.iter().any(|(known, _)| known == name) {
            faults.push(format!("{name} does not belong at the top of the repository"));
        }
    }
    for (name, must) in TOP {
        if must && !found.iter().any(|entry| entry == name) {
            faults.push(format!("{name} is missing at the top of the repository"));
        }
    }
    report(&faults);
}

/// Paths in backticks in the first column of the table under `## Map`.
fn map(readme: &str) -> Vec<String> {
    let section = readme.split("\n## Map\n").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let cells = section.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(|path| path.trim_end_matches('/').to_owned())
        .collect()
}

fn rooms() -> Vec<String> {
    let mut rooms: Vec<_> = repo::top_level().into_iter().filter(|name| !name.starts_with('.')).collect();
    for path in repo::files() {
        let mut parts = path.strip_prefix("daemon/crates").ok().into_iter().flat_map(Path::components);
        if let (Some(room), Some(_)) = (parts.next(), parts.next()) {
            rooms.push(format!("daemon/crates/{}", room.as_os_str().display()));
        }
    }
    rooms.sort();
    rooms.dedup();
    rooms
}

#[test]
fn the_map_in_the_readme_names_every_room_and_no_other() {
    let readme = repo::text(Path::new("README.md")).unwrap_or_default();
    let map = map(&readme);
    assert!(!map.is_empty(), "README.md has no table under \"## Map\" whose first column is a path in backticks");
    let rooms = rooms();
    let mut faults = Vec::new();
    for room in rooms.iter().filter(|room| !map.contains(room)) {
        faults.push(format!("README's map does not name {room}"));
    }
    for path in &map {
        let hidden = path.starts_with('.') && repo::root().join(path).exists();
        if !rooms.contains(path) && !hidden {
            faults.push(format!("README's map names {path}, which is no room"));
        }
    }
    report(&faults);
}

#[test]
fn scripts_can_be_run_and_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let scripts = repo::files().into_iter().filter(|path| path.starts_with("scripts") || path.starts_with(".ci"));
    let mut faults = Vec::new();
    for path in scripts {
        let text = repo::text(&path).unwrap_or_default();
        let mode = std::fs::metadata(repo::root().join(&path)).expect("just listed").permissions().mode();
        if mode & 0o111 == 0 || !text.starts_with("#!/usr/bin/env ") {
            faults.push(format!("{}: make it executable and begin it with #!/usr/bin/env", path.display()));
        }
        if text.lines().count() > MAX_SCRIPT_LINES {
            faults.push(format!("{}: longer than {MAX_SCRIPT_LINES} lines", path.display()));
        }
    }
    report(&faults);
}

/// Places where a line names this machine or a person's home: the checkout's parent, HOME, `/home/…`, `/Users/…`.
fn machine_path(line: &str, own: &[String]) -> bool {
    let own = own.iter().any(|place| starts_of(line, place).any(|rest| rest.is_empty() || rest.starts_with('/')));
    let root = starts_of(line, concat!("/ro", "ot")).any(|rest| rest.starts_with('/'));
    let person = ["/home/", "/Users/"].iter().flat_map(|homes| starts_of(line, homes)).any(|rest| {
        let name: String =
            rest.chars().take_while(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect();
        !name.is_empty() && !EXAMPLE_USERS.contains(&name.as_str())
    });
    own || root || person
}

/// What follows `place` wherever it begins a path, not inside one.
fn starts_of<'a>(line: &'a str, place: &str) -> impl Iterator<Item = &'a str> {
    let begins =
        |at: usize| !line[..at].ends_with(|letter: char| letter.is_alphanumeric() || "._-/}~)*".contains(letter));
    line.match_indices(place).filter(move |(at, _)| begins(*at)).map(|(at, found)| &line[at + found.len()..])
}

/// True if the line holds the address of a package registry or a mirror of one.
fn names_registry(line: &str) -> bool {
    line.match_indices("://").any(|(at, _)| {
        let host: String =
            line[at + 3..].chars().take_while(|letter| letter.is_alphanumeric() || ".-".contains(*letter)).collect();
        host.contains('.') && ["crates", "pypi", "pythonhost", "npm", "debian"].iter().any(|name| host.contains(name))
    })
}

#[test]
fn nothing_of_one_machine_is_in_the_tree() {
    let parent = repo::root().parent().map(|path| path.display().to_string());
    let own: Vec<String> = [parent, std::env::var("HOME").ok()]
        .into_iter()
        .flatten()
        .filter(|place| !COMMON.contains(&place.as_str()))
        .collect();
    let mut faults = Vec::new();
    for path in repo::files() {
        let lock = path.ends_with("Cargo.lock") || path.ends_with("package-lock.json");
        let Some(text) = repo::text(&path).filter(|_| !lock) else { continue };
        for (number, line) in text.lines().enumerate() {
            if machine_path(line, &own) || names_registry(line) {
                faults.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    report(&faults);
}

#[test]
fn the_rules_find_what_they_are_for() {
    let own = ["/build/checkouts".to_owned()];
    let person = format!("/{}/jdoe/x", "home");
    let owner = format!("cd /{}/.cargo", "root");
    for line in ["see /build/checkouts/agentd", "cd /build/checkouts", &person, &owner] {
        assert!(machine_path(line, &own), "{line}");
    }
    for line in ["/home/me/project", "a/build/checkouts", "target/root/x", "/Users/alice", "/build/checkouts2"] {
        assert!(!machine_path(line, &own), "{line}");
    }
    assert!(names_registry(&format!("see https:{}index.crates.io/x", "//")));
    assert!(!names_registry("https://github.com/rust-lang/crates.io-index and https://example.org"));
    let readme = "# a\n\n## Map\n\n| where | what |\n| --- | --- |\n| `client/` | x |\n| `A`, `B` | `no` |\n\n## Next\n| `z` | |\n";
    assert_eq!(map(readme), ["client", "A", "B"]);
}
