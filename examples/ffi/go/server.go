// A chat server with cgo.
//
//	go run . [PORT]    the default is 3000; 0 takes any free port
//
// "rude" is refused, and "/stop" ends the server.
package main

/*
#cgo pkg-config: libchat
#include <chat/chat.h>
#include <stdlib.h>

chat_verdict onMessage(chat_server *server, chat_message_event *event, void *user);
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"unsafe"
)

var stop = make(chan struct{}, 1)

// A panic here ends the program, as it does in any goroutine.
//
//export onMessage
func onMessage(server *C.chat_server, event *C.chat_message_event, user unsafe.Pointer) C.chat_verdict {
	message := event.message
	text := string(C.GoBytes(message.data, C.int(message.data_size)))
	fmt.Printf("%s: %s\n", C.GoString(message.room), text)
	switch text {
	case "rude":
		reason := C.CString("be kind")
		defer C.free(unsafe.Pointer(reason))
		return C.chat_message_event_refuse(event, reason)
	case "/stop":
		select { // a callback must not wait
		case stop <- struct{}{}:
		default:
		}
		return C.CHAT_CONSUME
	}
	return C.CHAT_PASS
}

func start(port int) (*C.chat_server, error) {
	// The message of an error belongs to the thread, and a goroutine may change its thread between two calls.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	address := C.CString("127.0.0.1")
	defer C.free(unsafe.Pointer(address))
	var options C.chat_server_options
	C.chat_server_options_init(&options, C.sizeof_chat_server_options)
	options.address = address
	options.port = C.int(port)
	options.callbacks.on_message = (*[0]byte)(C.onMessage)
	// options.user must not hold a Go pointer: use a cgo.Handle, or globals as here.

	var server *C.chat_server
	if C.chat_server_start(&options, &server) != C.CHAT_OK {
		return nil, fmt.Errorf("%s", C.GoString(C.chat_error_message()))
	}
	return server, nil
}

func main() {
	port := 3000
	if len(os.Args) > 1 {
		port, _ = strconv.Atoi(os.Args[1])
	}
	server, err := start(port)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening on port", C.chat_server_port(server))

	<-stop
	room, goodbye := C.CString("lobby"), C.CString("goodbye")
	C.chat_broadcast(server, room, goodbye, 7)
	C.chat_server_free(server) // after closing all connections
	C.free(unsafe.Pointer(room))
	C.free(unsafe.Pointer(goodbye))
}
