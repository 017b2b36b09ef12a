// The Socket.IO client of github.com/zishang520/socket.io. Arguments: URL, and polling, websocket or upgrade.
// The scenario of tests/clients/socket_io.test.mjs.
package main

import (
	"os"
	"strings"

	"github.com/zishang520/socket.io/clients/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
	"libchat/clients/transcript"
)

var url, mode string

func options() *socket.Options {
	options := socket.DefaultOptions()
	options.SetForceNew(true)
	options.SetReconnectionDelay(50)
	options.SetRandomizationFactor(0)
	switch mode {
	case "polling":
		options.SetTransports(types.NewSet(socket.Polling))
	case "websocket":
		options.SetTransports(types.NewSet(socket.WebSocket))
	default:
		options.SetTransports(types.NewSet(socket.Polling, socket.WebSocket))
	}
	return options
}

func connect(options *socket.Options) *socket.Socket {
	client, err := socket.Connect(url, options)
	transcript.Fail(err)
	return client
}

func on(client *socket.Socket, event string, hear func(args ...any)) {
	transcript.Fail(client.On(types.EventName(event), hear))
}

func noting(name string) func(args ...any) {
	return func(args ...any) { transcript.Note(name, args...) }
}

func emit(client *socket.Socket, waitFor, event string, args ...any) {
	transcript.Fail(client.Emit(event, args...))
	transcript.Wait(waitFor)
}

func answering(name string) func([]any, error) {
	return func(args []any, err error) {
		transcript.Fail(err)
		transcript.Note(name, args...)
	}
}

func main() {
	url, mode = os.Args[1], os.Args[2]
	client := connect(options())
	on(client, "connect", func(...any) { transcript.Note("connect") })
	on(client, "disconnect", func(args ...any) {
		if args[0] == "io server disconnect" {
			transcript.Note("kick")
		} else {
			transcript.Note("disconnect")
		}
	})
	for _, name := range []string{"text", "json", "bytes", "mixed"} {
		on(client, name, noting(name))
	}
	on(client, "large", func(args ...any) {
		switch value := args[0].(type) {
		case string:
			transcript.Note("large", len(value))
		case interface{ Len() int }:
			transcript.Note("large", value.Len())
		case []byte:
			transcript.Note("large", len(value))
		}
	})
	on(client, "who", func(args ...any) {
		transcript.Note("asked", args[0], args[1])
		args[2].(func([]any, error))([]any{"Ann", map[string]any{"n": args[1]}}, nil)
	})
	transcript.Wait("connect")

	emit(client, "text", "text", "héllo 안녕 😀")
	list := []any{true, nil, 2.5, "x"}
	emit(client, "json", "json", map[string]any{"a": 1, "b": list}, []any{1, []any{2}}, "last")
	emit(client, "bytes", "bytes", []byte{0, 1, 2, 255})
	parts := []any{[]byte{1}, []byte{2, 3}}
	emit(client, "mixed", "mixed", map[string]any{"name": "파일", "parts": parts}, "last")
	emit(client, "answer", "question", "why", map[string]any{"n": 1}, answering("answer"))
	emit(client, "answer bytes", "question", []byte{254, 255}, answering("answer bytes"))
	emit(client, "asked", "script", []any{"ask", 2000, "who", "there", 7})
	// On polling it often stalls behind them.
	if mode != "polling" {
		emit(client, "large", "large", strings.Repeat("x", 100_000))
		emit(client, "large", "large", make([]byte, 200_000))
	}

	guest := options()
	guest.SetReconnection(false)
	guest.SetAuth(map[string]any{"mode": "refuse", "reason": "no entry", "data": map[string]any{"n": 1}})
	refused := connect(guest)
	on(refused, "connect_error", func(args ...any) { transcript.Note("refused", args[0].(error).Error()) })
	transcript.Wait("refused")
	refused.Disconnect()

	transcript.Write("cut")
	transcript.Wait("disconnect")
	transcript.Wait("connect")
	emit(client, "text", "text", "after the cut")
	transcript.Write("restart")
	transcript.Wait("disconnect")
	transcript.Wait("connect")
	emit(client, "text", "text", "after the restart")
	emit(client, "kick", "script", []any{"kick", "bye"})

	// Two namespaces on one connection.
	other := connect(options())
	on(other, "text", noting("in the wrong namespace"))
	dev := other.Io().Socket("/dev", nil)
	on(dev, "text", noting("dev"))
	emit(dev, "dev", "text", "in dev")
	dev.Disconnect()
	other.Disconnect()
	transcript.Write("end")
}
