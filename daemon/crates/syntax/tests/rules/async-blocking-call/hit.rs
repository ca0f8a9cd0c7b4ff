//! What `async-blocking-call` must find.

async fn f() {
    std::thread::sleep(d); // HIT
    let t = std::fs::read_to_string("a"); // HIT
}
fn g() {
    spawn(async move {
        std::thread::sleep(d); // HIT
    });
}
