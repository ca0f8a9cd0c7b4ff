//! What `loop-costly-create` must find.

fn f(urls: &[&str]) {
    for url in urls {
        let c = reqwest::Client::new(); // HIT
        c.get(url);
    }
}
