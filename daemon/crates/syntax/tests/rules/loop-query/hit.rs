//! What `loop-query` must find.

async fn f(ids: &[i64]) {
    for id in ids {
        query("SELECT 1").bind(id).fetch_one(&pool).await; // HIT
    }
}
