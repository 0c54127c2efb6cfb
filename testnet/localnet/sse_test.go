package localnet

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadMessages(t *testing.T) {
	tests := map[string]struct {
		stream string
		want   []message
	}{
		"nothing":            {"", nil},
		"as casper-node":     {"data:{\"ApiVersion\":\"2.0.3\"}\n\ndata:{\"a\":1}\nid:7\n\n", []message{{"", `{"ApiVersion":"2.0.3"}`}, {"7", `{"a":1}`}}},
		"a space":            {"data: x\nid: 7\n\n", []message{{"7", "x"}}},
		"two spaces":         {"data:  x\n\n", []message{{"", " x"}}},
		"carriage returns":   {"data:x\r\nid:7\r\n\r\n", []message{{"7", "x"}}},
		"keep-alive":         {":\n\n:\n\ndata:x\n\n", []message{{"", "x"}}},
		"several lines":      {"data:x\ndata:y\n\n", []message{{"", "x\ny"}}},
		"no data":            {"id:7\n\ndata:x\n\n", []message{{"", "x"}}},
		"cut off":            {"data:x\n\ndata:y\n", []message{{"", "x"}}},
		"colons in the data": {"data:a:b: c\n\n", []message{{"", "a:b: c"}}},
		"another field":      {"event:e\nretry:1\ndata:x\n\n", []message{{"", "x"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []message
			// One byte at a time: what is read must not depend on how it was sent.
			err := readMessages(iotest.OneByteReader(strings.NewReader(test.stream)), func(m message) error {
				got = append(got, m)
				return nil
			})
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestReadMessagesEnds(t *testing.T) {
	wanted := errors.New("enough")
	err := readMessages(strings.NewReader("data:x\n\ndata:y\n\n"), func(m message) error {
		if m.data == "y" {
			t.Error("it went on")
		}
		return wanted
	})
	if !errors.Is(err, wanted) {
		t.Errorf("got %v", err)
	}
	long := append([]byte("data:"), bytes.Repeat([]byte("x"), 1<<20)...)
	length := 0
	err = readMessages(bytes.NewReader(append(long, "\n\n"...)), func(m message) error { length = len(m.data); return nil })
	if err != nil || length != 1<<20 {
		t.Errorf("a long event: %d bytes, %v", length, err)
	}
}
