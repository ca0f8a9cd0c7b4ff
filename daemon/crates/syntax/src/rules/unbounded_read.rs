//! Reading all that a peer sends into memory without a limit: Go's `io.ReadAll(r.Body)` in an HTTP handler, Node's handler that adds up a
//! body. Whoever sends much fills the memory. Write: `http.MaxBytesReader`, `io.LimitReader`, or stop at a length. Wrong if something
//! in front bounds the body, which cannot be seen here; so it is never more than likely.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "unbounded-read",
    version: 2,
    title: "all that a peer sends read into memory",
    languages: &[Language::Go, Language::Rust],
    severity: Severity::Medium,
    why: "the memory taken is whatever the peer sends, so one large body can use it all up",
    instead: "set a limit before reading: `http.MaxBytesReader`, `io.LimitReader`, `Read::take`",
    wrong_when: "a proxy or a layer below bounds the length",
    example_bad: "package p\nfunc h(w http.ResponseWriter, r *http.Request) { b, _ := io.ReadAll(r.Body); use(b) }",
    example_good: "package p\nfunc h(w http.ResponseWriter, r *http.Request) { b, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20)); use(b) }",
    watches: &[
        Watch { languages: &[Language::Go], on: On::Calls(&["ReadAll"]), only: Only::Anywhere, check: go },
        Watch {
            languages: &[Language::Rust],
            on: On::Calls(&["read_to_end", "read_to_string"]),
            only: Only::Anywhere,
            check: rust,
        },
    ],
};

fn go<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let reader = *site
        .arguments()
        .first()
        .filter(|_| site.call.is_some_and(|c| matches!(c.path, "io.ReadAll" | "ioutil.ReadAll")))?;
    let request = site.text(reader).strip_suffix(".Body")?;
    let typed = site.bindings(request).iter().any(|b| b.ty.is_some_and(|ty| site.text(ty) == "*http.Request"));
    let function = site.function().map(|scope| scope.node).filter(|_| typed)?;
    let text = site.scan(function)?;
    if text.contains("MaxBytesReader")
        || text.contains("ContentLength")
        || text.contains("LimitReader")
        || !text.contains("http.ResponseWriter")
    {
        return None;
    }
    Some(hit(
        site.node,
        Confidence::Medium,
        format!("`{request}` sends as much as it likes, and all of it is kept in memory"),
    ))
}

fn rust<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let name = site.receiver_name()?;
    let socket = site.bindings(name).iter().any(|b| {
        b.ty.is_some_and(|ty| site.text(ty).ends_with("TcpStream") || site.text(ty).ends_with("UnixStream"))
            || b.value
                .is_some_and(|v| site.text(v).starts_with("TcpStream::connect") || site.text(v).contains(".accept()"))
    });
    socket.then(|| {
        hit(
            site.node,
            Confidence::Medium,
            format!("the peer of `{name}` sends as much as it likes, and all of it is kept in memory"),
        )
    })
}
