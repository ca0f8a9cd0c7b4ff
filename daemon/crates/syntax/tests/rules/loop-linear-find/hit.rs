//! What `loop-linear-find` must find.

fn f(xs: &[X], ys: &[Y]) {
    for x in xs {
        use_it(ys.iter().find(|y| y.id == x.id)); // HIT
        use_it(ys.iter().position(|&(id, _)| x.ids[0] == id)); // HIT
    }
}

fn joined(orders: &[Order], customers: &[Customer]) {
    for Order { customer, .. } in orders {
        use_it(customers.iter().find(|c| c.id == *customer)); // HIT
    }
    for (row, order) in orders.iter().enumerate() {
        use_it(customers.iter().any(|c| row == c.row)); // HIT
        use_it(customers.iter().position(|c| c.name.as_str() == order.name.trim())); // HIT
    }
    orders.iter().for_each(|order| {
        use_it(customers.iter().find(|&c| c.id == order.id)); // HIT
    });
    for order in orders {
        if !customers.iter().any(|Customer { id, .. }| *id == order.id) { // HIT
            use_it(order);
        }
    }
}
