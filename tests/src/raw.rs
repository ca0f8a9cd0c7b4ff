//! HTTP/2 written by hand, for clients that do what no library does: frames without end, calls that are never read, noise.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
};

use crate::daemon::patience;

/// What every connection begins with, and an empty SETTINGS frame.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Kinds of frames.
pub mod kind {
    /// Content.
    pub const DATA: u8 = 0;
    /// Opens a call.
    pub const HEADERS: u8 = 1;
    /// Ends a call at once.
    pub const RST_STREAM: u8 = 3;
    /// Limits of a side.
    pub const SETTINGS: u8 = 4;
    /// Asks for a sign of life.
    pub const PING: u8 = 6;
    /// Ends a connection, with the reason.
    pub const GOAWAY: u8 = 7;
    /// More headers.
    pub const CONTINUATION: u8 = 9;
}

/// The call, or its side, ends with this frame.
pub const END_STREAM: u8 = 1;
/// The headers end with this frame.
pub const END_HEADERS: u8 = 4;

/// One frame.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("frames are short").to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// The headers of a gRPC call, as literals that touch no table (RFC 7541, 6.2.2).
#[must_use]
pub fn headers(path: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x86]; // POST, http
    let mut literal = |name: &[u8], value: &str| {
        block.extend_from_slice(name);
        block.push(u8::try_from(value.len()).expect("values are short"));
        block.extend_from_slice(value.as_bytes());
    };
    literal(&[0x04], path);
    literal(&[0x01], "localhost");
    literal(&[0x0f, 0x10], "application/grpc"); // content-type
    literal(b"\0\x02te", "trailers");
    block
}

/// A call with one empty message.
#[must_use]
pub fn call(stream: u32, path: &str) -> Vec<u8> {
    let mut bytes = frame(kind::HEADERS, END_HEADERS, stream, &headers(path));
    bytes.extend(frame(kind::DATA, END_STREAM, stream, &[0; 5]));
    bytes
}

/// Connects; reading and writing give up when the patience is over.
///
/// # Errors
/// If nothing listens there.
pub fn connect(socket: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience()))?;
    stream.set_write_timeout(Some(patience()))?;
    Ok(stream)
}

/// Connects and says the preface. True: the daemon answered it; false: it closed the connection.
///
/// # Errors
/// If the daemon neither answers nor closes.
pub fn open(socket: &Path) -> io::Result<(UnixStream, bool)> {
    let mut stream = connect(socket)?;
    let mut head = [0; 9];
    let served = match stream.write_all(PREFACE).and_then(|()| stream.read_exact(&mut head)) {
        Ok(()) => true,
        Err(error) if is_closed(&error) => false,
        Err(error) => return Err(error),
    };
    assert!(!served || head[3] == kind::SETTINGS, "the first frame is SETTINGS: {head:?}");
    if served {
        let mut rest = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut rest)?;
    }
    Ok((stream, served))
}

/// The other side has closed.
#[must_use]
pub fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::UnexpectedEof | Kind::ConnectionReset | Kind::BrokenPipe | Kind::NotConnected)
}

/// Reads one frame: kind, stream and payload; `None`: the connection is closed.
///
/// # Errors
/// What reading meets, the end of the patience too.
pub fn read_frame(stream: &mut UnixStream) -> io::Result<Option<(u8, u32, Vec<u8>)>> {
    let mut head = [0; 9];
    match stream.read_exact(&mut head) {
        Err(error) if is_closed(&error) => return Ok(None),
        other => other?,
    }
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    match stream.read_exact(&mut payload) {
        Err(error) if is_closed(&error) => return Ok(None),
        other => other?,
    }
    Ok(Some((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff, payload)))
}
