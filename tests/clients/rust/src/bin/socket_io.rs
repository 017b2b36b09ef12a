//! rust_socketio, the blocking client. Arguments: URL, and polling, websocket or upgrade.
//!
//! The scenario of tests/clients/socket_io.test.mjs, without what this client cannot do: several attachments, questions
//! with attachments, and answers to the server's questions.
use clients::{hex, write, Pen, Transcript};
use rust_socketio::{client::Client, ClientBuilder, Event, Payload, RawClient, TransportType};
use serde_json::{json, Value};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// The client gives no reason when its connection closes: the next time is the kick.
static KICKED: AtomicBool = AtomicBool::new(false);

fn values(payload: Payload) -> Vec<Value> {
    match payload {
        Payload::Text(values) => values,
        Payload::Binary(bytes) => vec![hex(&bytes)],
        #[allow(deprecated)]
        Payload::String(text) => vec![json!(text)],
    }
}

fn length(payload: Payload) -> usize {
    match payload {
        Payload::Binary(bytes) => bytes.len(),
        other => values(other)[0].as_str().map_or(0, str::len),
    }
}

fn builder(url: &str, mode: &str) -> ClientBuilder {
    ClientBuilder::new(url).reconnect_delay(50, 100).transport_type(match mode {
        "polling" => TransportType::Polling,
        "websocket" => TransportType::Websocket,
        _ => TransportType::WebsocketUpgrade,
    })
}

fn noting(pen: &Pen, name: &'static str) -> impl FnMut(Payload, RawClient) + Send + 'static {
    let pen = pen.clone();
    move |payload, _| pen.note(name, values(payload))
}

fn say(socket: &Client, said: &Transcript, text: &str) {
    socket.emit("text", json!(text)).unwrap();
    said.wait("text");
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (url, mode) = (&arguments[1], &arguments[2]);
    let said = Transcript::default();
    let pen = said.pen();
    let (opened, closed, measured, answered) = (pen.clone(), pen.clone(), pen.clone(), pen.clone());
    let socket = builder(url, mode)
        .on(Event::Connect, move |_, _| opened.note("connect", vec![]))
        .on(Event::Close, move |_, _| closed.note(if KICKED.load(Relaxed) { "kick" } else { "disconnect" }, vec![]))
        .on("text", noting(&pen, "text"))
        .on("json", noting(&pen, "json"))
        .on("bytes", noting(&pen, "bytes"))
        .on("who", noting(&pen, "asked"))
        .on("large", move |payload, _| measured.note("large", vec![json!(length(payload))]))
        .connect()
        .unwrap();
    said.wait("connect");

    say(&socket, &said, "héllo 안녕 😀");
    let list = vec![json!({"a": 1, "b": [true, null, 2.5, "x"]}), json!([1, [2]]), json!("last")];
    socket.emit("json", list).unwrap();
    said.wait("json");
    socket.emit("bytes", vec![0u8, 1, 2, 255]).unwrap();
    said.wait("bytes");
    let wait = Duration::from_secs(30);
    // An answer is handed out as the list of its arguments.
    let answer = move |payload: Payload, _: RawClient| match &values(payload)[..] {
        [Value::Array(list)] => answered.note("answer", list.clone()),
        list => answered.note("answer", list.to_vec()),
    };
    socket.emit_with_ack("question", vec![json!("why"), json!({"n": 1})], wait, answer).unwrap();
    said.wait("answer");
    socket.emit("script", json!(["ask", 2000, "who", "there", 7])).unwrap();
    said.wait("asked");
    socket.emit("large", json!("x".repeat(100_000))).unwrap();
    said.wait("large");
    socket.emit("large", vec![0u8; 200_000]).unwrap();
    said.wait("large");

    // It goes on to report that the connection has gone.
    let refused = pen.clone();
    let mut noted = false;
    let guest = builder(url, mode)
        .reconnect(false)
        .auth(json!({"mode": "refuse", "reason": "no entry"}))
        .on(Event::Error, move |payload, _| {
            let text = values(payload)[0].to_string();
            if !noted {
                refused.note("refused", vec![json!(if text.contains("no entry") { "no entry" } else { &text })]);
            }
            noted = true;
        })
        .connect()
        .unwrap();
    said.wait("refused");
    let _ = guest.disconnect();

    write("cut", vec![]);
    said.wait("disconnect");
    said.wait("connect");
    say(&socket, &said, "after the cut");
    write("restart", vec![]);
    said.wait("disconnect");
    said.wait("connect");
    say(&socket, &said, "after the restart");
    KICKED.store(true, Relaxed);
    socket.emit("script", json!(["kick", "bye"])).unwrap();
    said.wait("kick");

    // A client has one namespace.
    let heard = pen.clone();
    let (joined, in_dev) = std::sync::mpsc::channel();
    let dev = builder(url, mode)
        .namespace("/dev")
        .on(Event::Connect, move |_, _| {
            let _ = joined.send(());
        })
        .on("text", move |payload, _| heard.note("dev", values(payload)))
        .connect()
        .unwrap();
    in_dev.recv_timeout(wait).unwrap();
    dev.emit("text", json!("in dev")).unwrap();
    said.wait("dev");
    dev.disconnect().unwrap();
    write("end", vec![]);
}
