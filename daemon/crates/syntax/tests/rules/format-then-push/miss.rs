//! What `format-then-push` must leave alone.

fn f(xs: &[u8]) {
    let mut s = String::new();
    for x in xs {
        write!(s, "{x:02x}");
        s.push_str(&name(x));
    }
    s.push_str(&format!("end"));
}
