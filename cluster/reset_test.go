package cluster_test

import (
	"crypto/ed25519"
	"errors"
	"testing"

	"casper-cosigner/cluster"
	"casper-cosigner/rule/watermark"
)

// TestVerifyReset: a reset of the heights is an operator's only if that operator signed all of it,
// for this cluster.
func TestVerifyReset(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	entry := cluster.Entry{Name: "ops", Key: cluster.Key(public)}
	f := &cluster.File{ID: make(cluster.Key, 16), Operators: []cluster.Entry{entry},
		Nodes: []cluster.NodeEntry{{Name: "node", Key: cluster.Key(public)}}}
	signed := func(f *cluster.File, operator string) watermark.Reset {
		r := watermark.Reset{Height: 120, Until: 130, SeenAt: 900, Count: 1, Operator: operator,
			Network: watermark.Version{Major: 2, Minor: 1, Patch: 5}, Reason: "hard reset",
			Seen: watermark.Seen{From: 120, Bits: "\x81\x00"}, Ledgers: "\x02c1", First: watermark.Mark{Era: 2, Height: 100}}
		r.Signature = f.SignReset(key, r)
		return r
	}
	if err := f.VerifyReset(signed(f, "ops")); err != nil {
		t.Fatal(err)
	}
	other := &cluster.File{ID: cluster.Key{15: 1}}
	for name, r := range map[string]watermark.Reset{
		"a node's":          signed(f, "node"),
		"a stranger's":      signed(f, "nobody"),
		"another cluster's": signed(other, "ops"),
		"unsigned":          {Height: 120, Until: 130, SeenAt: 900, Count: 1, Operator: "ops"},
	} {
		if err := f.VerifyReset(r); !errors.Is(err, cluster.ErrResetSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, edit := range map[string]func(*watermark.Reset){
		"height": func(r *watermark.Reset) { r.Height-- }, "last height": func(r *watermark.Reset) { r.Until++ },
		"network, major": func(r *watermark.Reset) { r.Network.Major++ },
		"network, minor": func(r *watermark.Reset) { r.Network.Minor++ },
		"network, patch": func(r *watermark.Reset) { r.Network.Patch++ },
		"index":          func(r *watermark.Reset) { r.SeenAt++ }, "count": func(r *watermark.Reset) { r.Count++ },
		"height seen": func(r *watermark.Reset) { r.Bits = "\x91\x00" }, "lowest seen": func(r *watermark.Reset) { r.From-- },
		"part of what was seen": func(r *watermark.Reset) { r.Bits, r.Reason = r.Bits[:1], r.Bits[1:]+r.Reason },
		"ledger":                func(r *watermark.Reset) { r.Ledgers = "\x02c2" },
		"part of a ledger": func(r *watermark.Reset) {
			r.Ledgers, r.Reason = r.Ledgers[:1], string(r.Ledgers[1:])+r.Reason
		},
		"ledger's beginning": func(r *watermark.Reset) { r.Bits, r.Ledgers = r.Bits+string(r.Ledgers[:1]), r.Ledgers[1:] },
		"first era":          func(r *watermark.Reset) { r.First.Era++ },
		"first height":       func(r *watermark.Reset) { r.First.Height-- },
		"reason":             func(r *watermark.Reset) { r.Reason = "hard rese" },
	} {
		r := signed(f, "ops")
		edit(&r)
		if err := f.VerifyReset(r); !errors.Is(err, cluster.ErrResetSignature) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}
