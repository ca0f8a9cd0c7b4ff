func f(xs: [X], ys: [Y]) {
    for x in xs {
        use(ys.first(where: { $0.id == x.id })) // HIT
    }
}

func joined(orders: [Order], customers: [Customer]) {
    for order in orders {
        use(customers.firstIndex(where: { order.customer.id == $0.id })) // HIT
        if !customers.contains(where: { $0.email == order.email.lowercased() }) { // HIT
            use(order)
        }
    }
    for (row, order) in orders.enumerated() {
        use(order, customers.first { $0.row == row }) // HIT
    }
}
