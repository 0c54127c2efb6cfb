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
	for _, name := range []string{"lan", "wan"} {
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
		t.Errorf("%d entries trail and a snapshot comes after %d: the older snapshot cannot be completed", c.trailing, c.threshold)
	}
}

func TestEveryFaultIsListed(t *testing.T) {
	_, err := Open(Config{Name: "d", Members: []Member{{Name: "a", Address: "x"}, {Name: "b", Address: "x"}, {Name: "c"}}})
	if err == nil {
		t.Fatal("opened")
	}
	for _, want := range []string{`"b" at "x"`, `"c" at ""`, `"d" is not a member`, "no path", "function is missing", "network"} {
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
