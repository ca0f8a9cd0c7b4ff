//! What `async-blocking-call` must leave alone.

async fn f() {
    tokio::time::sleep(d).await;
    tokio::task::spawn_blocking(|| std::fs::read_to_string("a")).await;
    tokio::fs::read_to_string("a").await;
}
fn g() {
    std::thread::sleep(d);
}
