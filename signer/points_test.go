package signer

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"casper-cosigner/rule/casper"
)

// testPoints returns both TLS points of a handshake in the recording.
func testPoints(t *testing.T) (points [2]casper.TLSPoint) {
	t.Helper()
	f, err := os.Open("../testdata/node-1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Kind  string `json:"kind"`
			Our   string `json:"our_tls_point"`
			Their string `json:"their_tls_point"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Kind != "consensus_certificate" {
			continue
		}
		for i, text := range []string{line.Our, line.Their} {
			b, err := hex.DecodeString(text)
			if err != nil || len(b) != len(points[i]) {
				t.Fatalf("bad point %q", text)
			}
			points[i] = casper.TLSPoint(b)
		}
		return points
	}
	t.Fatal("no handshake in the recording")
	return points
}

// registration is one of the named node's point, signed by whoever's key.
func (r *rig) registration(node, signer string, p casper.TLSPoint) Registration {
	at := r.log.Next().Index - 1
	return Registration{Node: node, Point: p, AskedAt: at,
		Signature: r.cluster.File.SignRegistration(r.cluster.Keys[signer], node, p, at)}
}
