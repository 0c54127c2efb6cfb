package cluster_test

import (
	"testing"
	"time"

	"casper-cosigner/cluster"
)

// TestSizes: what a threshold leaves, checked against sets of cosigners: two that sign have always
// one in common that is in nobody's hands.
func TestSizes(t *testing.T) {
	for n := 3; n <= 15; n++ {
		least := cluster.LeastThreshold(n)
		if 2*least <= n || 2*(least-1) > n {
			t.Errorf("%d cosigners: least threshold %d", n, least)
		}
		for threshold := least; threshold <= n; threshold++ {
			f := cluster.File{Threshold: threshold, Cosigners: make([]cluster.CosignerEntry, n)}
			lost, stolen, common := f.MayBeLost(), f.MayBeStolen(), 2*threshold-n
			if n-lost < threshold || n-lost-1 >= threshold {
				t.Errorf("%d of %d: %d may be lost", threshold, n, lost)
			}
			if stolen >= common || stolen+1 < common || stolen < 0 {
				t.Errorf("%d of %d: %d may be stolen, any two thresholds share %d", threshold, n, stolen, common)
			}
		}
	}
}

// TestIsOf: an authority is that of the file which has its certificate, however that is written.
func TestIsOf(t *testing.T) {
	own, err := cluster.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other, err := cluster.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	f := cluster.File{CACertificate: "written by hand:\n" + string(own.CertificatePEM()) + "\n"}
	if !own.IsOf(&f) || other.IsOf(&f) || own.IsOf(&cluster.File{}) {
		t.Errorf("own %v, other %v, none %v", own.IsOf(&f), other.IsOf(&f), own.IsOf(&cluster.File{}))
	}
}
