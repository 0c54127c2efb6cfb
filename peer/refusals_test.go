package peer

import (
	"errors"
	"maps"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// TestRefusedBy: who refuses this cosigner is known by the call that each answers, and until it
// does answer. What breaks a connection, or another call, says nothing of it.
func TestRefusedBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(t)
		const gather, barrier = cosignerv1.PeerService_Gather_FullMethodName, cosignerv1.PeerService_Barrier_FullMethodName
		refusal := status.Error(codes.PermissionDenied, "refusing cosigner c1: it shows an older start")
		for _, step := range []struct {
			name, method string
			fails        error
			want         string
		}{
			{"at first", gather, nil, ""},
			{"another call is refused", barrier, refusal, ""},
			{"refused", gather, refusal, "refusing cosigner c1: it shows an older start"},
			{"gone", gather, status.Error(codes.Unavailable, "gone"), "refusing cosigner c1: it shows an older start"},
			{"another call is answered", barrier, nil, "refusing cosigner c1: it shows an older start"},
			{"answered", gather, nil, ""},
			{"no member", gather, status.Error(codes.Unauthenticated, "no member"), "no member"},
			{"answered again", gather, nil, ""},
			{"another version", gather, status.Error(codes.InvalidArgument, "no presence"), "no presence"},
		} {
			a.call(step.method, 0, step.fails)
			want := map[string]string{}
			if step.want != "" {
				want["c2"] = step.want
			}
			if got := a.RefusedBy(); !maps.Equal(got, want) {
				t.Errorf("%s: %v, want %v", step.name, got, want)
			}
		}
		a.Refused("c3", errors.New("bad certificate"))
		if got := a.RefusedBy(); len(got) != 2 || got["c3"] == "" {
			t.Errorf("a refused certificate: %v", got)
		}
	})
}
