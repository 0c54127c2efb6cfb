package cluster_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"casper-cosigner/cluster"
	"casper-cosigner/cluster/clustertest"
	"casper-cosigner/rule/casper"
)

// TestRetiredKey: what a node asked under an earlier key, until that was retired, can be finished,
// and nothing that the key signs for a later date, or for none: it may be a thief's by then.
func TestRetiredKey(t *testing.T) {
	const began = 1000 // entries of the log
	m := casper.Vote{Round: casper.Round{Era: 3, ID: 4}, Value: true}
	before := clustertest.New(t, casper.PublicKey{1}, nil)
	for _, test := range []struct {
		what           string
		until, askedAt uint64
		right          bool
	}{
		{"asked long before", 700, 1, true},
		{"asked last", 700, 700, true},
		{"asked just after", 700, 701, false},
		{"asked now", 700, began, false},
		{"asked in the future", 700, math.MaxUint64, false},
		{"without a date", 700, 0, false},
		{"retired at the end of the log", began, began, true},
		{"no until", 0, 1, false},
		{"no until, no date", 0, 0, false},
		{"retired later than this log came", began + 1, 1, false},
		{"until for ever", math.MaxInt64, 1, false},
	} {
		after := clustertest.New(t, casper.PublicKey{1}, func(f *cluster.File) {
			f.Retired = []cluster.RetiredEntry{{Name: "node-a", Key: before.File.Nodes[0].Key, Until: test.until}}
		})
		verifier := after.File.VerifierAt(began)
		claimed := before.Dated(t, "node-a", m, test.askedAt)
		err := verifier.VerifyClaimed("node-a", m, test.askedAt, claimed)
		if test.right && err != nil || !test.right && !errors.Is(err, cluster.ErrRequestSignature) {
			t.Errorf("%s: %v", test.what, err)
		}
		refused := map[string]error{
			"as a new request":     verifier.VerifyRequest("node-a", m, test.askedAt, claimed),
			"as another node's":    verifier.VerifyClaimed("node-b", m, test.askedAt, claimed),
			"as of another date":   verifier.VerifyClaimed("node-a", m, test.askedAt/2+1, claimed),
			"not said what is old": after.File.Verifier().VerifyClaimed("node-a", m, test.askedAt, claimed),
		}
		if test.askedAt == 1 { // its half and one is itself
			delete(refused, "as of another date")
		}
		for how, err := range refused {
			if !errors.Is(err, cluster.ErrRequestSignature) {
				t.Errorf("%s, %s: %v", test.what, how, err)
			}
		}
	}
}

// TestRetiredNotes: a retired key of which nothing is taken is named, with what to do.
func TestRetiredNotes(t *testing.T) {
	f := &cluster.File{Retired: []cluster.RetiredEntry{
		{Name: "plain", Key: cluster.Key{1}},
		{Name: "later", Key: cluster.Key{2}, Until: 11},
		{Name: "fine", Key: cluster.Key{3}, Until: 10}}}
	for last, want := range map[uint64][]string{
		10: {`retired "plain": key 01 says no`,
			`retired "later": key 02 is taken until entry 11, and this log ended at 10`},
		math.MaxUint64: {`retired "plain"`},
	} {
		notes := f.RetiredNotes(last)
		if !slices.EqualFunc(notes, want, strings.HasPrefix) {
			t.Errorf("at %d: %q", last, notes)
		}
	}
}

// TestRetiredRead: an entry without `until`, as files of before have it, is read, and what is
// written is read again.
func TestRetiredRead(t *testing.T) {
	old := cluster.RetiredEntry{Name: "node-a", Key: make(cluster.Key, 32)}
	with := cluster.RetiredEntry{Name: "node-a", Key: append(make(cluster.Key, 31), 1), Until: 7}
	c := clustertest.New(t, casper.PublicKey{1}, func(f *cluster.File) { f.Retired = []cluster.RetiredEntry{old, with} })
	text, err := c.File.Encode()
	if err != nil {
		t.Fatal(err)
	}
	f, err := cluster.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Retired) != 2 || f.Retired[0].Until != 0 || f.Retired[1].Until != 7 {
		t.Errorf("read %+v", f.Retired)
	}
}
