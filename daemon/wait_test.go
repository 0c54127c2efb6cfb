package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// patience is how long is waited for what must come. Only a failure takes it, or a machine that has
// much else to do.
const patience = 25 * time.Second

// leader waits until one of the running cosigners leads and may sign.
func (l *local) leader() string {
	l.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		for name := range l.running {
			if _, ok := l.File.Cosigner(name); !ok {
				continue
			}
			if s := l.status(name); s.GetReady() && s.GetLeader() == name {
				return name
			}
		}
		<-time.After(20 * time.Millisecond)
	}
	l.t.Fatal("no leader in time")
	return ""
}

// waitPinned waits until a cosigner has durably pinned a peer to its directory.
func (l *local) waitPinned(name, peer string) {
	l.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		b, err := os.ReadFile(filepath.Join(l.path, name, "state", "peers.json"))
		if err == nil && bytes.Contains(b, []byte(`"`+peer+`"`)) {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%s has not met %s in time", name, peer)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// waitReady waits until the cosigner may give shares.
func (l *local) waitReady(name string) {
	l.t.Helper()
	deadline := time.Now().Add(patience)
	for !l.isReady(name) {
		if time.Now().After(deadline) {
			l.t.Fatalf("%s is not ready in time", name)
		}
		select {
		case <-l.running[name].ended:
			p := l.running[name]
			p.mu.Lock()
			defer p.mu.Unlock()
			l.t.Fatalf("%s ended: %v", name, errors.Join(p.err, p.fatal))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// staysUnready watches for two seconds, several elections long, that the cosigner is kept out.
func (l *local) staysUnready(name string) {
	l.t.Helper()
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); <-time.After(50 * time.Millisecond) {
		if l.isReady(name) {
			l.t.Fatalf("%s became ready", name)
		}
	}
}

func (l *local) isReady(name string) bool { return l.status(name).GetReady() }

// waitApplied waits until the cosigner has applied the log entry with the index.
func (l *local) waitApplied(name string, index uint64) {
	l.t.Helper()
	deadline := time.Now().Add(patience)
	for l.status(name).GetAppliedIndex() < index {
		if time.Now().After(deadline) {
			l.t.Fatalf("%s has not applied entry %d in time", name, index)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// status returns what the cosigner says of itself, nil if it does not answer.
func (l *local) status(name string) *cosignerv1.StatusResponse {
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Second)
	defer cancel()
	s, err := l.admin(name).Status(ctx, &cosignerv1.StatusRequest{})
	if err != nil {
		return nil
	}
	return s
}
