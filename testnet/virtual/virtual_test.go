//go:build !race

package virtual

import (
	"crypto/ed25519"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/history"
)

var (
	seedFlag  = flag.Uint64("seed", 1, "play from this seed on")
	seedsFlag = flag.Int("seeds", 3, "how many seeds to play")
)

const (
	cosigners  = 3
	clients    = 3                      // of each node
	length     = 10 * time.Second       // with faults
	apart      = time.Second            // two faults, at most
	awayFor    = 2 * time.Second        // at most
	latest     = 200 * time.Millisecond // every byte, at most
	farthest   = time.Hour              // a clock jumps, either way
	lastWithin = 10 * time.Minute       // for every slot once more, most of which take two askings at sites apart
	lookAgain  = 10 * time.Millisecond
)

// TestRealRaftUnderFaults plays seeds and judges what their clients saw, from the file.
func TestRealRaftUnderFaults(t *testing.T) { play(t, oneSite, *seedsFlag) }

// play plays so many seeds in a cluster whose cosigners are so far apart.
func play(t *testing.T, s sites, seeds int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "node-1.secret_key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := casper.ParseSecretKeyPEM(text)
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(secret[:])
	for i := range seeds {
		r, start := run{s, *seedFlag + uint64(i)}, time.Now()
		path := filepath.Join(t.TempDir(), "history.jsonl")
		var err error
		// What fails in there would keep the history from being judged.
		synctest.Test(t, func(t *testing.T) { err = record(t, r, key, path) })
		if err != nil {
			t.Errorf("seed %d: %v", r.seed, err)
		}
		judge(t, r, path)
		t.Logf("seed %d took %v", r.seed, time.Since(start).Round(time.Millisecond))
	}
}

// record plays one seed.
func record(t *testing.T, r run, key ed25519.PrivateKey, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	out := history.NewRecorder(f, history.Header{Validator: casper.PublicKey(key.Public().(ed25519.PublicKey)),
		Seed: r.seed, For: length.String()})
	w := newWorld(t, r, key, out)
	faults, planned := plan(r.seed, []string{testnet.Main, testnet.Standby}), map[string]int{}
	for _, f := range faults {
		planned[f.kind]++
	}
	done, err := w.storm(faults)
	t.Logf("seed %d: faults: %s", r.seed, history.Counts(done))
	return errors.Join(err, history.TooRare(planned, done), w.last(), w.close(), out.Close(), f.Close())
}

func judge(t *testing.T, r run, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h, err := history.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	v := history.Check(h)
	held := v.Print(&text)
	t.Log(strings.TrimSpace(text.String()))
	if v.Finished < v.Slots/r.room {
		t.Errorf("seed %d: only %d of %d slots were signed while there were faults: they leave no room",
			r.seed, v.Finished, v.Slots)
	}
	if !held {
		t.Errorf("seed %d: its history does not hold; to judge it again: bin/chaos check %s", r.seed, keep(t, path))
	}
}

// keep copies a history to where it outlives the test.
func keep(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.CreateTemp("", "history-*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	_, err = kept.Write(text)
	if err = errors.Join(err, kept.Close()); err != nil {
		t.Fatal(err)
	}
	return kept.Name()
}
