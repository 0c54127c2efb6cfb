package health

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// TestUndrilled: what would get no key is told as long as it is so, and logged once.
func TestUndrilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var what atomic.Value
		what.Store("2.2.2 was not drilled")
		log := new(bytes.Buffer)
		w := New(Config{Undrilled: func() string { return what.Load().(string) }, Logger: zerolog.New(log), Now: time.Now})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		check := func(want string, lines int) {
			t.Helper()
			time.Sleep(3 * programsEvery)
			synctest.Wait()
			if got := w.Health(time.Now()).GetUndrilled(); got != want {
				t.Errorf("%q, want %q", got, want)
			}
			if got := strings.Count(log.String(), "drill"); want != "" && strings.Count(log.String(), want) != lines {
				t.Errorf("%d lines: %s", got, log)
			}
		}
		check("2.2.2 was not drilled", 1)
		what.Store("")
		check("", 0)
		what.Store("2.2.3 was not drilled")
		check("2.2.3 was not drilled", 1)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestUnknown: what is not known of instances is told with the rest.
func TestUnknown(t *testing.T) {
	w := New(Config{Unknown: func(time.Time) string { return "no peer tells" }, Now: time.Now})
	if got := w.Health(time.Now()).GetUnknownInstance(); got != "no peer tells" {
		t.Errorf("%q", got)
	}
}
