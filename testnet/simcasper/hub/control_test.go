package hub

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"casper-cosigner/testnet/zug"
)

// TestOver: a hub that ends has no report, not an empty one, and carries out no command.
func TestOver(t *testing.T) {
	h := New(Config{Version: "2.0.3", Transcript: io.Discard, Chain: zug.Chain{Name: "test", EraBlocks: 10}}, time.Now())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.loop.Run(ctx)
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/report", http.StatusServiceUnavailable},
		{http.MethodPost, "/cut?node=0", http.StatusServiceUnavailable},
		{http.MethodPost, "/upgrade?era=2&version=2.0.4", http.StatusServiceUnavailable},
		{http.MethodPost, "/cut?node=2", http.StatusBadRequest},
	} {
		w := httptest.NewRecorder()
		h.commands().ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.want {
			t.Errorf("%s: %d %s", c.path, w.Code, w.Body)
		}
	}
}
