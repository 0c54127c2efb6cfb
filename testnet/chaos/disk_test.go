package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casper-cosigner/testnet"
)

// A process that writes on and on must run into the limit, say so in its log, which is longer than
// the limit, and end.
func TestALimitEndsWhoWritesBeyondIt(t *testing.T) {
	dir := t.TempDir()
	const why = "the disk takes no more than that"
	script := "trap '' XFSZ; while echo much >>" + filepath.Join(dir, "file") + "; do sleep 0.01; done; echo " + why
	p := &testnet.Process{Name: "writer", Path: "/bin/sh", Log: filepath.Join(dir, "log"), Args: []string{"-c", script}}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := p.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer p.Kill() //nolint:errcheck // it ends with the context too
	if err := limitFiles(p, 20); err != nil {
		t.Fatal(err)
	}
	for len(p.Restarts()) == 0 {
		if err := testnet.Pause(ctx, 10*time.Millisecond); err != nil {
			t.Fatal("it writes on")
		}
	}
	if said := p.Restarts()[0]; !strings.HasSuffix(said, why) {
		t.Errorf("it ended, and said %q", said)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := limitFiles(p, 20); err != nil {
		t.Errorf("limiting what has ended: %v", err)
	}
}
