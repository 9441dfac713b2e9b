//! The least that a custom runtime can do before its first poll; with an argument, the least that
//! one can do that reads a secret before. `scripts/footprint.py` compiles this with `rustc -O` to
//! tell what the rest of the start costs.

use std::io::{Read, Write};
use std::net::TcpStream;

fn main() {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    if std::env::args().len() > 1 {
        request(
            &address,
            "POST /",
            "x-amz-target: GetSecretValue\r\ncontent-length: 0\r\n",
        );
    }
    request(&address, "GET /2018-06-01/runtime/invocation/next", "");
}

fn request(address: &str, what: &str, headers: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{what} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n"
    )
    .unwrap();
    let _ = stream.read(&mut [0; 1024]);
}
