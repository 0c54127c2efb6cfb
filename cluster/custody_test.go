package cluster

import (
	"strings"
	"testing"
)

// TestCustodySetting: only a stock node's key is kept by the cosigners, by that one word, and by
// none it is not.
func TestCustodySetting(t *testing.T) {
	for _, tt := range []struct {
		node  NodeEntry
		fault string
		keeps bool
	}{
		{NodeEntry{Name: "a"}, "", false},
		{NodeEntry{Name: "a", Stock: true}, "", false},
		{NodeEntry{Name: "a", Stock: true, Custody: "cosigners"}, "", true},
		{NodeEntry{Name: "a", Custody: "cosigners"}, "custody is for a stock node", false},
		{NodeEntry{Name: "a", Stock: true, Custody: "host"}, "want cosigners", false},
	} {
		f := &File{ID: make([]byte, 16), Nodes: []NodeEntry{tt.node, {Name: "b", Stock: true}}}
		faults := f.custodyFaults()
		if (len(faults) > 0) != (tt.fault != "") || len(faults) > 0 && !strings.Contains(faults[0].Error(), tt.fault) {
			t.Errorf("%+v: %v", tt.node, faults)
		}
		if c := f.Custody(); c.Nodes["a"].Custody != tt.keeps || c.Nodes["b"].Custody || (len(c.Keeps()) > 0) != tt.keeps {
			t.Errorf("%+v: it is kept: %v", tt.node, c.Keeps())
		}
	}
}
