package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// patience is how long is waited for what must come: only a failure takes it.
const patience = 25 * time.Second

// hooked is a hook that runs, and its log.
type hooked struct {
	*hook
	t    *testing.T
	path string // an empty directory

	mu   sync.Mutex
	logs bytes.Buffer
}

func (h *hooked) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logs.Write(p)
}

func (h *hooked) logged() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logs.String()
}

// runHook runs a hook that is a shell script, or the target if that is given. $1 of the script is
// an empty directory.
func runHook(t *testing.T, limit time.Duration, script string, target ...string) *hooked {
	h := &hooked{t: t, path: t.TempDir()}
	if script != "" {
		target = []string{"/bin/sh", "-c", script, "hook", h.path}
	}
	h.hook = newHook(target, zerolog.New(h))
	h.limit = limit
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { h.run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return h
}

// wait waits until the log, or a file in the hook's directory, holds the text.
func (h *hooked) wait(file, text string) {
	h.t.Helper()
	read := func() string {
		if file == "" {
			return h.logged()
		}
		b, _ := os.ReadFile(filepath.Join(h.path, file))
		return string(b)
	}
	for deadline := time.Now().Add(patience); !strings.Contains(read(), text); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("no %q in %q: %s; log: %s", text, file, read(), h.logged())
		}
	}
}

func numbered(epoch uint64) roleChange {
	return roleChange{Cosigner: "cosigner-1", Epoch: epoch, What: "activate", Subject: "node-b", Cause: "silent",
		Active: "node-b", Mode: "hot"}
}

// TestHookCommand: each change is told once, in order, one at a time, as a line of JSON; the
// output is logged.
func TestHookCommand(t *testing.T) {
	h := runHook(t, hookLimit, `mkdir "$1/busy" || echo "two at a time"; cat >> "$1/told"; echo heard; rmdir "$1/busy"`)
	const changes = 5
	for epoch := range uint64(changes) {
		h.tell(numbered(1 + epoch))
	}
	h.wait("", `"epoch":5,`)
	b, err := os.ReadFile(filepath.Join(h.path, "told"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if len(lines) != changes {
		t.Fatalf("got %s", b)
	}
	for i, line := range lines {
		var got roleChange
		if err := json.Unmarshal([]byte(line), &got); err != nil || got != numbered(uint64(1+i)) {
			t.Errorf("line %d: got %+v, %v", i, got, err)
		}
	}
	if log := h.logged(); strings.Count(log, `"output":"heard"`) != changes || strings.Contains(log, "two at a time") {
		t.Errorf("got %s", log)
	}
}

// TestHookFails: a failing hook is logged with what it said and what to do, and the next change is
// told all the same.
func TestHookFails(t *testing.T) {
	h := runHook(t, hookLimit, `echo "no such channel" >&2; exit 3`)
	h.tell(numbered(1))
	h.tell(numbered(2))
	h.wait("", `"epoch":2,`)
	log := h.logged()
	for _, want := range []string{`"level":"error"`, "exit status 3", "no such channel", "try it by hand"} {
		if strings.Count(log, want) != 2 {
			t.Errorf("no %q for each change in %s", want, log)
		}
	}
	absent := runHook(t, hookLimit, "", filepath.Join(t.TempDir(), "absent"))
	absent.tell(numbered(1))
	absent.wait("", "no such file")
}

// TestHookHangs: a hook that hangs keeps nobody waiting, is ended with what it started, and so is
// one that floods.
func TestHookHangs(t *testing.T) {
	h := runHook(t, 200*time.Millisecond, `read -r line
case $line in *'"epoch":1,'*) (sleep 1; echo "still there" > "$1/child") & sleep 600;; esac
echo "$line" >> "$1/told"`)
	for epoch := range uint64(2 * hookQueue) {
		h.tell(numbered(1 + epoch)) // must not block
	}
	h.wait("", "ended after at most 200ms")
	h.wait("", "the hook is too slow")
	h.wait("told", `"epoch":2,`)
	<-time.After(1200 * time.Millisecond)
	if b, err := os.ReadFile(filepath.Join(h.path, "child")); err == nil {
		t.Errorf("what it started is %s", b)
	}
	flood := runHook(t, 300*time.Millisecond, `yes`)
	flood.tell(numbered(1))
	flood.wait("", "ended after at most 300ms")
	if n := len(flood.logged()); n > 2*hookOutput {
		t.Errorf("%d bytes were logged", n)
	}
}

// TestHookURL: a change is sent as the body of a POST, and an answer that is no 2xx is a failure.
func TestHookURL(t *testing.T) {
	var got roleChange
	code := http.StatusNoContent
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" ||
			json.Unmarshal(b, &got) != nil {
			t.Errorf("got %s %v: %s, %v", r.Method, r.Header, b, err)
		}
		w.WriteHeader(code)
	}))
	defer server.Close()
	h := runHook(t, hookLimit, "", server.URL)
	h.tell(numbered(7))
	h.wait("", "the hook was told")
	if got != numbered(7) {
		t.Errorf("got %+v", got)
	}
	code = http.StatusBadGateway
	h.tell(numbered(8))
	h.wait("", "502 Bad Gateway")
}

// TestHookRedirects: what stands behind a redirection is not told, and does not count as told.
func TestHookRedirects(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		asked := make(chan string, 9)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked <- r.Method + " " + r.URL.Path
			if r.URL.Path == "/old" {
				http.Redirect(w, r, "/new", code)
			}
		}))
		h := runHook(t, hookLimit, "", server.URL+"/old")
		h.tell(numbered(1))
		h.wait("", "a redirection is not followed: set `hook` to where it leads, \\\"/new\\\"")
		if log := h.logged(); strings.Contains(log, "the hook was told") || !strings.Contains(log, `"level":"error"`) {
			t.Errorf("%d: it counts as told: %s", code, log)
		}
		server.Close()
		if first := <-asked; first != "POST /old" || len(asked) > 0 {
			t.Errorf("%d: asked %s and %d more", code, first, len(asked))
		}
	}
}

// TestNoHook: without a hook nothing is queued.
func TestNoHook(t *testing.T) {
	h := newHook(nil, zerolog.Nop())
	h.tell(numbered(1))
	if len(h.queue) != 0 {
		t.Error("a change was queued for nobody")
	}
}
