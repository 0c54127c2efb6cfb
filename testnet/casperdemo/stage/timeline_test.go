package stage

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
)

// at is a log's time stamp.
func at(second int) string { return fmt.Sprintf("2026-01-01T00:00:%02d.5Z", second) }

func eraLine(second int, number uint64, instance string) string {
	return fmt.Sprintf(`{"timestamp":%q,"level":"INFO","fields":{"message":"starting era","validators":"{}",`+
		`"start_height":"1","instance_id":%q,"era":%d},"target":"x"}`,
		at(second), instance, number)
}

func roundLine(second int, id uint32, leader int) string {
	return fmt.Sprintf(`{"timestamp":%q,"level":"INFO","fields":{"message":"started a new round","our_idx":0,`+
		`"round_id":%d,"leader":%d},"target":"x"}`,
		at(second), id, leader)
}

func tell(t *testing.T, lines ...string) *Story {
	t.Helper()
	s := &Story{}
	for _, line := range lines {
		if err := s.read([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestTimeline(t *testing.T) {
	s := tell(t,
		`{"timestamp":"2026-01-01T00:00:00Z","fields":{"message":"something else","round_id":"text"}}`,
		eraLine(1, 1, "a97f..89d2"), roundLine(5, 1, 2), roundLine(9, 2, 3),
		eraLine(13, 2, "0123..cdef"),
		roundLine(14, 3, 0), // of the era that is over
		roundLine(17, 1, 1),
	)
	var got []string
	for _, r := range s.rounds {
		got = append(got, fmt.Sprint(r.Name(), " ", r.Leader, " ", r.Start.Second()))
	}
	want := []string{"1/0 -1 1", "1/1 2 5", "1/2 3 9", "2/0 -1 13", "1/3 0 14", "2/1 1 17"}
	if !slices.Equal(got, want) {
		t.Errorf("rounds %q, want %q", got, want)
	}
	if newest, ok := s.Newest(); !ok || newest.Name() != (RoundID{2, 1}) {
		t.Errorf("the newest is %v", newest.Name())
	}
	if r, ok := s.before(second(9)); !ok || r.Name() != (RoundID{1, 2}) {
		t.Errorf("the last round at the start of 1/2 is %v", r.Name())
	}
	if r, ok := s.before(second(0)); ok {
		t.Errorf("before the first round there was %v", r.Name())
	}
	index := s.Index()
	if end := index[RoundID{1, 1}].End; end.Second() != 9 {
		t.Errorf("round 1/1 ends at %v", end)
	}
	if end := index[RoundID{2, 1}].End; !end.IsZero() {
		t.Errorf("the last round ends at %v", end)
	}
	for instance, want := range map[string]uint64{
		"a97f" + strings.Repeat("0", 56) + "89d2": 1,
		"0123" + strings.Repeat("0", 56) + "cdef": 2,
		"a97f" + strings.Repeat("0", 56) + "cdef": 0,
	} {
		if got, ok := s.eraOf(instance); got != want || ok != (want != 0) {
			t.Errorf("instance %s is of era %d, %v; want %d", instance, got, ok, want)
		}
	}
}

func TestNoRoundYet(t *testing.T) {
	s := tell(t, roundLine(1, 1, 0))
	if _, ok := s.Newest(); ok {
		t.Error("a round of no era was taken up")
	}
}

func TestRequests(t *testing.T) {
	hash := strings.Repeat("7, ", 31) + "8"
	s := tell(t,
		`{"timestamp":"2026-01-01T00:00:01Z","fields":{"message":"asked for a signature","kind":"vote","slot":"vote era 1 `+
			`round 2 instance 7d9f81ac/2","outcome":"signed","why":"","micros":2345}}`,
		`{"timestamp":"2026-01-01T00:00:02Z","fields":{"message":"asked for a signature","kind":"echo","slot":"x",`+
			`"outcome":"refused","why":"not the active node","micros":1}}`,
		`{"timestamp":"2026-01-01T00:00:03Z","fields":{"message":"the other node has signed first","request":"ZugEcho { `+
			`round: ZugRound { chainspec_hash: [`+hash+
			`], era_id: 12, key_block_hash: [1, 2], round_id: 34, validator_index: 3 }, proposal_hash: [9] }",`+
			`"bound":"ZugEcho {}"}}`,
	)
	if len(s.Asked) != 2 || s.Asked[0].Took != 2345*time.Microsecond || !s.Asked[0].Answered() || s.Asked[1].Answered() {
		t.Errorf("asked %+v", s.Asked)
	}
	want := casper.Hash{}
	for i := range want {
		want[i] = 7
	}
	want[31] = 8
	if len(s.Bound) != 1 || s.Bound[0].Round != (RoundID{12, 34}) || s.Bound[0].Chainspec != want {
		t.Errorf("bound %+v", s.Bound)
	}
	for _, bad := range []string{"", "ZugVote { round: ZugRound { era_id: 1 } }",
		"chainspec_hash: [1, 2], era_id: 1, round_id: 2", "chainspec_hash: [x], era_id: 1, round_id: 2"} {
		if _, err := parseRequest(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// A line may be half written when it is read.
func TestRunLogReadsOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run-1.log")
	text := eraLine(1, 1, "a") + "\n" + roundLine(5, 1, 2) + "\n" + roundLine(9, 2, 3) + "\n"
	r := RunLog{path: path}
	for cut := 0; cut <= len(text); cut += 7 {
		if err := os.WriteFile(path, []byte(text[:cut]), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.update(); err != nil {
			t.Fatalf("after %d bytes: %v", cut, err)
		}
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.update(); err != nil || len(r.rounds) != 3 {
		t.Errorf("%d rounds, want 3; %v", len(r.rounds), err)
	}
}
