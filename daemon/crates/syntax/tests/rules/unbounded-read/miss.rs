//! What `unbounded-read` must leave alone.

fn f(mut s: TcpStream, mut h: File) {
    let mut b = Vec::new();
    s.take(9).read_to_end(&mut b);
    h.read_to_end(&mut b);
}
