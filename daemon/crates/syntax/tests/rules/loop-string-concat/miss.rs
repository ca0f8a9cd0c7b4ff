//! What `loop-string-concat` must leave alone.

fn f(xs: &[&str]) -> String {
    let mut s = String::new();
    let mut last = String::new();
    for x in xs {
        s += x;
        s = s + x;
        last = format!("{}", x);
    }
    s
}
