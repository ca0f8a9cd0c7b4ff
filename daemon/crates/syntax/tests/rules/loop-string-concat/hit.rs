//! What `loop-string-concat` must find.

fn f(xs: &[&str]) -> String {
    let mut s = String::new();
    for x in xs {
        s = format!("{}{}", s, x); // HIT
        s = format!("{s},{x}"); // HIT
    }
    s
}
