//! What `loop-costly-create` must leave alone.

fn f(urls: &[&str]) {
    let c = reqwest::Client::new();
    for url in urls {
        c.get(url);
        Client::new();
    }
}
