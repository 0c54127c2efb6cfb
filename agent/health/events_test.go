package health

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"casper-cosigner/rule/casper"
)

func TestReadMessages(t *testing.T) {
	const limit = 30
	full := strings.Repeat("x", limit)
	tests := map[string]struct {
		stream string
		want   []Message
	}{
		"nothing": {"", nil},
		"as casper-node": {"data:{\"ApiVersion\":\"2.0.3\"}\n\ndata:{\"a\":1}\nid:7\n\n",
			[]Message{{"", `{"ApiVersion":"2.0.3"}`, false}, {"7", `{"a":1}`, false}}},
		"a space":              {"data: x\nid: 7\n\n", []Message{{"7", "x", false}}},
		"two spaces":           {"data:  x\n\n", []Message{{"", " x", false}}},
		"carriage returns":     {"data:x\r\nid:7\r\n\r\n", []Message{{"7", "x", false}}},
		"keep-alive":           {":\n\n:\n\ndata:x\n\n", []Message{{"", "x", false}}},
		"several lines":        {"data:x\ndata:y\n\n", []Message{{"", "x\ny", false}}},
		"no data":              {"id:7\n\ndata:x\n\n", []Message{{"", "x", false}}},
		"empty data":           {"data\n\n", []Message{{"", "", false}}},
		"cut off":              {"data:x\n\ndata:y\n", []Message{{"", "x", false}}},
		"cut off in a line":    {"data:x\n\ndata:y", []Message{{"", "x", false}}},
		"colons in the data":   {"data:a:b: c\n\n", []Message{{"", "a:b: c", false}}},
		"another field":        {"event:e\nretry:1\ndata:x\n\n", []Message{{"", "x", false}}},
		"as long as it may be": {"data:" + full + "\nid:7\n\n", []Message{{"7", full, false}}},
		"too long":             {"data:" + full + "x\nid:7\n\ndata:y\n\n", []Message{{"7", "", true}, {"", "y", false}}},
		"too long as a line": {"data:" + full + full + "\nid:7\n\ndata:y\n\n",
			[]Message{{"7", "", true}, {"", "y", false}}},
		"long in lines": {"data:" + full[2:] + "\ndata:x\n\n", []Message{{"", full[2:] + "\nx", false}}},
		"too long in lines": {"data:" + full[2:] + "\ndata:xx\n\ndata:y\n\n",
			[]Message{{"", "", true}, {"", "y", false}}},
		"too long in empty": {strings.Repeat("data\n", limit+2) + "\n", []Message{{"", "", true}}},
		"too long, then short": {"data:" + full + full + "\ndata:z\n\ndata:y\n\n",
			[]Message{{"", "", true}, {"", "y", false}}},
		"a long comment":        {":" + full + full + full + "\ndata:y\n\n", []Message{{"", "y", false}}},
		"a line without an end": {"data:y\n\ndata:" + full + full + full, []Message{{"", "y", false}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			// Whole and one byte at a time: what is read must not depend on how it was sent.
			for _, stream := range []io.Reader{strings.NewReader(test.stream),
				iotest.OneByteReader(strings.NewReader(test.stream))} {
				var got []Message
				err := ReadMessages(stream, limit, func(m Message) error {
					got = append(got, m)
					return nil
				})
				if err != nil || !slices.Equal(got, test.want) {
					t.Errorf("got %+v, %v, want %+v", got, err, test.want)
				}
			}
		})
	}
}

func TestReadMessagesEnds(t *testing.T) {
	wanted := errors.New("enough")
	err := ReadMessages(strings.NewReader("data:x\n\ndata:y\n\n"), 100, func(m Message) error {
		if m.Data == "y" {
			t.Error("it went on")
		}
		return wanted
	})
	if !errors.Is(err, wanted) {
		t.Errorf("got %v", err)
	}
	err = ReadMessages(io.MultiReader(strings.NewReader("data:x\n"), iotest.ErrReader(wanted)), 100, func(Message) error {
		return nil
	})
	if !errors.Is(err, wanted) {
		t.Errorf("a stream that breaks: %v", err)
	}
	long := append([]byte("data:"), bytes.Repeat([]byte("x"), 1<<20)...)
	length := 0
	err = ReadMessages(bytes.NewReader(append(long, "\n\n"...)), 1<<20, func(m Message) error {
		length = len(m.Data)
		return nil
	})
	if err != nil || length != 1<<20 {
		t.Errorf("a long event: %d bytes, %v", length, err)
	}
}

// endless is a line that never ends, or a great many of them. held is how much memory is in
// use near its end.
type endless struct {
	text string
	left int
	held uint64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left--; e.left < 0 {
		return 0, io.EOF
	}
	if e.left == 0 {
		e.held = inUse()
	}
	return copy(p, e.text), nil
}

func inUse() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// TestReadMessagesIsBounded: what a node sends does not decide how much of it is held.
func TestReadMessagesIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"a line": strings.Repeat("data:xy,", 512), "lines": strings.Repeat("data:xyzabcdefg\n",
			256), "empty lines": strings.Repeat("data\n", 819) + "\r",
	} {
		stream, before := &endless{text: text, left: 2000}, inUse()
		err := ReadMessages(stream, 1000, func(Message) error { return nil })
		if err != nil || stream.held > before+1<<20 {
			t.Errorf("%s: %v, %d bytes are held of %d", name, err, stream.held-before, 2000*len(text))
		}
	}
}

func TestParseEvent(t *testing.T) {
	const key = "01a9b8c7d6e5f40312213041506f7e8d9cabbac9d8e7f6051423324150617f8e90"
	hash, err := casper.ParseHash(key[2:])
	if err != nil {
		t.Fatal(err)
	}
	block := func(hash, era, end string) string {
		return `{"BlockAdded":{"block_hash":"` + hash + `","block":{"Version2":{"hash":"` + hash +
			`","header":{"era_id":` + era + `,"height":9,"era_end":` + end + `}}}}}`
	}
	tests := map[string]struct {
		data string
		want event
	}{
		"version":    {`{"ApiVersion":"2.0.3"}`, event{version: "2.0.3"}},
		"end":        {`"Shutdown"`, event{shutdown: true}},
		"spaced end": {` "Shutdown"`, event{shutdown: true}},
		"fault": {`{"Fault":{"era_id":7,"public_key":"` + key + `","timestamp":"2030-01-02T03:04:05.678Z"}}`,
			event{fault: &fault{key, 7}}},
		"spaced": {` { "Fault" : { "public_key": "` + key + `", "era_id": 7, "new": [] } }`,
			event{fault: &fault{key, 7}}},
		"step":      {`{"Step":{"era_id":1,"execution_effects":[]}}`, event{}},
		"block":     {`{"BlockAdded":{"block_hash":"x","block":{"Version2":{}}}}`, event{}},
		"old block": {`{"BlockAdded":{"block_hash":"` + key[2:] + `","block":{"Version1":{}}}}`, event{}},
		"in an era": {block(key[2:], "7", `null`), event{}},
		"of no era": {block(key[2:], `null`, `{}`), event{}},
		"last of an era": {block(key[2:], "7", `{"next_era_validator_weights":[{"validator":"02Ab","weight":"1"},
			{"validator":"01cd"},{"validator":"01CA"}]}`),
			event{ended: &EraEnd{Era: 7, Last: hash, Next: []string{"01ca", "01cd", "02ab"}}}},
		"quoted":      {`{"TransactionExpired":{"transaction_hash":"\"Fault\"\"Shutdown\""}}`, event{}},
		"cut":         {``, event{}},
		"not JSON":    {`BlockAdded`, event{}},
		"new kind":    {`"Restart"`, event{}},
		"no contents": {`{"Fault":null}`, event{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseEvent(test.data)
			same := got.version == test.want.version && got.shutdown == test.want.shutdown &&
				(got.fault == nil) == (test.want.fault == nil) &&
				(got.fault == nil || *got.fault == *test.want.fault) && reflect.DeepEqual(got.ended, test.want.ended)
			if err != nil || !same {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
	for _, data := range []string{`{"Fault":7}`, `{"Fault":{"public_key":7}}`, `{"Fault":{"era_id":7`,
		`{"Fault":{"era_id":-7}}`} {
		if got, err := parseEvent(data); err == nil {
			t.Errorf("%s was read as %+v", data, got)
		}
	}
}
