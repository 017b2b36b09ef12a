//! tokio-tungstenite. Arguments: URL, and plain or chat.v1. The scenario of tests/clients/websocket.test.mjs.
use clients::{hex, write};
use futures_util::{SinkExt, StreamExt};
use serde_json::{json, Value};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{connect_async, MaybeTlsStream, WebSocketStream};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn receive(socket: &mut Socket) -> Message {
    socket.next().await.unwrap().unwrap()
}

async fn echo(socket: &mut Socket, said: Message) -> Message {
    socket.send(said).await.unwrap();
    receive(socket).await
}

fn shown(message: Message) -> Value {
    match message {
        Message::Text(text) => json!(text.as_str()),
        other => hex(&other.into_data()),
    }
}

async fn plain(socket: &mut Socket) {
    for said in [Message::text("héllo 안녕 😀"), Message::binary(vec![0u8, 1, 2, 255]), Message::text("")] {
        let heard = echo(socket, said).await;
        write("heard", vec![shown(heard)]);
    }
    for said in [Message::text("x".repeat(60_000)), Message::binary(vec![0u8; 60_000])] {
        let heard = echo(socket, said).await;
        write("large", vec![json!(heard.len())]);
    }
    if let Message::Pong(data) = echo(socket, Message::Ping("ping".into())).await {
        assert_eq!(&data[..], b"ping");
        write("pong", vec![]);
    }
    let bye = CloseFrame { code: CloseCode::Normal, reason: "bye".into() };
    if let Message::Close(Some(frame)) = echo(socket, Message::Close(Some(bye))).await {
        write("closed", vec![json!(u16::from(frame.code))]);
    }
}

async fn json_of(socket: &mut Socket) -> Value {
    serde_json::from_str(receive(socket).await.to_text().unwrap()).unwrap()
}

async fn chat(socket: &mut Socket) {
    let welcome = json_of(socket).await;
    write("welcome", vec![welcome["room"].clone()]);
    socket.send(Message::text(json!({"type": "send", "text": "hi", "ref": 1}).to_string())).await.unwrap();
    let heard = [json_of(socket).await, json_of(socket).await];
    for (kind, field) in [("ack", "ref"), ("message", "text")] {
        let reply = heard.iter().find(|reply| reply["type"] == kind).unwrap();
        write(kind, vec![reply[field].clone()]);
    }
    socket.close(None).await.unwrap();
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (url, mode) = (&arguments[1], &arguments[2]);
    let mut request = url.into_client_request().unwrap();
    if mode == "chat.v1" {
        request.headers_mut().insert("sec-websocket-protocol", "chat.v1".parse().unwrap());
    }
    let (mut socket, response) = connect_async(request).await.unwrap();
    let protocol = response.headers().get("sec-websocket-protocol").map_or("", |value| value.to_str().unwrap());
    write("open", vec![json!(protocol)]);
    if mode == "chat.v1" {
        chat(&mut socket).await;
    } else {
        plain(&mut socket).await;
    }
}
