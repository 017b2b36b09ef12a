//! rust_socketio, the asynchronous client. Arguments: URL, and polling, websocket or upgrade.
//!
//! The scenario of tests/clients/socket_io.test.mjs, without what this client cannot do: several attachments, questions
//! with attachments, and answers to the server's questions.
use clients::{hex, write, Pen, Transcript};
use futures_util::future::BoxFuture;
use futures_util::FutureExt;
use rust_socketio::asynchronous::{Client, ClientBuilder};
use rust_socketio::{Event, Payload, TransportType};
use serde_json::{json, Value};
use std::time::Duration;

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

type Handler = Box<dyn FnMut(Payload, Client) -> BoxFuture<'static, ()> + Send + Sync>;

fn handler(mut hear: impl FnMut(Payload) + Send + Sync + 'static) -> Handler {
    Box::new(move |payload, _| {
        hear(payload);
        async {}.boxed()
    })
}

fn noting(pen: &Pen, name: &'static str) -> Handler {
    let pen = pen.clone();
    handler(move |payload| pen.note(name, values(payload)))
}

/// Without the arguments, which these events do not have on every transport.
fn naming(pen: &Pen, name: &'static str) -> Handler {
    let pen = pen.clone();
    handler(move |_| pen.note(name, vec![]))
}

async fn say(socket: &Client, said: &Transcript, text: &str) {
    socket.emit("text", json!(text)).await.unwrap();
    said.wait("text");
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (url, mode) = (&arguments[1], &arguments[2]);
    let said = Transcript::default();
    let pen = said.pen();
    let measured = pen.clone();
    let socket = builder(url, mode)
        .on(Event::Connect, naming(&pen, "connect"))
        .on(Event::Close, naming(&pen, "kick")) // not when the connection is lost
        .on(Event::Error, handler(|payload| eprintln!("{:?}", values(payload))))
        .on("text", noting(&pen, "text"))
        .on("json", noting(&pen, "json"))
        .on("bytes", noting(&pen, "bytes"))
        .on("who", noting(&pen, "asked"))
        .on("large", handler(move |payload| measured.note("large", vec![json!(length(payload))])))
        .connect()
        .await
        .unwrap();
    said.wait("connect");

    say(&socket, &said, "héllo 안녕 😀").await;
    let list = vec![json!({"a": 1, "b": [true, null, 2.5, "x"]}), json!([1, [2]]), json!("last")];
    socket.emit("json", list).await.unwrap();
    said.wait("json");
    socket.emit("bytes", vec![0u8, 1, 2, 255]).await.unwrap();
    said.wait("bytes");
    let wait = Duration::from_secs(30);
    // An answer is handed out as the list of its arguments.
    let answered = pen.clone();
    let answer = handler(move |payload| match &values(payload)[..] {
        [Value::Array(list)] => answered.note("answer", list.clone()),
        list => answered.note("answer", list.to_vec()),
    });
    socket.emit_with_ack("question", vec![json!("why"), json!({"n": 1})], wait, answer).await.unwrap();
    said.wait("answer");
    socket.emit("script", json!(["ask", 2000, "who", "there", 7])).await.unwrap();
    said.wait("asked");
    // On polling it takes each piece of an answer for a whole one.
    if mode != "polling" {
        socket.emit("large", json!("x".repeat(100_000))).await.unwrap();
        said.wait("large");
        socket.emit("large", vec![0u8; 200_000]).await.unwrap();
        said.wait("large");
    }

    // It goes on to report that the connection has gone.
    let refused = pen.clone();
    let mut noted = false;
    let guest = builder(url, mode)
        .reconnect(false)
        .auth(json!({"mode": "refuse", "reason": "no entry"}))
        .on(
            Event::Error,
            handler(move |payload| {
                let text = values(payload)[0].to_string();
                if !noted {
                    refused.note("refused", vec![json!(if text.contains("no entry") { "no entry" } else { &text })]);
                }
                noted = true;
            }),
        )
        .connect()
        .await
        .unwrap();
    said.wait("refused");
    let _ = guest.disconnect().await;

    write("cut", vec![]);
    said.wait("connect");
    say(&socket, &said, "after the cut").await;
    write("restart", vec![]);
    said.wait("connect");
    say(&socket, &said, "after the restart").await;
    socket.emit("script", json!(["kick", "bye"])).await.unwrap();
    said.wait("kick");

    // A client has one namespace.
    let (joined, in_dev) = std::sync::mpsc::channel();
    let dev = builder(url, mode)
        .namespace("/dev")
        .on(
            Event::Connect,
            handler(move |_| {
                let _ = joined.send(());
            }),
        )
        .on("text", noting(&pen, "dev"))
        .connect()
        .await
        .unwrap();
    in_dev.recv_timeout(wait).unwrap();
    dev.emit("text", json!("in dev")).await.unwrap();
    said.wait("dev");
    dev.disconnect().await.unwrap();
    write("end", vec![]);
}
