//! The transcript that each client of tests/clients writes: one JSON array in a line of standard output, with bytes as
//! {"bytes": HEX}. `Transcript::wait` makes a program go on only when what it waits for came next.
use serde_json::{json, Value};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::time::Duration;

pub fn hex(bytes: &[u8]) -> Value {
    json!({ "bytes": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() })
}

pub fn write(name: &str, words: Vec<Value>) {
    let mut line = vec![json!(name)];
    line.extend(words);
    println!("{}", Value::Array(line));
}

pub struct Transcript {
    sender: Sender<String>,
    happened: Receiver<String>,
}

#[derive(Clone)]
pub struct Pen(Sender<String>);

impl Pen {
    /// Writes a line that somebody waits for.
    pub fn note(&self, name: &str, words: Vec<Value>) {
        write(name, words);
        let _ = self.0.send(name.to_owned());
    }
}

impl Default for Transcript {
    fn default() -> Self {
        let (sender, happened) = channel();
        Transcript { sender, happened }
    }
}

impl Transcript {
    pub fn pen(&self) -> Pen {
        Pen(self.sender.clone())
    }

    pub fn wait(&self, name: &str) {
        let found = self.happened.recv_timeout(Duration::from_secs(30));
        assert_eq!(found.as_deref(), Ok(name));
    }
}
