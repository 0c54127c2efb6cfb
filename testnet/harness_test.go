package testnet

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
)

func readTestdata(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestReadRecording(t *testing.T) {
	for name, want := range map[string]map[casper.Kind]int{
		"node-1.jsonl": {casper.KindEcho: 266, casper.KindVote: 270, casper.KindFinality: 267, casper.KindHandshake: 6},
		"node-2.jsonl": {casper.KindEcho: 66, casper.KindVote: 66, casper.KindFinality: 67, casper.KindHandshake: 6},
	} {
		r, err := ReadRecording(bytes.NewReader(readTestdata(t, name)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := map[casper.Kind]int{}
		for _, e := range r.Entries {
			got[e.Message.Kind()]++
		}
		for kind, n := range want {
			if got[kind] != n {
				t.Errorf("%s: %d of %v, want %d", name, got[kind], kind, n)
			}
		}
	}
}

func TestReadRecordingRefuses(t *testing.T) {
	text := string(readTestdata(t, "node-1.jsonl"))
	first, rest, _ := strings.Cut(text, "\n")
	second, _, _ := strings.Cut(rest, "\n")
	other, _, _ := strings.Cut(string(readTestdata(t, "node-2.jsonl")), "\n")
	for name, bad := range map[string]string{
		"nothing":            "",
		"no JSON":            "x",
		"another value":      strings.Replace(first, `"block_height":0`, `"block_height":1`, 1),
		"missing field":      strings.Replace(first, `"era_id":0,`, "", 1),
		"echo and vote":      strings.Replace(second, `"echo":`, `"vote":true,"echo":`, 1),
		"unknown kind":       strings.Replace(second, `"zug"`, `"highway"`, 1),
		"another validator":  first + "\n" + other,
		"signature is other": strings.Replace(first, `"signature":"01a6`, `"signature":"01a7`, 1),
	} {
		if _, err := ReadRecording(strings.NewReader(bad)); err == nil {
			t.Errorf("%s: was read", name)
		}
	}
}

// What the transcript writes must be what the recording's reader reads, for each kind.
func TestTranscript(t *testing.T) {
	r, err := ReadRecording(bytes.NewReader(readTestdata(t, "node-1.jsonl")))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	transcript := NewTranscript(&out)
	var asked, held []casper.Message
	for _, e := range r.Entries {
		asked, held = append(asked, e.Message), append(held, e.Message)
		transcript.Note(TranscriptLine{Node: Main}, e.Message, Answer{Kind: Signed, Signature: e.Signature})
		if other := Other(e.Message); other != nil {
			asked, held = append(asked, other), append(held, e.Message)
			transcript.Note(TranscriptLine{Node: Main}, other, Answer{Kind: Bound, Held: e.Message, Signature: e.Signature})
		}
	}
	if err := transcript.Close(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for text := range bytes.Lines(out.Bytes()) {
		var line TranscriptLine
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatal(err)
		}
		got, err := line.Asked.Message()
		if err != nil || got != asked[n] {
			t.Fatalf("line %d asks for %v, want %v (%v)", n+1, got, asked[n], err)
		}
		of := got
		if line.Held != nil {
			if of, err = line.Held.Message(); err != nil || of != held[n] {
				t.Fatalf("line %d holds %v, want %v (%v)", n+1, of, held[n], err)
			}
		}
		if line.Signature == nil || !r.Validator.Verify(of, *line.Signature) {
			t.Fatalf("line %d: the signature is not valid", n+1)
		}
		n++
	}
	if n != len(asked) {
		t.Errorf("%d lines, want %d", n, len(asked))
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestTranscriptTellsThatItIsIncomplete(t *testing.T) {
	transcript := NewTranscript(failingWriter{})
	transcript.Note(TranscriptLine{}, casper.Vote{}, Answer{Kind: Unknown})
	if transcript.Close() == nil {
		t.Error("a transcript that could not be written was closed without an error")
	}
}

// Another value must be for the same slot, or it would prove nothing.
func TestOther(t *testing.T) {
	for _, m := range []casper.Message{casper.Echo{}, casper.Vote{}, casper.Vote{Value: true}, casper.Finality{}} {
		slot, _ := casper.SlotOf(m)
		other, ok := casper.SlotOf(Other(m))
		if !ok || other != slot || casper.Digest(m) == casper.Digest(Other(m)) {
			t.Errorf("%v: the other value %v is for slot %v", m, Other(m), other)
		}
	}
	if Other(casper.Handshake{}) != nil {
		t.Error("a handshake has no other value")
	}
}

func TestMadeUpSlotsAreFree(t *testing.T) {
	u := MadeUp{Round: casper.Round{Era: 3, ID: 7}}
	seen := map[casper.Slot]bool{}
	for range 100 {
		slot, _ := casper.SlotOf(u.Next())
		if seen[slot] || slot.Round < 7 || slot.Era != 3 {
			t.Fatalf("slot %v is not free", slot)
		}
		seen[slot] = true
	}
	if len(seen) != 100 || u.Round.ID != 57 {
		t.Errorf("%d slots up to round %d", len(seen), u.Round.ID)
	}
}

func TestFreePorts(t *testing.T) {
	base, err := FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range []int{base, base + size*portsEach - 1, base + agentsAt, base + agentsAt + agentPorts - 1} {
		l, err := net.Listen("tcp", Loopback(port))
		if err != nil {
			t.Fatal(err)
		}
		if portsFree(base) == nil {
			t.Errorf("port %d is taken, base %d passed for free", port, base)
		}
		l.Close()
	}
}

func TestQuantile(t *testing.T) {
	var l Latencies
	for i := 100; i > 0; i-- {
		l = append(l, time.Duration(i))
	}
	for part, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 0.999: 100, 1: 100} {
		if got := l.Quantile(part); got != want {
			t.Errorf("quantile %v is %d, want %d", part, got, want)
		}
	}
	if Latencies(nil).Quantile(0.5) != 0 {
		t.Error("nothing took some time")
	}
}
