package stage

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"casper-cosigner/testnet/show"
)

// TestResultJSON: an act's claims stand beside its figures, as whoever reads the file expects them.
func TestResultJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "figures.json")
	act := &show.Act{Name: "kill", Claims: []show.Claim{{Holds: true, Text: "it holds"}}, Said: []string{"by the way"}}
	r := Result{Acts: []*ActResult{{Act: act, Counts: map[string]int64{"rounds": 3}}}, Holds: true}
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Acts []struct {
			Name   string
			Claims []show.Claim
			Said   []string
			Counts map[string]int
		}
		Holds bool
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if a := got.Acts[0]; a.Name != "kill" || len(a.Claims) != 1 || a.Claims[0] != act.Claims[0] || len(a.Said) != 1 ||
		a.Counts["rounds"] != 3 || !got.Holds {
		t.Errorf("%s", text)
	}
}
