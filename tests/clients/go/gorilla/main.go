// github.com/gorilla/websocket. Arguments: URL, and plain, deflate or chat.v1. The scenario of tests/clients/websocket.test.mjs.
package main

import (
	"errors"
	"os"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"libchat/clients/transcript"
)

func receive(socket *websocket.Conn) any {
	kind, data, err := socket.ReadMessage()
	transcript.Fail(err)
	if kind == websocket.TextMessage {
		return string(data)
	}
	return data
}

func plain(socket *websocket.Conn) {
	send := func(kind int, data string) { transcript.Fail(socket.WriteMessage(kind, []byte(data))) }
	send(websocket.TextMessage, "héllo 안녕 😀")
	transcript.Write("heard", receive(socket))
	send(websocket.BinaryMessage, "\x00\x01\x02\xff")
	transcript.Write("heard", receive(socket))
	send(websocket.TextMessage, "")
	transcript.Write("heard", receive(socket))
	send(websocket.TextMessage, strings.Repeat("x", 60_000))
	transcript.Write("large", len(receive(socket).(string)))
	send(websocket.BinaryMessage, strings.Repeat("\x00", 60_000))
	transcript.Write("large", len(receive(socket).([]byte)))

	socket.SetPongHandler(func(data string) error {
		transcript.Write("pong")
		bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye")
		return socket.WriteControl(websocket.CloseMessage, bye, time.Now().Add(10*time.Second))
	})
	transcript.Fail(socket.WriteControl(websocket.PingMessage, []byte("ping"), time.Now().Add(10*time.Second)))
	_, _, err := socket.ReadMessage()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) {
		transcript.Fail(err)
	}
	transcript.Write("closed", closed.Code)
}

func chat(socket *websocket.Conn) {
	var welcome struct{ Room string }
	transcript.Fail(socket.ReadJSON(&welcome))
	transcript.Write("welcome", welcome.Room)
	transcript.Fail(socket.WriteJSON(map[string]any{"type": "send", "text": "hi", "ref": 1}))
	heard := map[string]map[string]any{}
	for range 2 {
		var reply map[string]any
		transcript.Fail(socket.ReadJSON(&reply))
		heard[reply["type"].(string)] = reply
	}
	transcript.Write("ack", heard["ack"]["ref"])
	transcript.Write("message", heard["message"]["text"])
}

func main() {
	url, mode := os.Args[1], os.Args[2]
	dialer := websocket.Dialer{HandshakeTimeout: 10 * time.Second, EnableCompression: mode == "deflate"}
	if mode == "chat.v1" {
		dialer.Subprotocols = []string{"chat.v1"}
	}
	socket, _, err := dialer.Dial(url, nil)
	transcript.Fail(err)
	defer socket.Close()
	transcript.Write("open", socket.Subprotocol())
	if mode == "chat.v1" {
		chat(socket)
	} else {
		plain(socket)
	}
}
