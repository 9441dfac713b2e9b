//! HTTP/1.1, as far as the clients here speak it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::Reply;

pub(super) struct Request {
    pub(super) path: String,
    /// Request line and headers, in lower case but for the path.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

/// HTTP/1.1 with `Content-Length` or chunks, as the two clients here send.
pub(super) fn read_request(connection: &TcpStream) -> io::Result<Request> {
    let mut reader = BufReader::new(connection);
    let mut head = String::new();
    while reader.read_line(&mut head)? > 2 {}
    // Clients may open a connection and not need it.
    if !head.ends_with("\r\n\r\n") {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if header(&head, "expect").is_some() {
        (&mut &*connection).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = Vec::new();
    if header(&head, "transfer-encoding").is_some() {
        read_chunks(&mut reader, &mut body)?;
    } else if let Some(length) = header(&head, "content-length") {
        reader
            .take(length.parse().unwrap_or(0))
            .read_to_end(&mut body)?;
    }
    Ok(Request { path, head, body })
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        reader.take(length).read_to_end(body)?;
        reader.read_line(&mut line)?;
        if length == 0 {
            return Ok(());
        }
    }
}

pub(super) fn write_reply(mut connection: &TcpStream, reply: Reply) -> io::Result<()> {
    match reply {
        Reply::Answer(status, headers, body) => write!(
            connection,
            "HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
            body.len()
        ),
        Reply::Stall => connection.read(&mut [0]).map(drop),
        Reply::Cut => write!(connection, "HTTP/1.1 200 -\r\ncontent-length: 100\r\n\r\no"),
        Reply::HangUp => Ok(()),
    }
}
