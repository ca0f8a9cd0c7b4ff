//! What `keyset-lookup` must leave alone.

fn f(m: &HashMap<String, u8>, n: &HashMap<String, u8>) {
    for k in m.keys() {
        use_it(n[k]);
    }
    for (k, v) in m {
        use_it(v);
    }
}
