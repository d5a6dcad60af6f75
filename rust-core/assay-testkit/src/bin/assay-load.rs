//! `assay-load`: how many requests a second a server takes.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use assay_testkit::load::{Load, run};
use assay_testkit::parse_duration;
use clap::Parser;

/// Sends chat requests over keep-alive connections and reports requests a second and latencies.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The server, for instance 127.0.0.1:8080
    addr: SocketAddr,
    /// Connections, each with one request at a time
    #[arg(long, short, default_value_t = 64)]
    connections: usize,
    /// Stop after this many requests
    #[arg(long, short = 'n', value_name = "N")]
    requests: Option<u64>,
    /// Stop after this time; 5s if neither limit is given
    #[arg(long, short, value_parser = parse_duration)]
    duration: Option<Duration>,
    /// How many different prompts are sent in turn
    #[arg(long, default_value_t = 10_000)]
    distinct: u64,
    /// The model asked for
    #[arg(long, default_value = "m")]
    model: String,
    /// The words in a prompt
    #[arg(long, default_value_t = 20)]
    prompt_words: usize,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let default = args.requests.is_none().then_some(Duration::from_secs(5));
    let load = Load {
        addr: args.addr,
        connections: args.connections,
        requests: args.requests,
        duration: args.duration.or(default),
        distinct: args.distinct,
        model: args.model,
        prompt_words: args.prompt_words,
    };
    match run(&load) {
        Ok(report) => {
            let ms = |share| report.quantile(share).as_secs_f64() * 1e3;
            println!("{:.0} requests/s ({} in {:.2?})", report.per_second(), report.responses(), report.elapsed);
            println!("latency p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms", ms(0.5), ms(0.99), ms(1.0));
            println!("by status {:?}, broken connections {}", report.by_status, report.broken);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("assay-load: {error}");
            ExitCode::FAILURE
        }
    }
}
