//! Speed beside other ways to do the same, and how it scales. `scripts/benchmark.py` runs this and
//! prints the table; every count is held against the truth of the generated log.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "no part of the product"
)]

mod rivals;
mod scale;
#[path = "../support/mod.rs"]
mod support;

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use aurora_connection_audit::cloudwatch;
use aurora_connection_audit::postgres::{Announced, LogLinePrefix, read};
use aurora_connection_audit::source::{self, Invocation};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::{Decompress, FlushDecompress};

use support::{Corpus, Counts, PREFIX, corpus, gzip, payload};

const LINES: usize = 10_000;

/// Lines for those who compile a regex for each of them.
const FEW_LINES: usize = 300;

fn ours(text: &str, prefix: &LogLinePrefix) -> Counts {
    Counts::of(&read(text, prefix, &mut Announced::default().text_of("log")).events)
}

fn ours_of_payload(payload: &str, prefix: &LogLinePrefix) -> Counts {
    let Ok(Invocation::Direct(data)) = source::read(payload) else {
        panic!("no payload of CloudWatch Logs");
    };
    let batch = cloudwatch::decode(&data).unwrap().unwrap();
    ours(&batch.text, prefix)
}

fn inflate(gzip: &[u8], json: &mut Vec<u8>) -> usize {
    json.clear();
    Decompress::new_gzip(15)
        .decompress_vec(gzip, json, FlushDecompress::Finish)
        .unwrap();
    json.len()
}

fn lines(criterion: &mut Criterion) {
    let prefix = LogLinePrefix::compile(PREFIX).unwrap();
    let log = corpus(LINES);
    let few = corpus(FEW_LINES);
    let patterns = rivals::compiled();
    write_corpus(&log, &few);
    let lines: Vec<_> = log.text.lines().collect();
    check("ours", &log, ours(&log.text, &prefix));
    tell(
        "Rust regex",
        &log,
        rivals::hoisted(log.text.lines(), &patterns),
    );

    let finder = memchr::memmem::Finder::new("connection");
    let mut group = criterion.benchmark_group("line");
    group.throughput(Throughput::Elements(log.lines as u64));
    group.bench_function("ours", |b| b.iter(|| ours(black_box(&log.text), &prefix)));
    group.bench_function("regex", |b| {
        b.iter(|| rivals::hoisted(black_box(&lines).iter().copied(), &patterns));
    });
    group.bench_function("memmem", |b| {
        let found = |line: &&&str| finder.find(line.as_bytes()).is_some();
        b.iter(|| black_box(&lines).iter().filter(found).count());
    });
    group.throughput(Throughput::Elements(few.lines as u64));
    group.sample_size(10);
    group.bench_function("regex-per-call", |b| {
        b.iter(|| rivals::compiled_per_call(black_box(&few.text).lines()));
    });
    group.finish();
}

fn payloads(criterion: &mut Criterion) {
    let prefix = LogLinePrefix::compile(PREFIX).unwrap();
    let log = corpus(1000);
    let payload = payload(log.text.lines());
    let gzip = gzip(log.text.lines());
    let patterns = rivals::compiled();
    check("ours, payload", &log, ours_of_payload(&payload, &prefix));
    tell(
        "LogsEvent and regex",
        &log,
        rivals::logs_event(payload.as_bytes(), &patterns),
    );

    let mut json = Vec::with_capacity(4 << 20);
    let mut group = criterion.benchmark_group("payload");
    group.bench_function("ours", |b| {
        b.iter(|| ours_of_payload(black_box(&payload), &prefix));
    });
    group.bench_function("inflate", |b| {
        b.iter(|| inflate(black_box(&gzip), &mut json));
    });
    group.bench_function("logs-event", |b| {
        b.iter(|| rivals::logs_event(black_box(payload.as_bytes()), &patterns));
    });
    group.finish();
}

/// Ends the run when our counts are not the truth.
fn check(name: &str, log: &Corpus, counts: Counts) {
    tell(name, log, counts);
    assert_eq!(counts, log.truth, "{name}: wrong events");
}

fn tell(name: &str, log: &Corpus, counts: Counts) {
    let truth = log.truth;
    println!(
        "counts\t{name}\t{}\t{}\t{}\t{}\t{}\t{}",
        of(counts.received, truth.received),
        of(counts.authenticated, truth.authenticated),
        of(counts.authorized, truth.authorized),
        of(counts.rejected, truth.rejected),
        of(counts.disconnected, truth.disconnected),
        counts.forged
    );
}

fn of(found: usize, there: usize) -> String {
    format!("{found} of {there}")
}

/// For the Go programs, which read the same lines.
fn write_corpus(log: &Corpus, few: &Corpus) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(folder.join("corpus.log"), &log.text).unwrap();
    std::fs::write(folder.join("corpus-few.log"), &few.text).unwrap();
}

fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(30)
}

criterion_group! { name = all; config = settings(); targets = lines, payloads, scale::all }
criterion_main!(all);
