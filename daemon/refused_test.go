package daemon_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
)

// TestRefusedByAll: a cosigner that the others refuse says so, with their words: in /readyz, in a
// metric for each, and in its status.
func TestRefusedByAll(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	victim, metrics := "cosigner-3", freeAddress(t)
	l.write(victim, "cosigner.toml", daemon.CosignerFile{Name: victim, Cluster: "cluster.toml", Certificate: "tls.crt",
		Key: "tls.key", State: "state", Share: "share.age", ShareIdentity: "share.identity", Metrics: metrics})
	l.start(all...)
	a := l.node("node-a")
	l.mustSign(a, echo(1, 0, 1))
	figure := func(want string) bool { return strings.Contains(get(t, metrics, "/metrics"), want) }
	if !figure(`casper_cosigner_peer_refuses{peer="cosigner-1"} 0`) {
		t.Error("no figure of who refuses it while all is well")
	}
	_ = l.stop(victim)
	if err := os.RemoveAll(filepath.Join(l.path, victim, "state")); err != nil {
		t.Fatal(err)
	}
	l.initState(victim, watermark.Mark{})
	l.start(victim)
	deadline := time.Now().Add(patience)
	for !figure(`casper_cosigner_peer_refuses{peer="cosigner-1"} 1`) ||
		!figure(`casper_cosigner_peer_refuses{peer="cosigner-2"} 1`) {
		if time.Now().After(deadline) {
			t.Fatalf("nobody is told to refuse it: %s", get(t, metrics, "/metrics"))
		}
		<-time.After(50 * time.Millisecond)
	}
	ready := get(t, metrics, "/readyz")
	for _, want := range []string{
		"cosigner-1 refuses this one", "cosigner-2 refuses this one", "another state directory"} {
		if !strings.Contains(ready, want) {
			t.Errorf("/readyz lacks %q: %s", want, ready)
		}
	}
	r, err := l.admin(victim).Status(t.Context(), &cosignerv1.StatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.GetPeers() {
		if !strings.Contains(p.GetRefuses(), "another state directory") {
			t.Errorf("its status says of %s: %q", p.GetName(), p.GetRefuses())
		}
	}
}

// get returns a page of a metrics address, empty while nobody answers there.
func get(t *testing.T, address, path string) string {
	t.Helper()
	r, err := http.Get("http://" + address + path)
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
