package cosigner

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkLedgerClaim prints fsyncs per claim and the ratio of a claim's time
// to that of a bare write and fdatasync of one record in the same run.
func BenchmarkLedgerClaim(b *testing.B) {
	for _, parallel := range []int{1, 16, 64} {
		b.Run(map[int]string{1: "alone", 16: "16 at once", 64: "64 at once"}[parallel], func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "ledger")
			if err := CreateLedger(path, testDirectory, testFirst); err != nil {
				b.Fatal(err)
			}
			l, err := OpenLedger(LedgerConfig{Path: path, Directory: testDirectory, Fatal: func(err error) { b.Error(err) }})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			bare := bareSync(b)
			before := l.Stats().Syncs
			var next atomic.Uint64
			b.SetParallelism(parallel)
			if parallel == 1 {
				for b.Loop() {
					claimNext(b, l, &next)
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						claimNext(b, l, &next)
					}
				})
			}
			b.ReportMetric(float64(l.Stats().Syncs-before)/float64(b.N), "fsyncs/claim")
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(bare), "x-bare-fdatasync")
		})
	}
}

func claimNext(b *testing.B, l *Ledger, next *atomic.Uint64) {
	n := next.Add(1)
	if err := l.Claim(heightSlot(100+n), digest(int(n)), 0); err != nil {
		b.Fatal(err)
	}
}

// bareSync measures one record's write and fdatasync into allocated space.
func bareSync(b *testing.B) time.Duration {
	f, err := os.Create(filepath.Join(b.TempDir(), "bare"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	file := osFile{f}
	if _, err := f.Write(make([]byte, growBy)); err != nil {
		b.Fatal(err)
	}
	record := make([]byte, recordSize)
	const rounds = 500
	start := time.Now()
	for i := range rounds {
		if i == 1 {
			start = time.Now() // the first one pays for the allocation
		}
		if _, err := file.WriteAt(record, int64(i)*recordSize); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start) / (rounds - 1)
}
