package raftstore

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"
)

func TestProfilesAreSound(t *testing.T) {
	for _, name := range []string{"lan", "region", "wan", Measured} {
		timing, err := Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		c := Config{Name: "a", Timing: timing, compaction: defaultCompaction(), Now: time.Now}
		if err := raft.ValidateConfig(c.raft(newHCLogger(c.Log, c.Now))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Profile("moon"); err == nil {
		t.Error("there is no such profile")
	}
	if c := defaultCompaction(); c.trailing <= c.threshold {
		t.Errorf("%d entries trail and a snapshot comes after %d: the older snapshot cannot be completed",
			c.trailing, c.threshold)
	}
}

func TestEveryFaultIsListed(t *testing.T) {
	_, err := Open(Config{Name: "d", Voters: Voters{{Name: "a", Address: "x"}, {Name: "b", Address: "x"}, {Name: "c"}}})
	if err == nil {
		t.Fatal("opened")
	}
	for _, want := range []string{`"b" at "x"`, `"c" at ""`, `"d" is not a voter`, "no path", "function is missing",
		"network"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

func TestLibraryLog(t *testing.T) {
	var out bytes.Buffer
	now := time.UnixMilli(0)
	l := newHCLogger(zerolog.New(&out).Level(zerolog.DebugLevel), func() time.Time { return now })
	l.Trace("trace")
	l.Debug("debug")
	l.Info("info", "n", 1, "odd")
	l.Warn("warn", "error", errors.New("broken"), "servers", hclog.Fmt("%d of %d", 1, 2))
	l.Warn("warn")
	l.Named("x").With("y", 1).Error("error")
	now = now.Add(repeatAfter)
	l.Warn("warn")
	want := strings.Join([]string{
		`{"level":"debug","part":"raft","n":"1","message":"info"}`,
		`{"level":"warn","part":"raft","error":"broken","servers":"1 of 2","message":"warn"}`,
		`{"level":"error","part":"raft","message":"error"}`,
		`{"level":"warn","part":"raft","message":"warn"}`, "",
	}, "\n")
	if out.String() != want {
		t.Errorf("logged\n%swant\n%s", out.String(), want)
	}
}

type timeout struct{ error }

func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

func TestVotesAreAskedForAgain(t *testing.T) {
	stale := errors.New("stale connection")
	for what, c := range map[string]struct {
		answers []error
		calls   int
		want    error
	}{
		"at once":     {[]error{nil}, 1, nil},
		"stale pool":  {[]error{stale, stale, nil}, 3, nil},
		"not there":   {[]error{stale, stale, stale, nil}, 3, stale},
		"no answer":   {[]error{timeout{stale}, nil}, 1, timeout{stale}},
		"stale, mute": {[]error{stale, timeout{stale}, nil}, 2, timeout{stale}},
	} {
		calls := 0
		err := again(func() error {
			calls++
			return c.answers[calls-1]
		})
		if calls != c.calls || err != c.want {
			t.Errorf("%s: %d calls, %v, want %d, %v", what, calls, err, c.calls, c.want)
		}
	}
}
