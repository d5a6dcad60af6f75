//! The server as a program.
// A test fails by panicking, and the helpers of tests are not shared with anybody.
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod common;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use common::Client;

fn start(args: &[&str]) -> (Child, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_assay-testkit"))
        .args(args)
        .args(["--exit-with-parent"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim_end().strip_prefix("listening on http://").unwrap();
    let addr = url.strip_suffix("/v1").unwrap().parse().unwrap();
    (child, addr)
}

#[test]
fn it_serves_until_its_input_is_closed() {
    let file = std::env::temp_dir().join(format!("assay-testkit-{}.jsonl", std::process::id()));
    std::fs::write(&file, "{\"question\":\"What is 1 + 1?\",\"answers\":[\"2\"]}\n").unwrap();
    let (mut child, addr) = start(&[
        "--port=0",
        "--answers",
        file.to_str().unwrap(),
        "--model=small=0.8",
        "--model=large=1",
        "--seed=7",
        "--latency=uniform:1ms,2ms",
        "--tail=0.001=3ms",
        "--rpm=1000",
        "--tpm=100000",
        "--fault=500=0",
        "--price-input=0.15",
        "--price-output=0.6",
        "--verbose-rate=0",
        "--threads=2",
    ]);
    assert_eq!(Client::connect(addr).ask("large", "What is 1 + 1?").text(), "2");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    std::fs::remove_file(file).unwrap();
}

#[test]
fn it_refuses_settings_that_make_no_sense() {
    for arguments in [
        ["--model", "m"],
        ["--model", "m=2"],
        ["--fault", "404=0.1"],
        ["--latency", "sometimes"],
        ["--answers", "/no/such/file"],
        ["--threads", "0"],
        ["--verbose-rate", "2"],
        ["--count", "round"],
        ["--retry-after", "never"],
        ["--rpm", "0"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_assay-testkit")).args(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}
