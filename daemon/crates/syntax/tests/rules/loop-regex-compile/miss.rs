//! What `loop-regex-compile` must leave alone.

fn f(xs: &[&str]) {
    let re = Regex::new("a+").unwrap();
    for x in xs {
        Regex::new(x);
        if bad(x) {
            return Regex::new("b").unwrap();
        }
        let later = || Regex::new("c");
    }
    for _ in 0..3 {
        Regex::new("d");
    }
}
