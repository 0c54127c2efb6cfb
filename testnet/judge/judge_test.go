package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// recorded is a line of a recording: the message and what the real node made of it.
type recorded struct {
	message
	PublicKey   string `json:"public_key"`
	InstanceID  string `json:"instance_id"`
	SignedBytes string `json:"signed_bytes"`
	Signature   string `json:"signature"`
}

func readRecording(t *testing.T, name string) []recorded {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var all []recorded
	for l := range bytes.Lines(text) {
		var r recorded
		if err := json.Unmarshal(l, &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func TestBytesOfTheRecordings(t *testing.T) {
	for _, name := range []string{"node-1.jsonl", "node-2.jsonl"} {
		for i, r := range readRecording(t, name) {
			f, err := r.form()
			if err != nil {
				t.Fatalf("%s:%d: %v", name, i+1, err)
			}
			if got := hex.EncodeToString(f.bytes); got != r.SignedBytes {
				t.Errorf("%s:%d: built %s, the node signed %s", name, i+1, got, r.SignedBytes)
			}
			if r.Kind == "zug" && !strings.Contains(f.slot, r.InstanceID) {
				t.Errorf("%s:%d: slot %q, want instance %s", name, i+1, f.slot, r.InstanceID)
			}
		}
	}
}

// verdict writes the lines to a file and judges it.
func verdict(t *testing.T, key string, lines []map[string]any) (string, error) {
	t.Helper()
	var text bytes.Buffer
	for _, l := range lines {
		if err := json.NewEncoder(&text).Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "transcript.jsonl")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := run([]string{"-key", key, path}, &out, &out)
	return out.String(), err
}

// fields returns the message's fields, to be changed at will.
func (m message) fields() map[string]any {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	f := map[string]any{}
	if err := json.Unmarshal(text, &f); err != nil {
		panic(err)
	}
	return f
}

func signed(r recorded) map[string]any {
	return map[string]any{"asked": r.fields(), "answer": "signed", "signature": r.Signature}
}

func TestRecordingPasses(t *testing.T) {
	all := readRecording(t, "node-1.jsonl")
	var lines []map[string]any
	for _, r := range all {
		lines = append(lines, signed(r))
	}
	out, err := verdict(t, all[0].PublicKey, lines)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := "809 signatures over 803 slots and 6 handshakes; 809 are valid"; !strings.Contains(out, want) {
		t.Errorf("got %q, want %q in it", out, want)
	}
}

// find returns the first recorded message that matches.
func find(t *testing.T, all []recorded, match func(recorded) bool) recorded {
	t.Helper()
	for _, r := range all {
		if match(r) {
			return r
		}
	}
	t.Fatal("the recording has no such message")
	return recorded{}
}

func TestTamperedFails(t *testing.T) {
	all := readRecording(t, "node-1.jsonl")
	echo := find(t, all, func(r recorded) bool { return r.Echo != nil })
	vote := find(t, all, func(r recorded) bool { return r.Vote != nil })
	finality := find(t, all, func(r recorded) bool { return r.Kind == "finality_v2" })
	handshake := find(t, all, func(r recorded) bool { return r.Kind == "consensus_certificate" })
	change := func(r recorded, field string, value any) map[string]any {
		l := signed(r)
		l["asked"].(map[string]any)[field] = value
		return l
	}
	zero := strings.Repeat("00", 32)
	with := func(l map[string]any, field string, value any) map[string]any { l[field] = value; return l }
	other := echo.fields()
	other["echo"] = zero
	for name, l := range map[string]map[string]any{
		"era":                      change(echo, "era_id", 2),
		"chainspec":                change(echo, "chainspec_hash", zero),
		"key block":                change(echo, "key_block_hash", zero),
		"round":                    change(echo, "round_id", 1),
		"validator":                change(echo, "validator_index", 2),
		"proposal":                 change(echo, "echo", zero),
		"vote":                     change(vote, "vote", !*vote.Vote),
		"echo and vote":            change(echo, "vote", true),
		"no round":                 change(vote, "round_id", nil),
		"height":                   change(finality, "block_height", 7),
		"block":                    change(finality, "block_hash", zero),
		"chain":                    change(finality, "chain_name_hash", zero),
		"short hash":               change(finality, "block_hash", "00"),
		"random":                   change(handshake, "combined_random", strings.Repeat("00", 12)),
		"point":                    change(handshake, "our_tls_point", handshake.TheirTLSPoint),
		"kind":                     change(echo, "kind", "unit"),
		"signature of another":     with(signed(echo), "signature", vote.Signature),
		"no signature":             with(signed(echo), "signature", ""),
		"secp256k1":                with(signed(echo), "signature", "02"+echo.Signature[2:]),
		"unknown answer":           with(signed(echo), "answer", "maybe"),
		"refused with a signature": with(signed(echo), "answer", "refused"),
		"bound without a value":    with(signed(echo), "answer", "bound"),
		"bound to the same":        with(with(signed(echo), "answer", "bound"), "held", echo.fields()),
		"bound to another slot": {"asked": vote.fields(), "answer": "bound",
			"held": echo.fields(), "signature": echo.Signature},
		"bound, wrong signature": {"asked": echo.fields(), "answer": "bound", "held": other, "signature": echo.Signature},
	} {
		out, err := verdict(t, all[0].PublicKey, []map[string]any{signed(finality), l})
		if err == nil || !strings.Contains(out, "FAULT line 2") {
			t.Errorf("%s: passed: %v\n%s", name, err, out)
		}
	}
	bound := map[string]any{"asked": other, "answer": "bound", "held": echo.fields(), "signature": echo.Signature}
	if out, err := verdict(t, all[0].PublicKey, []map[string]any{bound}); err != nil {
		t.Errorf("an honest bound answer failed: %v\n%s", err, out)
	}
	if _, err := verdict(t, all[0].PublicKey, nil); err == nil {
		t.Error("an empty transcript passed")
	}
	if _, err := verdict(t, readRecording(t, "node-2.jsonl")[0].PublicKey, []map[string]any{signed(echo)}); err == nil {
		t.Error("another validator's key passed")
	}
}

// Two valid signatures for one slot are what it is all about. The test signs with the
// recording's own key.
func TestDoubleSignFails(t *testing.T) {
	key, public := secretKey(t)
	all := readRecording(t, "node-1.jsonl")
	for i, r := range all {
		second := r.fields()
		switch {
		case r.Echo != nil:
			second["echo"] = strings.Repeat("ab", 32)
		case r.Vote != nil:
			second["vote"] = !*r.Vote
		case r.Kind == "finality_v2":
			second["era_id"] = *r.EraID + 1 // a height has one block, whatever era it claims
		default:
			continue
		}
		if i%40 != 0 {
			continue
		}
		l := map[string]any{"asked": second, "answer": "signed", "signature": sign(t, key, second)}
		out, err := verdict(t, public, []map[string]any{signed(r), l})
		if err == nil || !strings.Contains(out, "DOUBLE SIGN") {
			t.Errorf("line %d: %v\n%s", i+1, err, out)
		}
		if out, err := verdict(t, public, []map[string]any{l, l}); err != nil {
			t.Errorf("line %d: the same twice failed: %v\n%s", i+1, err, out)
		}
	}
}

func TestImportsStandardLibraryOnly(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			first, _, _ := strings.Cut(path, "/")
			if strings.Contains(first, ".") || first == "casper-cosigner" {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

// secretKey returns the recorded node's key.
func secretKey(t *testing.T) (ed25519.PrivateKey, string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "node-1.secret_key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key := parsed.(ed25519.PrivateKey)
	return key, "01" + hex.EncodeToString(key.Public().(ed25519.PublicKey))
}

func sign(t *testing.T, key ed25519.PrivateKey, fields map[string]any) string {
	t.Helper()
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	f, err := m.form()
	if err != nil {
		t.Fatal(err)
	}
	return "01" + hex.EncodeToString(ed25519.Sign(key, f.bytes))
}
