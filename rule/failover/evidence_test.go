package failover_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/watermark"
)

var keys = [2]ed25519.PrivateKey{ed25519.NewKeyFromSeed(slices.Repeat([]byte{1}, 32)),
	ed25519.NewKeyFromSeed(slices.Repeat([]byte{2}, 32))}

func publicKey(of ed25519.PrivateKey) casper.PublicKey {
	return casper.PublicKey(of.Public().(ed25519.PublicKey))
}

// signedBallot is a message as a node shows it, with the key's signature over what casper-node
// signs.
func signedBallot(key ed25519.PrivateKey, m casper.Message) casper.Ballot {
	b, _ := casper.BallotOf(m)
	b.Signature = casper.Signature(ed25519.Sign(key, m.SignBytes()))
	return b
}

// as has the ballot be of another instance, as casper-node writes evidence whose messages are of
// two.
func as(b casper.Ballot, of casper.Ballot) casper.Ballot {
	b.Instance = of.Instance
	return b
}

func pair(ballots ...casper.Ballot) (e failover.Evidence) {
	copy(e.Ballots[:], ballots)
	return e
}

// TestExamine: what evidence comes to, against the product's own table.
func TestExamine(t *testing.T) {
	ours, others := keys[0], keys[1]
	round := func(era uint64, id uint32) casper.Round {
		return casper.Round{Era: era, KeyBlock: casper.Hash{byte(era)}, ID: id, Validator: 3}
	}
	echo := func(era uint64, id uint32, value byte) casper.Message {
		return casper.Echo{Round: round(era, id), Proposal: casper.Hash{value}}
	}
	vote := func(era uint64, id uint32, yes bool) casper.Message {
		return casper.Vote{Round: round(era, id), Value: yes}
	}
	table := watermark.New(watermark.Mark{Era: 5})
	for _, m := range []casper.Message{echo(6, 4, 1), vote(6, 4, true), echo(7, 4, 2), vote(7, 4, true)} {
		if _, outcome, why := table.Claim(watermark.Claim{Message: m, Node: "a"}); outcome != watermark.Claimed {
			t.Fatal(why)
		}
	}
	own := func(m casper.Message) casper.Ballot { return signedBallot(ours, m) }
	moved := own(vote(7, 4, true))
	moved.Validator = 2
	unsigned := own(vote(7, 4, false))
	unsigned.Signature = casper.Signature{}
	for _, c := range []struct {
		name  string
		shown failover.Evidence
		want  failover.Proof
		era   uint64
		why   string
	}{
		{"nothing", failover.Evidence{}, failover.Unseen, 0, "unit_files"},
		{"nothing, and why", failover.Evidence{Error: "permission denied"}, failover.Unseen, 0, "permission denied"},
		{"a second vote", pair(own(vote(7, 4, true)), own(vote(7, 4, false))),
			failover.Proven, 7, "vote false"},
		{"a second echo, first", pair(own(echo(7, 4, 9)), own(echo(7, 4, 2))),
			failover.Proven, 7, "echo of 09"},
		{"two that nobody asked for", pair(own(vote(7, 5, true)), own(vote(7, 5, false))),
			failover.Proven, 7, "vote true"},
		{"one that nobody asked for, alone", pair(own(vote(7, 5, true))),
			failover.Proven, 7, "vote true"},
		{"another index", pair(own(casper.Vote{Value: true,
			Round: casper.Round{Era: 7, KeyBlock: casper.Hash{7}, ID: 4, Validator: 2}}), own(vote(7, 4, true))),
			failover.Proven, 7, "/2"},
		{"an echo of the era before, shown as of this one", pair(own(echo(6, 4, 1)),
			own(echo(7, 4, 2))), failover.False, 0, "not of one slot"},
		{"the same, as it is written", pair(own(echo(6, 4, 1)),
			as(own(echo(7, 4, 2)), own(echo(6, 4, 1)))), failover.False, 0, "signed 1 of the two"},
		{"an echo of an era before all, shown as of this one", pair(own(echo(3, 4, 1)),
			own(echo(7, 4, 2))), failover.False, 0, "not of one slot"},
		{"twice the same", pair(own(vote(7, 4, true)), own(vote(7, 4, true))),
			failover.False, 0, "not of one slot"},
		{"echo and vote", pair(own(echo(7, 4, 2)), own(vote(7, 4, true))),
			failover.False, 0, "not of one slot"},
		{"of another key", pair(signedBallot(others, vote(7, 4, true)),
			signedBallot(others, vote(7, 4, false))), failover.False, 0, "signed 0 of the two"},
		{"unsigned", pair(own(vote(7, 4, true)), unsigned), failover.False, 0,
			"signed 1 of the two"},
		{"another index, made up", pair(moved, own(vote(7, 4, true))), failover.False, 0,
			"signed 1 of the two"},
		{"no vote at all", pair(casper.Ballot{Kind: casper.KindVote, Value: casper.Hash{2}},
			casper.Ballot{Kind: casper.KindFinality}), failover.False, 0, "signed 0 of the two"},
		{"two of an era before all", pair(own(vote(4, 4, true)), own(vote(4, 4, false))),
			failover.TooOld, 0, "nothing to compare"},
		{"two of an era in which nobody asked", pair(own(vote(8, 4, true)),
			own(vote(8, 4, false))), failover.TooOld, 0, "nothing to compare"},
		{"one of an era before all, alone", pair(own(vote(4, 4, true))), failover.False, 0,
			"signed 1 of the two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := failover.Observation{Nodes: map[string]failover.Node{"a": {Fault: begin, Evidence: c.shown}, "b": {}}}
			seen.Examine(publicKey(ours).String(), table)
			got := seen.Findings["a"]
			if got.Proof != c.want || got.Era != c.era || !strings.Contains(got.Why, c.why) || len(seen.Findings) != 1 {
				t.Errorf("%+v", seen.Findings)
			}
		})
	}
}

// TestExamineWithoutAKey: what cannot be verified proves nothing, and clears nobody.
func TestExamineWithoutAKey(t *testing.T) {
	seen := failover.Observation{Nodes: map[string]failover.Node{"a": {Fault: begin}}}
	seen.Examine("01aa", watermark.New(watermark.Mark{}))
	if len(seen.Findings) != 0 {
		t.Errorf("%+v", seen.Findings)
	}
}

// TestBallotAsSigned: a ballot is verified over the bytes that casper-node signs, whoever
// builds them.
func TestBallotAsSigned(t *testing.T) {
	r := casper.Round{Chainspec: casper.Hash{1}, Era: 9, KeyBlock: casper.Hash{2}, ID: 3, Validator: 4}
	instance := r.Instance()
	le := binary.LittleEndian
	bytes := slices.Concat(le.AppendUint32(nil, 3), le.AppendUint64(nil, 32), instance[:],
		[]byte{1, 0, 0, 0, 1}, le.AppendUint32(nil, 4))
	digest := blake2b.Sum256(bytes)
	b, _ := casper.BallotOf(casper.Vote{Round: r, Value: true})
	b.Signature = casper.Signature(ed25519.Sign(keys[0], digest[:]))
	if !b.SignedBy(publicKey(keys[0])) || b.SignedBy(publicKey(keys[1])) {
		t.Error("its signature is another's")
	}
}
