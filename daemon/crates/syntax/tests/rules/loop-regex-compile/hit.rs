//! What `loop-regex-compile` must find.

fn f(xs: &[&str]) {
    for x in xs {
        let re = Regex::new("a+").unwrap(); // HIT
        re.is_match(x);
    }
    let p = "b";
    while go() {
        regex::Regex::new(p); // HIT
    }
}
