//! What `map-double-lookup` must leave alone.

fn f(m: &mut HashMap<String, u8>, n: &mut HashMap<String, u8>, k: String) {
    if m.contains_key(&k) {
        use_it(n[&k]);
    }
    if let Some(x) = m.get(&k) {
        use_it(x);
    }
}

/// The borrow checker takes a reference that is returned on one way only for one that lives on all ways.
fn given_out<'a>(m: &'a mut HashMap<String, u8>, k: &str) -> &'a u8 {
    if m.contains_key(k) {
        return &m[k];
    }
    m.insert(k.to_owned(), 1);
    &m[k]
}

fn given_out_later<'a>(m: &'a mut HashMap<String, u8>, k: &str) -> &'a u8 {
    if m.contains_key(k) {
        let found = &m[k];
        assert!(*found > 0);
        return found;
    }
    let slot = m.entry(k.to_owned()).or_default();
    *slot = 1;
    slot
}

fn given_out_by_value<'a>(m: &'a mut HashMap<String, u8>, k: &str) -> &'a u8 {
    if m.contains_key(k) {
        &m[k]
    } else {
        m.insert(k.to_owned(), 1);
        &m[k]
    }
}

fn given_out_in_another(m: &mut HashMap<String, Text<'static>>, k: &str) -> Result<Text<'_>> {
    if m.contains_key(k) {
        return Ok(m[k].lend());
    }
    for part in k.split('.') {
        given_out_in_another(m, part)?;
    }
    Err(Missing)
}

/// The map is in use by what makes the value.
fn recursive(m: &mut HashMap<String, u8>, k: String) {
    if !m.contains_key(&k) {
        let value = compute(&k, m);
        m.insert(k, value);
    }
}

fn recursive_in_place(m: &mut HashMap<String, u8>, k: String) {
    if !m.contains_key(&k) {
        m.insert(k, compute(&m));
    }
}

fn changed_between(m: &mut HashMap<String, u8>, k: String) {
    if m.contains_key(&k) {
        grow(&mut m, 1);
        use_it(m[&k]);
    }
}

impl Cache {
    fn of(&mut self, k: &str) -> &u8 {
        if self.map.contains_key(k) {
            return &self.map[k];
        }
        self.load(k)
    }

    fn fill(&mut self, k: String) {
        if !self.map.contains_key(&k) {
            let value = self.compute(&k);
            self.map.insert(k, value);
        }
    }

    fn fill_by_another(&mut self, k: String) {
        if !self.inner.map.contains_key(&k) {
            let value = compute(&self.inner, &k);
            self.inner.map.insert(k, value);
        }
    }
}

fn changed_before(m: &mut HashMap<String, u8>, n: &mut HashMap<String, u8>, k: String) {
    if m.contains_key(&k) {
        m.insert("last".to_owned(), 1);
        use_it(m[&k]);
    }
    if m.contains_key(&k) {
        let k = next(k);
        use_it(m[&k]);
    }
    if m.contains_key(&k) {
        m.retain(|_, v| *v > 1);
        use_it(m.get(&k));
    }
}

fn looked_at_while_it_may_change(m: &mut HashMap<String, Vec<u8>>, k: String) {
    if m.contains_key(&k) {
        println!("{:?}", m);
        m.get_mut(&k).unwrap().push(1);
    }
}

fn given_away(m: HashMap<String, u8>, k: String) {
    if m.contains_key(&k) {
        let m = sorted(m);
        use_it(m[&k]);
    }
}

fn grown(m: &mut HashMap<String, u8>, k: String) {
    if m.contains_key(&k) {
        println!("{}", grow(&mut m));
        use_it(m[&k]);
    }
}

impl Cache {
    fn touched(&mut self, k: &str) -> u8 {
        if self.map.contains_key(k) {
            self.touch(k);
            return self.map[k];
        }
        0
    }
}
