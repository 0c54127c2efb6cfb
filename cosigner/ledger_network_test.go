package cosigner

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/rule/held"
	"casper-cosigner/rule/watermark"
)

// TestSameNetwork: a reset for a restart of the network that is not after that of the last one here
// frees nothing, whatever log shows it, also after a start, and after the file was written anew. It
// is followed all the same.
func TestSameNetwork(t *testing.T) {
	for name, between := range map[string]func(r *rig){
		"at once": func(*rig) {},
		"started": (*rig).reopen,
		"compacted": func(r *rig) {
			r.compactAbove = 0
			era := r.Floor().Era
			for n := range 40 {
				r.must(r.Claim(echoSlot(era, uint32(n)), digest(1)))
			}
			r.must(r.Prune(watermark.Mark{Era: era + 1}))
			if r.next > 10 {
				t.Fatalf("%d records: the file was not written anew", r.next)
			}
			r.reopen()
		},
	} {
		r := newRig(t)
		r.must(r.Claim(heightSlot(240), digest(1)))
		old := watermark.Reset{Height: 240, Until: 250, Seen: watermark.Seen{From: 240, Bits: "\xff"}}
		of := func(count uint64) watermark.Reset { old.Count = count; return old }
		before := r.disk.name.data[5]
		frees, after := r.follows(5, of(1)), r.disk.name.data[5]
		if !frees || before != versionWithCount || after != versionWithNetwork {
			t.Errorf("%s: a first one frees: %v, the file is of version %d and then %d", name, frees, before, after)
		}
		r.must(r.Claim(heightSlot(240), digest(2))) // of the new chain
		for count, network := range []uint32{5, 4, 0} {
			between(r)
			floor, count := r.Floor(), uint64(2+count)
			if r.follows(network, of(count)) || r.Resets() != count || r.Floor() != floor {
				t.Errorf("%s: one for restart %d, and %d were made, floor %v", name, network, r.Resets(), r.Floor())
			}
			wantConflict(t, r.Claim(heightSlot(240), digest(3)), digest(2))
		}
		between(r)
		if !r.follows(6, of(5)) {
			t.Errorf("%s: it made none for the next restart", name)
		}
		r.must(r.Claim(heightSlot(240), digest(3)))
	}
}

// TestFollowSameNetwork: a log that was made up has a second reset for one restart of the network,
// which the operator signed by mistake. The ledger has followed, says so as an error, and keeps
// what it signed on the new chain.
func TestFollowSameNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told lockedBuffer
		c, s := besideLog(t, started3(120, 130))
		s.config.Logger = zerolog.New(&told)
		ledger, log := c.hosts[0].ledger, c.hosts[0].log.(*copyOfLog)
		run(t, s)
		time.Sleep(2 * time.Second)
		once, twice := signedReset(110, 1), signedReset(110, 2)
		once.Network = twice.Network
		log.append(t, once)
		time.Sleep(2 * time.Second)
		if err := ledger.Claim(heightSlot(120), digest(7)); err != nil || strings.Contains(told.String(), `"error"`) {
			t.Fatalf("%v, %s", err, told.String())
		}
		told.Reset()

		madeUp := started3(120, 130)
		madeUp.append(t, signedReset(110, 1), claimOf(finality(120)), twice)
		log.mu.Lock()
		log.state = madeUp.state
		log.mu.Unlock()
		time.Sleep(4 * time.Second)
		wantConflict(t, ledger.Claim(heightSlot(120), digest(8)), digest(7))
		if ledger.Resets() != 2 || s.Ready() != nil || strings.Count(told.String(), `"level":"error"`) != 1 {
			t.Errorf("%d resets, %v, told %s", ledger.Resets(), s.Ready(), told.String())
		}
		log.append(t, claimOf(finality(140)))
		if answer := judge(log, ledger, finality(140)); answer == held.Waits {
			t.Error("the log waits for a reset that the ledger has followed")
		}
		next := signedReset(110, 3)
		next.Until = 140
		log.append(t, next)
		time.Sleep(2 * time.Second)
		if err := ledger.Claim(heightSlot(120), digest(8)); err != nil || ledger.Resets() != 3 {
			t.Errorf("for the next restart: %v, %d resets", err, ledger.Resets())
		}
	})
}

// lockedBuffer is a log that is read while others write to it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *lockedBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}
