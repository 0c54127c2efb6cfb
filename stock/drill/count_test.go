package drill

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"casper-cosigner/stock/units/unitstest"
)

// TestCount: a chain with more blocks than votes that were granted has votes that went past the
// gate.
func TestCount(t *testing.T) {
	height := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"last_added_block_info": {"height": %d}}`, height)
	}))
	defer server.Close()
	us, ended := unitstest.New(1, 0), make(chan struct{})
	l := newListener(t.TempDir(), us.Public(), unitstest.New(2, 1).Public())
	p := &player{name: "drilled", ended: ended}
	p.place.REST = strings.TrimPrefix(server.URL, "http://")
	n := &network{oracle: newOracle(l, func(error) {}), drilled: p, listens: p}
	instance := unitstest.Instance("era")
	for round, kind := range []string{votes, skips, votes} {
		vote := contentOf(us.Vote(instance, uint32(round), kind == votes))
		if err := n.oracle.allow(vote, kind, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	for height = range 4 {
		err := n.count(t.Context(), p)
		var v *Violation
		if errors.As(err, &v) != (height > 2) || err != nil && v == nil {
			t.Errorf("%d blocks, two votes for one: %v", height, err)
		}
	}
}
