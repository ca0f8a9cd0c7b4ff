//! What `async-lock-across-await` must leave alone.

async fn f(s: &S) {
    let x = {
        let g = s.m.lock().unwrap();
        g.clone()
    };
    send(&x).await;
    let h = s.m.lock().unwrap();
    drop(h);
    send(&x).await;
    let a = s.m.lock().await;
    send(&a).await;
    let n = s.m.lock().unwrap().len();
    send(&n).await;
    let k = s.m.lock().unwrap();
    spawn(async move { send().await });
}
