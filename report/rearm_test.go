package report

import (
	"testing"
	"time"
)

func TestRearmText(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	soon := noon.Add(90 * time.Second)
	for want, r := range map[string]Rearm{
		"no restart (votes): one votes": {Code: "votes", Why: "one votes"},
		"node-a is to be restarted in 1m30s (rests): just before": {Code: "rests", Why: "just before", Node: "node-a",
			Due: &soon},
		"node-a is to be restarted now (silent): no message": {Code: "silent", Why: "no message", Node: "node-a",
			Due: &noon},
		"node-a is to be restarted by an operator (worth): it is so": {Code: "worth", Why: "it is so", Node: "node-a"},
	} {
		if got := r.Text(noon); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
