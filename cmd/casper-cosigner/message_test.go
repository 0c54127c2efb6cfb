package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"casper-cosigner/rule/casper"
)

// TestVectorsAreRequests reads every recorded line as a request, demands the bytes that casper-node
// signed, and that what is shown of it is a request for the same message.
func TestVectorsAreRequests(t *testing.T) {
	file, err := os.Open("../../testdata/node-1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, kinds := bufio.NewScanner(file), map[casper.Kind]int{}
	for lines.Scan() {
		m, err := parseMessage(lines.Bytes())
		if err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		var recorded struct {
			SignedBytes string `json:"signed_bytes"`
		}
		if err := json.Unmarshal(lines.Bytes(), &recorded); err != nil {
			t.Fatal(err)
		}
		if have := hex.EncodeToString(m.SignBytes()); have != recorded.SignedBytes {
			t.Fatalf("signs %s, recorded is %s", have, recorded.SignedBytes)
		}
		shown, err := json.Marshal(showMessage(m))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseMessage(shown); err != nil || again != m {
			t.Fatalf("shown as %s, read back as %v, %v", shown, again, err)
		}
		kinds[m.Kind()]++
	}
	if err := lines.Err(); err != nil || len(kinds) != 4 {
		t.Fatalf("read kinds %v, error %v", kinds, err)
	}
}

func TestMessageFaults(t *testing.T) {
	const hash = `"fb06af9cc88bc7fcadc52282f2398afebf9faa9a2b7ec1c7e497fbb4a4296680"`
	const finality = `{"kind":"finality_v2","block_hash":` + hash + `,"block_height":7,"era_id":1,"chain_name_hash":` +
		hash
	if _, err := parseMessage([]byte(finality + "}")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":          ``,
		"not an object":  `[]`,
		"no kind":        `{}`,
		"unknown kind":   `{"kind":"raw","signed_bytes":` + hash + `}`,
		"unknown field":  finality + `,"digest":` + hash + `}`,
		"height missing": `{"kind":"finality_v2","block_hash":` + hash + `,"era_id":1,"chain_name_hash":` + hash + `}`,
		"short hash": `{"kind":"finality_v2","block_hash":"fb","block_height":7,"era_id":1,"chain_name_hash":` + hash +
			`}`,
		"upper-case hash": `{"kind":"finality_v2",` +
			`"block_hash":"FB06AF9CC88BC7FCADC52282F2398AFEBF9FAA9A2B7EC1C7E497FBB4A4296680","block_height":7,"era_id":1,` +
			`"chain_name_hash":` + hash + `}`,
		"height negative": `{"kind":"finality_v2","block_hash":` + hash + `,"block_height":-1,"era_id":1,` +
			`"chain_name_hash":` + hash + `}`,
		"neither": `{"kind":"zug","chainspec_hash":` + hash + `,"era_id":1,"key_block_hash":` + hash +
			`,"round_id":0,"validator_index":0}`,
		"round missing": `{"kind":"zug","chainspec_hash":` + hash + `,"era_id":1,"key_block_hash":` + hash +
			`,"validator_index":0,"vote":false}`,
		"short random": `{"kind":"consensus_certificate","combined_random":"00","our_tls_point":"02",` +
			`"their_tls_point":"02"}`,
		"text after it":     finality + "}x",
		"another after it":  finality + "}" + finality + "}",
		"handshake missing": `{"kind":"consensus_certificate"}`,
	} {
		if m, err := parseMessage([]byte(text)); err == nil {
			t.Errorf("%s: read as %v", name, m)
		}
	}
}
