//! What `map-double-lookup` must find.

fn f(m: &mut HashMap<String, u8>, k: String) {
    if m.contains_key(&k) { // HIT
        use_it(m[&k]);
    }
    if !m.contains_key(&k) { // HIT
        m.insert(k, 1);
    }
}

/// A reference is given out of a map that nobody changes.
fn given_out<'a>(m: &'a HashMap<String, u8>, k: &str) -> &'a u8 {
    if m.contains_key(k) { // HIT
        return &m[k];
    }
    m.get("else").unwrap_or(&0)
}

/// The reference is not what is given out.
fn used<'a>(m: &mut HashMap<String, u8>, k: &'a str) -> &'a str {
    if m.contains_key(k) { // HIT
        use_it(m[k]);
    }
    m.clear();
    k
}

/// What is inserted is known before.
fn numbered(m: &mut HashMap<String, usize>, k: String) {
    if !m.contains_key(&k) { // HIT
        let n = m.len();
        m.insert(k, n);
    }
}

impl Cache {
    /// Other fields may be asked while the map is held.
    fn fill(&mut self, k: String) {
        if !self.map.contains_key(&k) { // HIT
            let value = load(&mut self.source, &k, self.source.len());
            self.map.insert(k, value);
            self.filled();
        }
    }
}

/// Who only looks at the map meanwhile is not in the way of a reference into it.
fn looked_at(m: &HashMap<String, u8>, k: String) {
    if m.contains_key(&k) { // HIT
        check(&m);
        println!("{:?}", m);
        use_it(m[&k]);
    }
    if m.contains_key(&k) { // HIT
        debug!("{} of {:?}", m.len(), (&k, &m));
        assert_eq!(m.keys().count(), m.len());
        use_it(m.get(&k));
    }
}

fn counted(m: &mut HashMap<String, u8>, k: String) {
    if m.contains_key(&k) { // HIT
        *m.get_mut(&k).unwrap() += 1;
    } else {
        m.insert(k, 1);
    }
}

fn changed_later(m: &mut HashMap<String, u8>, k: String) {
    if m.contains_key(&k) { // HIT
        let n = m[&k];
        m.insert(k, n + 1);
    }
}
