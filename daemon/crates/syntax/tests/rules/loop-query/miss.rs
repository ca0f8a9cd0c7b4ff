//! What `loop-query` must leave alone.

async fn f(ids: &[i64]) {
    query("SELECT 1").bind(ids).fetch_all(&pool).await;
    loop {
        query("SELECT 1").fetch_one(&pool).await;
    }
}
