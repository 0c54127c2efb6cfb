package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"casper-cosigner/rule/casper"
)

// TestStatus: the node is asked once a second, and what it said last stays known while it fails.
func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &node{status: good(t)}
		r := watch(t, Config{REST: "http://node:8888/"}, n)
		after(10*time.Second - 1)
		if c := n.asked(); c.statuses != 10 || c.streams != 0 {
			t.Errorf("asked %+v", c)
		}
		h := r.Health(time.Now())
		if h.GetReactorState() != "Validate" || h.GetStatusAgoMs() != 999 || h.GetStatusError() != "" {
			t.Errorf("health %v", h)
		}
		n.says(refused)
		after(5*time.Second + 1)
		h = r.Health(time.Now())
		if h.GetReactorState() != "Validate" || h.GetStatusAgoMs() != 6000 || !strings.Contains(h.GetStatusError(),
			"connection refused") {
			t.Errorf("refused: health %v", h)
		}
		if strings.Contains(h.GetStatusError(), "node:8888") {
			t.Errorf("the error repeats the URL: %s", h.GetStatusError())
		}
		n.says(good(t))
		after(time.Second)
		if h = r.Health(time.Now()); h.GetStatusAgoMs() != 0 || h.StatusAgoMs == nil || h.GetStatusError() != "" {
			t.Errorf("answering again: health %v", h)
		}
		if r.told("does not tell") != 1 || r.told("tells its status") != 2 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// TestStatusHangs: a node that hangs has one request before it, is told to hang after 2 s, and its
// late answer counts.
func TestStatusHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := good(t)
		hangs := func(wake chan struct{}) func(context.Context) (int, string, error) {
			return func(ctx context.Context) (int, string, error) {
				select {
				case <-wake:
					return answers(ctx)
				case <-ctx.Done():
					return 0, "", ctx.Err()
				}
			}
		}
		wake := make(chan struct{})
		n := &node{status: hangs(wake)}
		r := watch(t, Config{REST: "http://node:8888"}, n)
		after(1999 * time.Millisecond)
		if h := r.Health(time.Now()); h.GetStatusError() != "" || h.StatusAgoMs != nil {
			t.Errorf("too early: %v", h)
		}
		after(time.Millisecond)
		if h := r.Health(time.Now()); !strings.Contains(h.GetStatusError(), "no answer within 2s") {
			t.Errorf("after 2 s: %v", h)
		}
		after(8 * time.Second)
		if c := n.asked(); c.statuses != 1 {
			t.Errorf("in 10 s asked %+v", c)
		}
		after(5 * time.Minute)
		if c := n.asked(); c.most != 1 || c.statuses > 12 {
			t.Errorf("asked %+v", c)
		}
		if h := r.Health(time.Now()); h.GetStatusError() == "" {
			t.Error("it is taken for well")
		}
		asked := n.asked().statuses
		close(wake)
		synctest.Wait()
		if h := r.Health(time.Now()); n.asked().statuses > asked+1 || h.GetStatusError() != "" || h.StatusAgoMs == nil {
			t.Errorf("awake: %d requests after %d, %v", n.asked().statuses, asked, h)
		}
		asked = n.asked().statuses
		if after(1500 * time.Millisecond); n.asked().statuses == asked {
			t.Error("it is asked no more")
		}
		n.says(hangs(nil))
		after(1500 * time.Millisecond) // the end comes while it hangs
	})
}

func TestStatusThatIsNone(t *testing.T) {
	tests := map[string]struct {
		code int
		text string
		err  error
		want string
	}{
		"too many requests": {http.StatusTooManyRequests, "{}", nil, "429"},
		"a redirection":     {http.StatusFound, "", nil, "302"},
		"not JSON":          {http.StatusOK, "\xff<html>", nil, "reading /status"},
		"too large":         {http.StatusOK, `{"x":"` + strings.Repeat("x", statusSize) + `"}`, nil, "more than"},
		"an error too long": {0, "", errors.New(strings.Repeat("é\xff", 5000)), "asking /status: é"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := watch(t, Config{REST: "http://node:8888"}, &node{
					status: func(context.Context) (int, string, error) { return test.code, test.text, test.err }})
				after(time.Millisecond)
				h := r.Health(time.Now())
				if !strings.Contains(h.GetStatusError(), test.want) || h.StatusAgoMs != nil || len(h.GetStatusError()) > errorSize {
					t.Errorf("health %v", h)
				}
				if _, err := proto.Marshal(h); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// pipe is an event stream into which a test writes.
func pipe() (*io.PipeWriter, func(context.Context) (io.ReadCloser, error)) {
	in, out := io.Pipe()
	return out, func(ctx context.Context) (io.ReadCloser, error) {
		context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
		return in, nil
	}
}

func write(t *testing.T, out io.Writer, events ...string) {
	t.Helper()
	for i, e := range events {
		if _, err := fmt.Fprintf(out, "data:%s\nid:%d\n\n", e, i); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
}

const version = `{"ApiVersion":"2.0.3"}`

func faultOf(key casper.PublicKey, era int) string {
	return fmt.Sprintf(`{"Fault":{"era_id":%d,"public_key":"%v","timestamp":"2030-01-02T03:04:05.678Z"}}`, era, key)
}

// TestEvents: a shutdown is known until the node runs again, a fault of our validator
// until the end.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		validator := casper.PublicKey{0xab, 0xcd}
		out, events := pipe()
		up := func(d string) func(context.Context) (int, string, error) {
			text := string(answer(t, "uptime", `"`+d+`"`))
			return func(context.Context) (int, string, error) { return http.StatusOK, text, nil }
		}
		n := &node{events: events, status: up("1h")}
		r := watch(t, Config{REST: "http://node:8888", Events: "http://node:9999", Validator: validator}, n)
		synctest.Wait()
		write(t, out, version, faultOf(casper.PublicKey{1}, 4), `{"Step":{}}`,
			strings.Repeat("x", 2*eventSize), `{"Fault":"what"}`)
		if h := r.Health(time.Now()); h.FaultAgoMs != nil || h.ShutdownAgoMs != nil {
			t.Errorf("nothing happened, and yet %v", h)
		}
		if r.told("cannot be read") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
		write(t, out, strings.Replace(faultOf(validator, 5), "abcd", "aBCd", 1)) // as nodes before 2.0 write keys
		after(3 * time.Second)
		write(t, out, faultOf(validator, 5), `"Shutdown"`)
		after(4 * time.Second)
		h := r.Health(time.Now())
		if h.GetFaultAgoMs() != 7000 || h.GetFaultEra() != 5 || h.GetShutdownAgoMs() != 4000 || h.ShutdownAgoMs == nil {
			t.Errorf("health %v", h)
		}
		n.says(up("1s"))
		after(time.Second)
		if h := r.Health(time.Now()); h.ShutdownAgoMs != nil || h.GetFaultAgoMs() != 8000 {
			t.Errorf("the node started again: %v", h)
		}
		write(t, out, `"Shutdown"`)
		n.says(up("1h"))
		after(3 * time.Second)
		r.Asked(echo(1, 1), signedAnswer)
		if h := r.Health(time.Now()); h.ShutdownAgoMs != nil || h.GetRounds().GetAgoMs() != 0 {
			t.Errorf("the node asks again: %v", h)
		}
		if r.told("our validator signed two values") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// keepAlive is what casper-node sends when nothing happens.
func keepAlive(t *testing.T, out io.Writer) {
	if _, err := io.WriteString(out, ":\n\n"); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// TestDeaf: a stream of which nothing comes any more counts as heard for a minute and not longer,
// whether its other end was heard before or has only taken the connection.
func TestDeaf(t *testing.T) {
	for name, begins := range map[string]bool{"a stream that dies": true, "a connection that is never answered": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out, events := pipe()
				n := &node{}
				n.events = func(ctx context.Context) (io.ReadCloser, error) {
					if begins && n.asked().streams == 1 {
						return events(ctx)
					}
					<-ctx.Done()
					return nil, ctx.Err()
				}
				r := watch(t, Config{Events: "http://node:9999"}, n)
				synctest.Wait()
				if begins {
					write(t, out, version)
					after(silence - time.Second)
					keepAlive(t, out)
				}
				after(silence - time.Millisecond)
				if h := r.Health(time.Now()); h.GetEventsError() != "" || n.asked().streams != 1 {
					t.Errorf("too early: %q, %d streams", h.GetEventsError(), n.asked().streams)
				}
				after(time.Millisecond)
				if h := r.Health(time.Now()); !strings.Contains(h.GetEventsError(), "nothing came for 1m0s") {
					t.Errorf("it is taken for heard: %q", h.GetEventsError())
				}
				after(retryFirst)
				if c := n.asked(); c.streams != 2 || r.told("are not heard") != 1 {
					t.Errorf("asked %+v\n%s", c, r.log)
				}
			})
		})
	}
}

// TestEventsOfAQuietNode: that nothing happens is no reason to ask anew.
func TestEventsOfAQuietNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, events := pipe()
		n := &node{events: events}
		r := watch(t, Config{Events: "http://node:9999"}, n)
		synctest.Wait()
		write(t, out, version)
		for range 4 * 60 * 24 {
			after(15 * time.Second)
			keepAlive(t, out)
		}
		if c := n.asked(); c != (counts{streams: 1}) || r.told("warn") != 0 {
			t.Errorf("asked %+v\n%s", c, r.log)
		}
	})
}

// TestEventsComeBack: a stream that breaks is taken up again soon, one that does not last
// ever later.
func TestEventsComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		n := &node{}
		validator := casper.PublicKey{1}
		n.events = func(context.Context) (io.ReadCloser, error) {
			at = append(at, time.Since(start))
			switch len(at) {
			case 1:
				return nil, errRefused
			case 7: // lasts
				in, out := io.Pipe()
				go func() {
					fmt.Fprintf(out, "data:%s\n\ndata:%s\n\n", version, faultOf(validator, 3))
					time.Sleep(time.Minute)
					out.Close()
				}()
				return in, nil
			}
			return io.NopCloser(strings.NewReader("data:" + version + "\n\n")), nil
		}
		r := watch(t, Config{Events: "http://node:9999", Validator: validator}, n)
		after(100 * time.Second)
		s := time.Second
		want := []time.Duration{0, s / 2, 3 * s / 2, 7 * s / 2, 15 * s / 2, 31 * s / 2, 47 * s / 2, // 7 lasts a minute
			84 * s, 85 * s, 87 * s, 91 * s, 99 * s}
		if fmt.Sprint(at) != fmt.Sprint(want) {
			t.Errorf("streams at %v\nwant       %v", at, want)
		}
		if h := r.Health(time.Now()); h.FaultAgoMs == nil {
			t.Error("the fault was missed")
		}
		if told := r.told("are not heard"); told != len(want) { // each of the others was a stream
			t.Errorf("told %d times:\n%s", told, r.log)
		}
	})
}

// TestEventsRefused: a node without an event stream is told of once.
func TestEventsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &node{events: func(context.Context) (io.ReadCloser, error) { return nil, errRefused }}
		r := watch(t, Config{Events: "http://node:9999"}, n)
		after(time.Hour)
		if c := n.asked(); r.told("are not heard") != 1 || c.streams < 400 {
			t.Errorf("asked %+v, log:\n%s", c, r.log)
		}
		if got := r.Node().EventsError; !strings.Contains(got, "refused") {
			t.Errorf("the report tells %q", got)
		}
	})
}

// TestNothingToWatch: what has no address is left alone, and is not taken for dead.
func TestNothingToWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &node{}
		r := watch(t, Config{}, n)
		after(time.Hour)
		h := r.Health(time.Now())
		if c := n.asked(); c != (counts{}) || h.GetStatusError() != "" || h.StatusAgoMs != nil || r.log.Len() > 0 {
			t.Errorf("asked %+v, %v, log:\n%s", c, h, r.log)
		}
	})
}

// TestClock: the times that are kept can be compared whatever the wall clock does meanwhile.
func TestClock(t *testing.T) {
	r := New(Config{Now: time.Now})
	r.Asked(echo(1, 1), nil)
	if kept := r.Node().Rounds.Asked.String(); !strings.Contains(kept, " m=") {
		t.Errorf("no monotonic reading in %s", kept)
	}
}

func TestValidate(t *testing.T) {
	fit := []Config{{}, {REST: "http://127.0.0.1:8888", Events: "https://[::1]:9999/base/",
		KeyFiles: []string{"/etc/casper/*/*.pem"}}}
	for _, c := range fit {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	unfit := Config{REST: "127.0.0.1:8888", Events: "ftp://127.0.0.1:9999", KeyFiles: []string{"/etc/[", "/etc/*"}}
	err := New(unfit).Run(t.Context())
	for _, want := range []string{"127.0.0.1:8888", `"ftp://127.0.0.1:9999"`, `"/etc/["`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %s", err, want)
		}
	}
	for _, base := range []string{"localhost:8888", "http://", "http://h:1?x=1", "http://h:1#x", "http://h:port"} {
		if (Config{Events: base}).Validate() == nil {
			t.Errorf("%q passed", base)
		}
	}
}
