package health

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/rule/casper"
)

// TestOverTheNetwork: what is asked for, and over which connections.
func TestOverTheNetwork(t *testing.T) {
	validator := casper.PublicKey{1}
	status := answer(t, "", "")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.String() {
		case "GET /status":
			w.Write(status)
		case "GET /events?start_from=0":
			fmt.Fprintf(w, "data:%s\n\ndata:%s\nid:0\n\n", version, faultOf(validator, 9))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			t.Errorf("asked for %s %s", r.Method, r.URL)
		}
	}))
	defer server.Close()
	w := New(Config{REST: server.URL, Events: server.URL, Validator: validator, Logger: zerolog.Nop(), Now: time.Now})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		if h := w.Health(time.Now()); h.FaultAgoMs != nil && h.StatusAgoMs != nil {
			break
		}
		<-tick.C
	}
	if h := w.Health(time.Now()); h.GetFaultEra() != 9 || h.GetBlock().GetHeight() != 1204 {
		t.Errorf("health %v", h)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
