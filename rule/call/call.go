// Package call is the terms of all that one cosigner may call of another: how much may be sent,
// how often, and whether the states of both have to be those that were seen before.
//
// It promises that a call which it does not list has no terms, so that whoever adds one has to say
// them. It leaves to others: who calls, counting what is under way, and what a state shows (package
// presence).
package call

import (
	"slices"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// Terms are those of one method.
type Terms struct {
	Request int // bytes of a request, at most
	Answer  int // bytes of an answer, at most
	AtOnce  int // calls of one cosigner that are answered at a time, whatever number of connections it has
	// Passes is set for a node's request that one cosigner passes on to another. Nodes call it too,
	// and it shows no presence: the leader would take the same request from the node itself, who
	// passes it on adds nothing to it, and the answer is believed for the signature or the
	// attestations in it. So a cosigner on a lost state can do no more with it than a network.
	Passes bool
	// AnyState is set for the call that a cosigner may make whatever became of its state: it shows no
	// presence, and what is said by it counts by others' signatures. Its handler is told who calls.
	AnyState bool
	// Measures is set for the call whose answers tell how far away a cosigner is: it is made each ping
	// interval, and its handler waits for nothing.
	Measures bool
}

// Compares reports whether who calls and who answers show their states, and are refused for them.
func (t Terms) Compares() bool { return !t.Passes && !t.AnyState }

const (
	kib = 1 << 10
	// manyAtOnce is what a connection carries at a time, and eight nodes with 128 requests each:
	// shares and commitments are asked for as requests come in.
	manyAtOnce = 1024
	// fewAtOnce is for what a cosigner asks one by one, with room for those that it no
	// longer waits for.
	fewAtOnce = 8
)

// Of returns the terms of a method, by its full name. Known is false for what one cosigner may not
// call of another, which is refused on both sides.
//
// A share request holds one message and at most 15 commitments; 64 commitments answer one request
// for them; 256 signatures are kept at once; a node's report is a ping of at most 16 KiB, and there
// are at most eight; of each of 15 cosigners four statements are told, of some 350 bytes.
func Of(method string) (t Terms, known bool) {
	switch method {
	case cosignerv1.CosignerService_Commit_FullMethodName:
		t = Terms{Request: kib, Answer: 16 * kib, AtOnce: manyAtOnce}
	case cosignerv1.CosignerService_Share_FullMethodName:
		t = Terms{Request: 8 * kib, Answer: kib, AtOnce: manyAtOnce}
	case cosignerv1.CosignerService_Attest_FullMethodName:
		t = Terms{Request: kib, Answer: kib, AtOnce: manyAtOnce}
	case cosignerv1.PeerService_Barrier_FullMethodName:
		t = Terms{Request: kib, Answer: kib, AtOnce: fewAtOnce}
	case cosignerv1.PeerService_Keep_FullMethodName:
		t = Terms{Request: 64 * kib, Answer: kib, AtOnce: fewAtOnce}
	case cosignerv1.PeerService_Gather_FullMethodName:
		t = Terms{Request: kib, Answer: 256 * kib, AtOnce: fewAtOnce, Measures: true}
	case cosignerv1.PeerService_Tell_FullMethodName:
		t = Terms{Request: 64 * kib, Answer: 64 * kib, AtOnce: fewAtOnce, AnyState: true}
	case cosignerv1.SignerService_Sign_FullMethodName, cosignerv1.ClaimService_Claim_FullMethodName,
		cosignerv1.SignerService_RegisterTLSPoint_FullMethodName:
		t = Terms{Request: 8 * kib, Answer: 8 * kib, AtOnce: manyAtOnce, Passes: true}
	}
	return t, t != Terms{}
}

// Methods returns the full names of all methods that one cosigner may call of another.
func Methods() []string {
	all := []string{cosignerv1.CosignerService_Commit_FullMethodName, cosignerv1.CosignerService_Share_FullMethodName,
		cosignerv1.CosignerService_Attest_FullMethodName, cosignerv1.PeerService_Barrier_FullMethodName,
		cosignerv1.PeerService_Keep_FullMethodName, cosignerv1.PeerService_Gather_FullMethodName,
		cosignerv1.PeerService_Tell_FullMethodName, cosignerv1.SignerService_Sign_FullMethodName,
		cosignerv1.ClaimService_Claim_FullMethodName, cosignerv1.SignerService_RegisterTLSPoint_FullMethodName}
	slices.Sort(all)
	return all
}
