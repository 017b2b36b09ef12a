// github.com/coder/websocket. Arguments: URL, and plain, deflate or chat.v1. The scenario of tests/clients/websocket.test.mjs.
package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"libchat/clients/transcript"
)

func receive(ctx context.Context, socket *websocket.Conn) any {
	kind, data, err := socket.Read(ctx)
	transcript.Fail(err)
	if kind == websocket.MessageText {
		return string(data)
	}
	return data
}

func plain(ctx context.Context, socket *websocket.Conn) {
	send := func(kind websocket.MessageType, data string) { transcript.Fail(socket.Write(ctx, kind, []byte(data))) }
	send(websocket.MessageText, "héllo 안녕 😀")
	transcript.Write("heard", receive(ctx, socket))
	send(websocket.MessageBinary, "\x00\x01\x02\xff")
	transcript.Write("heard", receive(ctx, socket))
	send(websocket.MessageText, "")
	transcript.Write("heard", receive(ctx, socket))
	send(websocket.MessageText, strings.Repeat("x", 60_000))
	transcript.Write("large", len(receive(ctx, socket).(string)))
	send(websocket.MessageBinary, strings.Repeat("\x00", 60_000))
	transcript.Write("large", len(receive(ctx, socket).([]byte)))

	// A pong is read, and the close frame, while somebody reads.
	code := make(chan websocket.StatusCode)
	go func() {
		_, _, err := socket.Read(ctx)
		code <- websocket.CloseStatus(err)
	}()
	transcript.Fail(socket.Ping(ctx))
	transcript.Write("pong")
	go socket.Close(websocket.StatusNormalClosure, "bye")
	transcript.Write("closed", <-code)
}

func chat(ctx context.Context, socket *websocket.Conn) {
	var welcome struct{ Room string }
	transcript.Fail(wsjson.Read(ctx, socket, &welcome))
	transcript.Write("welcome", welcome.Room)
	transcript.Fail(wsjson.Write(ctx, socket, map[string]any{"type": "send", "text": "hi", "ref": 1}))
	heard := map[string]map[string]any{}
	for range 2 {
		var reply map[string]any
		transcript.Fail(wsjson.Read(ctx, socket, &reply))
		heard[reply["type"].(string)] = reply
	}
	transcript.Write("ack", heard["ack"]["ref"])
	transcript.Write("message", heard["message"]["text"])
}

func main() {
	url, mode := os.Args[1], os.Args[2]
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	options := &websocket.DialOptions{}
	if mode == "deflate" {
		options.CompressionMode = websocket.CompressionContextTakeover
	}
	if mode == "chat.v1" {
		options.Subprotocols = []string{"chat.v1"}
	}
	socket, _, err := websocket.Dial(ctx, url, options)
	transcript.Fail(err)
	defer socket.CloseNow()
	socket.SetReadLimit(100_000)
	transcript.Write("open", socket.Subprotocol())
	if mode == "chat.v1" {
		chat(ctx, socket)
	} else {
		plain(ctx, socket)
	}
}
