package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"casper-cosigner/agent/health"
	"casper-cosigner/cluster"
	"casper-cosigner/rule/casper"
	"casper-cosigner/statedir"
)

// TestSighting refuses a node whose word about the chain is worth nothing.
func TestSighting(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	file := &cluster.File{Chain: "casper"}
	for _, tt := range []struct {
		name   string
		change func(*health.Status)
		want   string // part of the error, empty if there is none
	}{
		{"validating", func(*health.Status) {}, ""},
		{"following", func(s *health.Status) { s.State = "KeepUp" }, ""},
		{"just fresh enough", func(s *health.Status) { s.LastBlock.At = now.Add(-5 * time.Minute) }, ""},
		{"a clock slightly ahead", func(s *health.Status) { s.LastBlock.At = now.Add(2 * time.Second) }, ""},
		{"another chain", func(s *health.Status) { s.Chain = "casper-test" }, `it follows chain "casper-test"`},
		{"an unnamed chain", func(s *health.Status) { s.Chain = "" }, `it follows chain "unnamed"`},
		{"catching up", func(s *health.Status) { s.State = "CatchUp" }, "state CatchUp: it does not follow the chain yet"},
		{"leaving", func(s *health.Status) { s.State = "ShutdownForUpgrade" }, "state ShutdownForUpgrade"},
		{"no block", func(s *health.Status) { s.LastBlock = nil }, "it has no block yet"},
		{"a block without a time", func(s *health.Status) { s.LastBlock.At = time.Time{} }, "does not tell"},
		{"a block without a hash", func(s *health.Status) { s.LastBlock.Hash = "" }, "does not tell its last"},
		{"an old block", func(s *health.Status) { s.LastBlock.At = now.Add(-time.Hour) }, "block, 100, is 1h0m0s old"},
		{"a block of the future", func(s *health.Status) { s.LastBlock.At = now.Add(time.Minute) }, "which block is new"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status := health.Status{Chain: "casper", State: "Validate", SwitchBlock: "aa",
				LastBlock: &health.Block{Era: 7, Height: 100, Hash: "bb", At: now}}
			tt.change(&status)
			seen, err := sightingOf(status, file, now)
			switch {
			case tt.want == "" && (err != nil || seen.Last.Era != 7 || seen.Last.Height != 100 || seen.Ends):
				t.Errorf("%+v, %v", seen, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	ends := health.Status{Chain: "casper", State: "KeepUp", SwitchBlock: "bb",
		LastBlock: &health.Block{Era: 7, Height: 100, Hash: "bb", At: now}}
	if seen, err := sightingOf(ends, file, now); err != nil || !seen.Ends || seen.Next().Era != 8 {
		t.Errorf("a switch block: %+v, %v", seen, err)
	}
}

// fakeNode tells a chain at /status whose last block is 1000, in era 10, and ten blocks later once
// that long has passed.
func fakeNode(t *testing.T, stood time.Duration) (url string, asked *atomic.Int64) {
	return fakeChain(t, stood, 10)
}

// fakeChain is a fakeNode whose later block is in that era.
func fakeChain(t *testing.T, stood time.Duration, era uint64) (url string, asked *atomic.Int64) {
	begun, asked := time.Now(), new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		block, at := map[string]any{"era_id": 10, "height": 1000}, begun
		if time.Since(begun) >= stood {
			block, at = map[string]any{"era_id": era, "height": 1010}, time.Now()
		}
		block["hash"], block["timestamp"] = "aa", at.UTC().Format(time.RFC3339Nano)
		err := json.NewEncoder(w).Encode(map[string]any{"build_version": "2.0.3", "api_version": "2.0.0",
			"chainspec_name": "casper-example", "reactor_state": "Validate", "uptime": "1h", "last_added_block_info": block,
			"available_block_range": map[string]any{"low": 0, "high": 1000}, "latest_switch_block_hash": "bb"})
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

// newCosigners makes a cluster whose cosigners have their shares.
func newCosigners(t *testing.T) (dir string) {
	dir = filepath.Join(t.TempDir(), "new")
	for _, args := range [][]string{
		{"init", "--local", "--dir", dir, "--chain", "casper-example", "--validator-pem", testPEM, "--cosigner", "c1,c2,c3",
			"--node", "a"},
		{"keygen", "split", "--pem", testPEM, "--into", dir},
	} {
		if code, _, errOut := new(fakes).run(args...); code != 0 {
			t.Fatal(errOut)
		}
	}
	return dir
}

// TestInitFromNode: era and height are those of a block that was made after the answer, not of the
// node's word before it.
func TestInitFromNode(t *testing.T) {
	dir := newCosigners(t)
	url, _ := fakeNode(t, 3*time.Second)
	config := filepath.Join(dir, "c1", "cosigner.toml")
	code, out, errOut := new(fakes).run("cosigner", "init", "--config", config, "--from-node", url, "--yes")
	if code != 0 || !strings.Contains(errOut, "Waiting for a block made after ") ||
		!strings.Contains(out, "cosigner init --from-node http://THIS-HOST:") ||
		!strings.Contains(out, "THIS-HOST is an address of this host that the other one reaches") ||
		!strings.Contains(out, " --first-era 11 --first-height 1075 --again 11/1075") {
		t.Fatalf("code %d, %s%s", code, out, errOut)
	}
	identity, err := os.ReadFile(filepath.Join(dir, "c1", "state", "identity.json"))
	if err != nil || !bytes.Contains(identity, []byte("1075")) {
		t.Errorf("%s, %v", identity, err)
	}
}

// TestInitEraMoved: where the next era began meanwhile nothing is made: that era would pass without
// a message of ours.
func TestInitEraMoved(t *testing.T) {
	dir := newCosigners(t)
	url, _ := fakeChain(t, 3*time.Second, 11)
	config := filepath.Join(dir, "c1", "cosigner.toml")
	code, out, errOut := new(fakes).run("cosigner", "init", "--config", config, "--from-node", url, "--yes")
	if code != exitRefused || !strings.Contains(errOut, "in all of era 11 the validator would send no message") ||
		!strings.Contains(errOut, "--first-era 12 --first-height 1075") {
		t.Errorf("code %d, %s%s", code, out, errOut)
	}
	if _, err := os.Stat(filepath.Join(dir, "c1", "state")); !os.IsNotExist(err) {
		t.Errorf("something was made: %v", err)
	}
}

// TestRunAs: what is to be typed on the next host begins as what was typed here did.
func TestRunAs(t *testing.T) {
	users := []byte("root:x:0:0:root:/root:/bin/bash\ncasper-cosigner:x:998:998::/home:/usr/sbin/nologin\n")
	for uid, want := range map[int]string{998: "runuser -u casper-cosigner -- ", 0: "", 99: ""} {
		if got := runAs(users, uid); got != want {
			t.Errorf("as %d: %q", uid, got)
		}
	}
}

// TestInitChecked: a mark that is given is held against the node's word.
func TestInitChecked(t *testing.T) {
	dir := newCosigners(t)
	url, _ := fakeNode(t, time.Hour)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"--first-era 10 --first-height 1100 --yes", exitRefused, "--first-era 10 is not above the next block's, 10"},
		{"--first-era 11 --first-height 1001 --yes", exitRefused, "--first-height 1001 is not above the next block's, 1001"},
		{"--first-era 1 --first-height 1 --again 1/1", exitRefused, "--first-era 1 is not above"},
		{"--first-era 10011 --first-height 1100 --yes", exitUsage, "era 10011 and height 1100 are far above the chain"},
		{"--first-era 10011 --first-height 1100 --again 11/1100", exitRefused, `--again says "11/1100"`},
		{"--from-node " + gone.URL + " --yes", exitUnavailable, "node " + gone.URL + ": asking /status: "},
		{"--from-node nonsense --yes", exitUnavailable, `"nonsense" is not a base URL`},
	} {
		args := append([]string{"cosigner", "init", "--config", filepath.Join(dir, "c1", "cosigner.toml"),
			"--from-node", url}, strings.Fields(tt.args)...)
		code, out, errOut := new(fakes).run(args...)
		if code != tt.code || !strings.Contains(errOut, tt.want) {
			t.Errorf("%s: code %d, %s%s, want %d and %q", tt.args, code, out, errOut, tt.code, tt.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "c1", "state")); !os.IsNotExist(err) {
		t.Errorf("something was made: %v", err)
	}
}

// TestRestateChecked: what is stated instead is held against the node's word as well.
func TestRestateChecked(t *testing.T) {
	config := filepath.Join(newCosigners(t), "c1", "cosigner.toml")
	url, _ := fakeNode(t, time.Hour)
	if code, _, errOut := new(fakes).run("cosigner", "init", "--config", config, "--first-era", "99", "--first-height",
		"70", "--again", "99/70"); code != 0 {
		t.Fatal(errOut)
	}
	for args, want := range map[string]string{
		"--first-era 10 --first-height 1100 --yes":    "--first-era 10 is not above the next block's, 10",
		"--first-era 10011 --first-height 1100 --yes": "era 10011 and height 1100 are far above the chain",
	} {
		code, out, errOut := new(fakes).run(append([]string{"cosigner", "restate", "--config", config, "--from-node", url},
			strings.Fields(args)...)...)
		if code == 0 || !strings.Contains(errOut, want) {
			t.Errorf("%s: code %d, %s%s, want %q", args, code, out, errOut, want)
		}
	}
}

// TestRestateLooksFirst: what cannot be stated anew is refused before a node or anybody is asked.
func TestRestateLooksFirst(t *testing.T) {
	dir := newCosigners(t)
	config, state := filepath.Join(dir, "c1", "cosigner.toml"), filepath.Join(dir, "c1", "state")
	url, asked := fakeNode(t, time.Hour)
	restate := func(want string) {
		t.Helper()
		code, out, errOut := new(fakes).run("cosigner", "restate", "--config", config, "--from-node", url, "--yes")
		if code == 0 || !strings.Contains(errOut, want) || strings.Contains(errOut, "So stop each of them") {
			t.Errorf("code %d, %s%s, want %q", code, out, errOut, want)
		}
	}
	restate("no such file")
	if code, _, errOut := new(fakes).run("cosigner", "init", "--config", config, "--first-era", "99", "--first-height",
		"70", "--again", "99/70"); code != 0 {
		t.Fatal(errOut)
	}
	d, err := statedir.Open(state)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	restate("stop the cosigner on this host first")
	if n := asked.Load(); n > 0 {
		t.Errorf("the node was asked %d times", n)
	}
}

// TestInitInterrupted: while it waits for a block nothing is made, and an interrupt ends it.
func TestInitInterrupted(t *testing.T) {
	dir := newCosigners(t)
	url, asked := fakeNode(t, time.Hour)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for asked.Load() < 3 {
			time.Sleep(time.Millisecond) //nolint:forbidigo // until the program, in real time, asks again
		}
		cancel()
	}()
	root := newRoot()
	root.SetArgs([]string{"cosigner", "init", "--config", filepath.Join(dir, "c1", "cosigner.toml"), "--from-node", url,
		"--yes"})
	root.SetErr(new(bytes.Buffer))
	if err := root.ExecuteContext(ctx); err == nil || !strings.Contains(err.Error(), "interrupted, nothing was done") {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "c1", "state")); !os.IsNotExist(err) {
		t.Errorf("something was made: %v", err)
	}
}

// TestOldKeyIsTold: a node that signs as the validator may hold the PEM.
func TestOldKeyIsTold(t *testing.T) {
	key, err := casper.ParsePublicKey("01c6b1344a3fd2c89e1255d843d8535db28110ef49bf64efe0e284d288c7c18f42")
	if err != nil {
		t.Fatal(err)
	}
	var errOut bytes.Buffer
	c := cosignerInitCommand()
	c.SetErr(&errOut)
	f := firstFlags{node: "http://old"}
	f.warn(c, sighting{key: key.String()}, &cluster.File{Validator: key})
	f.warn(c, sighting{key: "01" + strings.Repeat("ab", 32)}, &cluster.File{Validator: key})
	if n := strings.Count(errOut.String(), "http://old signs as this validator"); n != 1 {
		t.Errorf("told %d times: %s", n, fmt.Sprint(&errOut))
	}
}
