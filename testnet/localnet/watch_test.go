package localnet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
)

// A node whose event stream breaks off is asked again, from the beginning of what it holds.
func TestWatch(t *testing.T) {
	v := testKeys(1)[0]
	signature := func(height int) string {
		return fmt.Sprintf(
			"data:{\"FinalitySignature\":{\"V2\":{\"block_hash\":\"%v\",\"block_height\":%d,\"era_id\":1,\"public_key\":\"%v\"}}}\nid:%d\n\n",
			casper.Hash{}, height, v, height)
	}
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; r.URL.String() != "/events?start_from=0" {
			t.Errorf("asked for %v", r.URL)
		}
		switch asked {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			fmt.Fprint(w, "data:{\"ApiVersion\":\"2.0.3\"}\n\n", signature(1), "data:{\"Ste")
		default:
			fmt.Fprint(w, signature(1), signature(2))
		}
	}))
	defer server.Close()
	n := &Node{Name: "n", Events: strings.TrimPrefix(server.URL, "http://")}
	enough := errors.New("enough")
	var heights []uint64
	err := n.Watch(within(t, 10*time.Second), func(e Event) error {
		heights = append(heights, e.(FinalitySignature).Height)
		if len(heights) == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || !slices.Equal(heights, []uint64{1, 1, 2}) {
		t.Errorf("%v, heights %v", err, heights)
	}
}

func TestWatchEnds(t *testing.T) {
	n := &Node{Name: "n"}
	for _, event := range []string{`{"Fault":7}`, strings.Repeat("x", eventSize+1)} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "data:%s\n\n", event)
		}))
		n.Events = strings.TrimPrefix(server.URL, "http://")
		if err := n.Watch(within(t, 10*time.Second), func(Event) error { return nil }); err == nil ||
			errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%.20q, which cannot be read: %v", event, err)
		}
		server.Close()
	}
	if err := n.Watch(within(t, 50*time.Millisecond), func(Event) error {
		return nil
	}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a node that is gone: %v", err)
	}
}
