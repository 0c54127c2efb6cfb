package show

import (
	"bytes"
	"strings"
	"testing"
)

// TestVerdict: a claim that fails must be able to fail the whole, a missed goal must not, and
// nothing claimed is nothing shown.
func TestVerdict(t *testing.T) {
	var out bytes.Buffer
	s := New(&out, 7)
	s.Begin("first", "The %s act", "first")
	if s.Verdict() {
		t.Error("a show without claims holds")
	}
	s.Claimf(true, "this holds")
	s.Goalf(false, "fast enough")
	s.Sayf("by the way")
	if !s.Verdict() || !s.Act().Holds() {
		t.Error("one line that holds is not enough")
	}
	s.Begin("second", "The second act")
	s.Claimf(false, "this does %s", "not")
	if s.Verdict() || s.Act().Holds() {
		t.Error("a line that does not hold went unnoticed")
	}
	for _, want := range []string{"] The first act\n", "  ok    this holds\n", "  MISS  fast enough\n",
		"        by the way\n", "  FAIL  this does not\n",
		"\n1 of 2 lines hold, in 0 s; seed 7\n  FAIL  second: this does not\n  MISS  first: fast enough\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not printed: %q; printed %q", want, out.String())
		}
	}
}

// TestProgress: without a terminal a long work says four times how far it is.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	s := New(&out, 0)
	s.Steps(400)
	for i := range 400 {
		s.Step("at %d", i)
	}
	if got := out.String(); strings.Count(got, "\n") != 4 ||
		!strings.Contains(got, "        400 of 400 messages, at 399\n") {
		t.Errorf("printed %q", got)
	}
}
