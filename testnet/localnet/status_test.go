package localnet

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
)

// fakeREST is a node that answers with these bodies, by path.
func fakeREST(t *testing.T, answers map[string]string) *Node {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	return &Node{Name: "n", REST: strings.TrimPrefix(server.URL, "http://")}
}

func TestStatus(t *testing.T) {
	v := testKeys(1)[0]
	n := fakeREST(t, map[string]string{
		"/status": fmt.Sprintf(`{"build_version":"2.0.3-x","reactor_state":"Validate","round_length":"2s","uptime":"1m",
			"api_version":"2.0.0","available_block_range":{"low":0,"high":9},"our_public_signing_key":"%v","peers":[{"node_id":"tls:1","address":"127.0.0.1:1"}],
			"last_added_block_info":{"hash":"%v","timestamp":"2030-01-02T03:04:05.000Z","era_id":2,"height":9,"creator":"00"}}`,
			v, casper.Hash{1}),
		"/validator-changes": fmt.Sprintf(`{"api_version":"2.0.3","changes":[{"public_key":"%v","status_changes":[
			{"era_id":3,"validator_change":"Banned"},{"era_id":4,"validator_change":"Added"}]}]}`, v),
		"/metrics": "# HELP chain_height x\nchain_height 7\nqueue{of=\"a b\"} 1.5\n\n",
	})
	s, err := n.Await(within(t, 10*time.Second), func(s Status) bool { return s.State == "Validate" })
	if err != nil || s.Height() != 9 || s.LastBlock.Era != 2 || *s.RoundLength != 2*time.Second || *s.PublicKey != v ||
		s.Peers != 1 {
		t.Errorf("status %+v, %v", s, err)
	}
	changes, err := n.ValidatorChanges(t.Context())
	if err != nil || len(changes) != 2 || changes[0] != (ValidatorChange{Validator: v, Era: 3, Change: "Banned"}) {
		t.Errorf("changes %v, %v", changes, err)
	}
	metrics, err := n.Metrics(t.Context())
	if err != nil || len(metrics) != 2 || metrics["chain_height"] != 7 || metrics[`queue{of="a b"}`] != 1.5 {
		t.Errorf("metrics %v, %v", metrics, err)
	}
}

func TestStatusOfAYoungNode(t *testing.T) {
	n := fakeREST(t, map[string]string{"/status": `{"build_version":"2.0.3-x","api_version":"2.0.0",
		"reactor_state":"CatchUp","round_length":null,"our_public_signing_key":null,"last_added_block_info":null,"peers":[],
		"uptime":"0s","available_block_range":{"low":0,"high":0}}`})
	s, err := n.Status(t.Context())
	if err != nil || s.Height() != -1 || s.RoundLength != nil || s.PublicKey != nil {
		t.Errorf("status %+v, %v", s, err)
	}
	if _, err := n.Await(within(t, 50*time.Millisecond), func(s Status) bool { return s.Height() > 0 }); err == nil ||
		!strings.Contains(err.Error(), "CatchUp") {
		t.Errorf("got %v, want the state that it was left in", err)
	}
	if _, err := n.Metrics(t.Context()); err == nil {
		t.Error("404 was taken for metrics")
	}
}
