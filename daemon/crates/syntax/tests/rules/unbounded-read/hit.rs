//! What `unbounded-read` must find.

fn f(mut s: TcpStream) {
    let mut b = Vec::new();
    s.read_to_end(&mut b); // HIT
}
