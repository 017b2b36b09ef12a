// Package transcript writes what each client of tests/clients hears: one JSON array in a line of standard output, with bytes
// as {"bytes": HEX}. Wait makes a program go on only when what it waits for came next.
package transcript

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

var (
	lock     sync.Mutex
	happened = make(chan string, 100)
)

func shown(value any) any {
	switch value := value.(type) {
	case []byte:
		return map[string]string{"bytes": hex.EncodeToString(value)}
	case interface{ Bytes() []byte }:
		return shown(value.Bytes())
	case []any:
		result := make([]any, len(value))
		for i, item := range value {
			result[i] = shown(item)
		}
		return result
	case map[string]any:
		result := make(map[string]any, len(value))
		for name, item := range value {
			result[name] = shown(item)
		}
		return result
	}
	return value
}

// Write writes a line.
func Write(name string, words ...any) {
	line, err := json.Marshal(shown(append([]any{name}, words...)))
	if err != nil {
		Fail(err)
	}
	lock.Lock()
	defer lock.Unlock()
	fmt.Println(string(line))
}

// Note writes a line that somebody waits for.
func Note(name string, words ...any) {
	Write(name, words...)
	happened <- name
}

// Wait returns when the line of that name was noted.
func Wait(name string) {
	select {
	case found := <-happened:
		if found != name {
			Fail(fmt.Errorf("%s instead of %s", found, name))
		}
	case <-time.After(30 * time.Second):
		Fail(fmt.Errorf("no %s", name))
	}
}

// Fail ends the program when err is not nil.
func Fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
