//! What `async-lock-across-await` must find.

async fn f(s: &S) {
    let g = s.m.lock().unwrap(); // HIT
    send(&g).await;
}
