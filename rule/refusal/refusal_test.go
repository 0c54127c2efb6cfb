package refusal_test

import (
	"regexp"
	"testing"

	"casper-cosigner/rule/refusal"
)

// TestTable: every reason has words of its own, and those that are a definite no, and only those,
// have a label.
func TestTable(t *testing.T) {
	label := regexp.MustCompile(`^[a-z_]+$`)
	said := map[string]refusal.Reason{}
	for r := range refusal.StartMoved + 1 {
		if other, ok := said[r.String()]; ok || r.String() == "" {
			t.Errorf("%d and %d are both %q", r, other, r)
		}
		said[r.String()] = r
		definite := r >= refusal.NotActive && r <= refusal.Passive
		if r.Definite() != definite || label.MatchString(r.Label()) != definite {
			t.Errorf("%d, %v: label %q, definite %v", r, r, r.Label(), r.Definite())
		}
	}
	if after := refusal.StartMoved + 1; after.String() != "unknown reason" || after.Definite() {
		t.Errorf("%d: %q, definite %v", after, after, after.Definite())
	}
}
