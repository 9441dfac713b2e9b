//! What a process pays for its first HTTPS request, and for later ones: CPU time, in microseconds.
//!
//! `scripts/footprint.py` runs this as `https PORT ROOT.pem` against a server of its own. The
//! client is the function's, which trusts Mozilla's roots; this one trusts the server's besides.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "no part of the product"
)]

use aurora_connection_audit::http;
use futures_lite::AsyncReadExt;
use futures_lite::future::block_on;
use isahc::HttpClient;
use isahc::config::{Configurable, RedirectPolicy};
use isahc::tls::{TlsConfig, TrustStore};

const REQUESTS: usize = 21;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [port, root] = &arguments[..] else {
        return println!("run by scripts/footprint.py");
    };
    let start = cpu_time();
    let client = client(root);
    println!("client\t{}", cpu_time() - start);
    for _ in 0..REQUESTS {
        let start = cpu_time();
        let url = format!("https://localhost:{port}/");
        let mut body = String::new();
        block_on(async {
            let mut answer = client.get_async(url).await.unwrap();
            answer.body_mut().read_to_string(&mut body).await.unwrap();
        });
        assert_eq!(body, "ok");
        println!("request\t{}", cpu_time() - start);
    }
}

fn client(root: &str) -> HttpClient {
    let trusted = TrustStore::builder()
        .certificate_from_pem(http::certificate_authorities())
        .certificate_from_pem(std::fs::read_to_string(root).unwrap());
    HttpClient::builder()
        .redirect_policy(RedirectPolicy::None)
        .tls_config(TlsConfig::builder().trust_store(trusted.build()).build())
        .build()
        .unwrap()
}

/// Of all threads, in microseconds: the first number in each `schedstat`.
fn cpu_time() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let nanoseconds = threads.map(|thread| {
        let path = thread.unwrap().path().join("schedstat");
        let text = std::fs::read_to_string(path).unwrap();
        text.split(' ').next().unwrap().parse::<u64>().unwrap()
    });
    nanoseconds.sum::<u64>() / 1000
}
