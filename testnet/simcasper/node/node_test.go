package node

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"casper-cosigner/agent/health"
	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/zug"
)

// TestFormatDuration: what is written is what the product's parser reads.
func TestFormatDuration(t *testing.T) {
	for text, d := range map[string]time.Duration{
		"0s": 0, "8s": 8 * time.Second, "1s 20ms": 1020 * time.Millisecond, "1day 2h": 26 * time.Hour,
		"5days 13h 46m 54s 520ms": 133*time.Hour + 46*time.Minute + 54*time.Second + 520*time.Millisecond,
	} {
		if got := formatDuration(d); got != text {
			t.Errorf("%v: %q, want %q", d, got, text)
		}
		if got, err := health.ParseDuration(text); err != nil || got != d {
			t.Errorf("%q is read as %v, %v", text, got, err)
		}
	}
}

// keys collects the names in a JSON value, each with those above it.
func keys(at string, value any, into map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for name, below := range value {
			into[at+"."+name] = true
			keys(at+"."+name, below, into)
		}
	case []any:
		for _, one := range value {
			keys(at+"[]", one, into)
		}
	}
}

func keysOf(t *testing.T, text []byte) map[string]bool {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	keys("", value, all)
	return all
}

// TestStatusHasTheFieldsOfARealOne, no more and no fewer: else the product would read here what a
// real node does not say.
func TestStatusHasTheFieldsOfARealOne(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "agent", "health", "testdata", "status.json"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	n := New(Config{})
	n.chain = zug.Chain{Name: "test", Weights: []uint64{1}, Genesis: now, Block: time.Second, EraBlocks: 10}
	n.player = hub.Play(n.loop, zug.New(zug.Config{Chain: &n.chain}, now), func(zug.Output) {})
	n.staged, n.heard[1] = &hub.Upgrade{Era: 2, Version: "2.0.4"}, now
	ours, err := json.Marshal(n.status(now))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := keysOf(t, ours), keysOf(t, text); !maps.Equal(got, want) {
		t.Errorf("got %v, a real node has %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// TestEvents: a stream begins with the version and ends with Shutdown.
func TestEvents(t *testing.T) {
	e := newEventStream()
	e.version = "2.0.3"
	e.block(zug.Block{Height: 1})
	e.fault(casper.PublicKey{}, 7, time.UnixMilli(0))
	server := httptest.NewServer(e)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/events?start_from=1", nil)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	e.shutdown()
	e.block(zug.Block{Height: 2}) // too late
	var got []string
	err = health.ReadMessages(response.Body, 1000, func(m health.Message) error {
		got = append(got, m.ID+" "+m.Data)
		return nil
	})
	key := casper.PublicKey{}.String()
	want := []string{` {"ApiVersion":"2.0.3"}`,
		`1 {"Fault":{"era_id":7,"public_key":"` + key + `","timestamp":"1970-01-01T00:00:00.000Z"}}`, `2 "Shutdown"`}
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %q, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("event %d: %s, want %s", i, got[i], want[i])
		}
	}
}

// TestLog: a log gives back what was written, of consensus and of this era only, and up
// to a torn end.
func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), LogFile)
	l, old, err := openLog(path)
	if err != nil || len(old) != 0 {
		t.Fatal(old, err)
	}
	l.add(zug.Signed{Message: casper.Vote{Round: casper.Round{Era: 1}}})
	l.reset()
	vote := zug.Signed{Validator: 1, Message: casper.Vote{Round: casper.Round{Era: 2}, Value: true}}
	l.add(zug.BlockRequest{Height: 1})
	l.add(vote)
	l.add(vote)
	l.close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text[:len(text)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	l, old, err = openLog(path)
	if err != nil || len(old) != 1 || old[0] != vote {
		t.Errorf("read %+v, %v", old, err)
	}
	l.close()
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), JournalFile)
	if all, err := ReadJournal(path); len(all) != 0 || err != nil {
		t.Fatal(all, err)
	}
	for range 2 { // two lives of the node
		j, err := openJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		j.note(casper.Vote{Round: casper.Round{Era: 3, ID: 4}}, testnet.Answer{Kind: testnet.Refused, Reason: "NOT_ACTIVE",
			Took: 5 * time.Millisecond})
		j.close()
	}
	f, _ := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	f.WriteString(`{"at":1`)
	f.Close()
	all, err := ReadJournal(path)
	if err != nil || len(all) != 2 || all[1].Kind != "vote" || all[1].Era != 3 || all[1].Round != 4 || all[1].Given() ||
		all[1].Took != 5 {
		t.Errorf("read %+v, %v", all, err)
	}
}

func TestVerdict(t *testing.T) {
	for want, answers := range map[zug.Verdict][]testnet.Answer{
		zug.Granted: {{Kind: testnet.Signed}, {Kind: testnet.Bound}},
		zug.Refused: {{Kind: testnet.Unknown}, {Kind: testnet.Refused, Reason: "NOT_ACTIVE"},
			{Kind: testnet.Refused, Reason: "TOO_FAR_AHEAD"}},
		zug.Forbidden: {{Kind: testnet.Refused, Reason: "BELOW_FLOOR"}},
	} {
		for _, a := range answers {
			if got := verdict(a); got != want {
				t.Errorf("%+v: %d, want %d", a, got, want)
			}
		}
	}
}
