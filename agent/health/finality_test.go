package health

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// TestFinalOf: of all finality signatures that a node tells of, those count that our key made.
func TestFinalOf(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	ours := casper.PublicKey(key.Public().(ed25519.PublicKey))
	want := failover.Final{Finality: casper.Finality{Block: casper.Hash{1}, Height: 9, Era: 7, ChainName: casper.Hash{3}}}
	want.Signature = casper.Signature(ed25519.Sign(key, want.SignBytes()))
	event := func(version string, edit func(map[string]any)) string {
		body := map[string]any{"block_hash": want.Block, "block_height": want.Height, "era_id": want.Era,
			"chain_name_hash": want.ChainName, "signature": want.Signature, "public_key": ours}
		edit(body)
		text, err := json.Marshal(map[string]any{"FinalitySignature": map[string]any{version: body}})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	nothing := func(map[string]any) {}
	if got, ok := finalOf(event("V2", nothing), ours); !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	for name, data := range map[string]string{
		"another kind":        strings.Replace(event("V2", nothing), "FinalitySignature", "FinalitySignatures", 1),
		"another key":         event("V2", func(b map[string]any) { b["public_key"] = casper.PublicKey{1} }),
		"another block":       event("V2", func(b map[string]any) { b["block_hash"] = casper.Hash{2} }),
		"no signature":        event("V2", func(b map[string]any) { b["signature"] = casper.Signature{} }),
		"an earlier form":     event("V1", nothing),
		"no height":           event("V2", func(b map[string]any) { delete(b, "block_height") }),
		"a height below 0":    event("V2", func(b map[string]any) { b["block_height"] = -1 }),
		"cut":                 event("V2", nothing)[:200],
		"a block with it":     `{"BlockAdded":` + event("V2", nothing) + `}`,
		"nothing of the sort": `"Shutdown"`,
	} {
		if got, ok := finalOf(data, ours); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
