//! A raw HTTP client: it sees what is on the wire, faults included.
#![allow(dead_code)] // every test file uses a part of it

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// What came back on a connection.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// How the body ended.
    pub end: End,
}

/// How a response ended.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum End {
    /// As its headers promised.
    Whole,
    /// The connection was closed first.
    Closed,
    /// The connection was reset first.
    Reset,
    /// Nothing more came in time.
    Silent,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn text(&self) -> String {
        self.json()["choices"][0]["message"]["content"].as_str().unwrap().to_string()
    }

    pub fn body_text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// A keep-alive connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub fn connect(addr: SocketAddr) -> Client {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, buffer: Vec::new() }
    }

    pub fn timeout(self, timeout: Duration) -> Client {
        self.stream.set_read_timeout(Some(timeout)).unwrap();
        self
    }

    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        self.write(method, path, headers, body);
        self.read()
    }

    pub fn write(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
    }

    pub fn chat(&mut self, body: &Value) -> Response {
        self.send("POST", "/v1/chat/completions", &[], &body.to_string())
    }

    pub fn ask(&mut self, model: &str, question: &str) -> Response {
        self.chat(&request(model, question))
    }

    /// Reads one response. Status 0 means that not even a head came.
    pub fn read(&mut self) -> Response {
        let mut response = Response { status: 0, headers: BTreeMap::new(), body: Vec::new(), end: End::Whole };
        let head_end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if let Some(end) = self.fill() {
                response.end = end;
                return response;
            }
        };
        let head = String::from_utf8(self.buffer.drain(..head_end).collect()).unwrap();
        response.status = head[9..12].parse().unwrap();
        for line in head.lines().skip(1).filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap();
            response.headers.insert(name.to_lowercase(), value.to_string());
        }
        match response.headers.get("content-length") {
            Some(length) => {
                let length: usize = length.parse().unwrap();
                while self.buffer.len() < length && response.end == End::Whole {
                    response.end = self.fill().unwrap_or(End::Whole);
                }
                let length = length.min(self.buffer.len());
                response.body = self.buffer.drain(..length).collect();
            }
            None => response.end = self.read_chunks(&mut response.body),
        }
        response
    }

    fn read_chunks(&mut self, body: &mut Vec<u8>) -> End {
        loop {
            let line_end = loop {
                if let Some(at) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                    break at + 2;
                }
                if let Some(end) = self.fill() {
                    return end;
                }
            };
            let line = String::from_utf8(self.buffer[..line_end - 2].to_vec()).unwrap();
            let length = usize::from_str_radix(&line, 16).unwrap();
            while self.buffer.len() < line_end + length + 2 {
                if let Some(end) = self.fill() {
                    return end;
                }
            }
            body.extend(&self.buffer[line_end..line_end + length]);
            self.buffer.drain(..line_end + length + 2);
            if length == 0 {
                return End::Whole;
            }
        }
    }

    fn fill(&mut self) -> Option<End> {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => Some(End::Closed),
            Ok(n) => {
                self.buffer.extend(&bytes[..n]);
                None
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Some(End::Reset),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Some(End::Silent),
            Err(error) => panic!("{error}"),
        }
    }
}

pub fn request(model: &str, question: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": question}]})
}

/// An answer key of `n` questions in one category.
pub fn answer_key(n: usize) -> assay_testkit::AnswerKey {
    let lines: Vec<String> = (0..n)
        .map(|i| {
            json!({"question": format!("What is the value of x{i}?"), "answers": [format!("v{i}")], "category": "x"})
                .to_string()
        })
        .collect();
    assay_testkit::AnswerKey::parse(&lines.join("\n")).unwrap()
}

pub fn question(i: usize) -> String {
    format!("What is the value of x{i}?")
}
