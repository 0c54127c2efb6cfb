package peer

import (
	"maps"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// refusals are the other cosigners that refuse this one, and why. The zero value is ready for use.
type refusals struct {
	mu sync.Mutex
	by map[string]string
}

// note takes in what became of a call to the named cosigner that it answers whoever it takes for a
// cosigner. A connection that broke, or an answer that did not come, says nothing.
func (r *refusals) note(name string, err error) {
	switch status.Code(err) {
	case codes.OK:
		r.set(name, "")
	case codes.PermissionDenied, codes.Unauthenticated, codes.InvalidArgument:
		r.set(name, status.Convert(err).Message())
	}
}

func (r *refusals) set(name, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[string]string{}
	}
	if r.by[name] = why; why == "" {
		delete(r.by, name)
	}
}

// RefusedBy returns the other cosigners that refused this one when they were asked last, and why:
// for its state, its certificate or its version. One of them may lie.
func (a *Admission) RefusedBy() map[string]string {
	a.refusals.mu.Lock()
	defer a.refusals.mu.Unlock()
	return maps.Clone(a.refusals.by)
}

// Refused notes that the named cosigner does not take our certificate.
func (a *Admission) Refused(name string, err error) {
	a.refusals.set(name, "it does not take this cosigner's certificate: "+err.Error())
}
