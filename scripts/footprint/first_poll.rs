//! The least that a custom runtime can do before its first poll. `scripts/footprint.py` compiles
//! this with `rustc -O` to tell what the rest of the start costs.

use std::io::{Read, Write};
use std::net::TcpStream;

fn main() {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let mut stream = TcpStream::connect(&address).unwrap();
    let path = "/2018-06-01/runtime/invocation/next";
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    let _ = stream.read(&mut [0; 1024]);
}
