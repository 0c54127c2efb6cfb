package daemon_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
)

// TestMeasuredTiming: the cosigners measure how far away the others are and tell it, and their
// timers become those of one host, if they are to follow that and not otherwise.
func TestMeasuredTiming(t *testing.T) {
	t.Parallel()
	for timing, heartbeat := range map[string]string{"measured": "0.3", "region": "0.6"} {
		l := newLocal(t, func(f *cluster.File) {
			quickPings(f)
			f.Timing = timing
		})
		address := freeAddress(t)
		l.writeCosigner("cosigner-1", func(f *daemon.CosignerFile) { f.Metrics = address })
		l.start(all[:3]...)
		l.waitMetric(address, `casper_cosigner_peer_rtt_seconds{peer="cosigner-2"}`)
		l.waitMetric(address, `casper_cosigner_peer_rtt_seconds{peer="cosigner-3"}`)
		for _, p := range l.status("cosigner-1").GetPeers() {
			if p.GetRttUs() == 0 || p.GetRttUs() > 1e6 {
				t.Errorf("%s is %d us away", p.GetName(), p.GetRttUs())
			}
		}
		want := "\ncasper_cosigner_raft_heartbeat_seconds " + heartbeat + "\n"
		for deadline := time.Now().Add(patience); !strings.Contains(scrape(t, address), want); {
			if time.Now().After(deadline) {
				t.Fatalf("%s: no%s in time", timing, want)
			}
			<-time.After(20 * time.Millisecond)
		}
		l.stopAll()
	}
}

func scrape(t *testing.T, address string) string {
	t.Helper()
	r, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
