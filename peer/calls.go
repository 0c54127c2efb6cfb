package peer

import (
	"maps"
	"slices"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// call is the terms of one method.
type call struct {
	request int // bytes of a request, at most
	answer  int // bytes of an answer, at most
	atOnce  int // calls of one cosigner that are answered at a time, whatever number of connections it has
	// passes is set for a node's request that one cosigner passes on to another. Nodes call it too,
	// and it shows no presence: the leader would take the same request from the node itself, who
	// passes it on adds nothing to it, and the answer is believed for the signature or the
	// attestations in it. So a cosigner on a lost state can do no more with it than a network.
	passes bool
	// anyState is set for the call that a cosigner may make whatever became of its state: it shows no
	// presence, and what is said by it counts by others' signatures. Its handler is told who calls.
	anyState bool
	// measures is set for the call whose answers tell how far away a cosigner is: it is made each ping
	// interval, and its handler waits for nothing.
	measures bool
}

const (
	kib = 1 << 10
	// manyAtOnce is what a connection carries at a time, and eight nodes with 128 requests each:
	// shares and commitments are asked for as requests come in.
	manyAtOnce = 1024
	// fewAtOnce is for what a cosigner asks one by one, with room for those that it no
	// longer waits for.
	fewAtOnce = 8
)

// calls is all that one cosigner may call of another. What is not in it is refused, on both sides.
//
// A share request holds one message and at most 15 commitments; 64 commitments answer one request
// for them; 256 signatures are kept at once; a node's report is a ping of at most 16 KiB, and there
// are at most eight; of each of 15 cosigners four statements are told, of some 350 bytes.
var calls = map[string]call{
	cosignerv1.CosignerService_Commit_FullMethodName: {request: kib, answer: 16 * kib, atOnce: manyAtOnce},
	cosignerv1.CosignerService_Share_FullMethodName:  {request: 8 * kib, answer: kib, atOnce: manyAtOnce},
	cosignerv1.CosignerService_Attest_FullMethodName: {request: kib, answer: kib, atOnce: manyAtOnce},
	cosignerv1.PeerService_Barrier_FullMethodName:    {request: kib, answer: kib, atOnce: fewAtOnce},
	cosignerv1.PeerService_Keep_FullMethodName:       {request: 64 * kib, answer: kib, atOnce: fewAtOnce},
	cosignerv1.PeerService_Gather_FullMethodName: {
		request: kib, answer: 256 * kib, atOnce: fewAtOnce, measures: true},
	cosignerv1.PeerService_Tell_FullMethodName: {
		request: 64 * kib, answer: 64 * kib, atOnce: fewAtOnce, anyState: true},

	cosignerv1.SignerService_Sign_FullMethodName: {
		request: 8 * kib, answer: 8 * kib, atOnce: manyAtOnce, passes: true},
	cosignerv1.ClaimService_Claim_FullMethodName: {
		request: 8 * kib, answer: 8 * kib, atOnce: manyAtOnce, passes: true},
	cosignerv1.SignerService_RegisterTLSPoint_FullMethodName: {
		request: 8 * kib, answer: 8 * kib, atOnce: manyAtOnce, passes: true},
}

// Methods returns the full names of all methods that one cosigner may call of another.
func Methods() []string { return slices.Sorted(maps.Keys(calls)) }
