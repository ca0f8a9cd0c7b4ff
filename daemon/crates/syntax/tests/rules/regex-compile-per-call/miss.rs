//! What `regex-compile-per-call` must leave alone.

static RE: LazyLock<Regex> = LazyLock::new(|| Regex::new("^a+$").unwrap());

fn ok(s: &str) -> bool {
    static OTHER: LazyLock<Regex> = LazyLock::new(|| Regex::new("b").unwrap());
    RE.is_match(s) && Regex::new(s).is_ok()
}

fn main() {
    Regex::new("c").unwrap();
}
