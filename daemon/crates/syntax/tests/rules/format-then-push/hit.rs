//! What `format-then-push` must find.

fn f(xs: &[u8]) {
    let mut s = String::new();
    for x in xs {
        s.push_str(&format!("{x:02x}")); // HIT
        s += &format!("{x}"); // HIT
    }
}
