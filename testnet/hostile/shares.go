package hostile

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"casper-cosigner/cosigner/frost"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
)

// Wanted is a signature that compromised cosigners want.
type Wanted struct {
	watermark.Claim        // a message, and a node's request for it
	Term            uint64 // in which the one who asks says that it leads
	Index           uint64 // of an entry of the log by which that holds the claim, as it says
}

// Gather makes the validator's signature from the shares of the compromised cosigners and of the
// honest ones that are named, who are asked for theirs by the first. It fails if one refuses.
func Gather(ctx context.Context, compromised []*Cosigner, honest []string, w Wanted) (casper.Signature, error) {
	caller := compromised[0]
	var set []frost.Commitment
	nonces := map[*Cosigner]*frost.Nonce{}
	for _, c := range compromised {
		nonce, err := c.share.Commit(rand.Reader)
		if err != nil {
			return casper.Signature{}, err
		}
		nonces[c] = nonce
		set = append(set, nonce.Commitment())
	}
	given := map[string]*cosignerv1.CommitResponse{}
	for _, name := range honest {
		commitment, answer, err := caller.commitment(ctx, name)
		if err != nil {
			return casper.Signature{}, fmt.Errorf("asking cosigner %s for a commitment: %w", name, err)
		}
		given[name] = answer
		set = append(set, commitment)
	}
	slices.SortFunc(set, func(a, b frost.Commitment) int { return cmp.Compare(a.ID, b.ID) })
	session, err := frost.NewSession(caller.share.Group(), w.Message.SignBytes(), set)
	if err != nil {
		return casper.Signature{}, err
	}
	shares := map[int][32]byte{}
	for c, nonce := range nonces {
		own, err := frost.NewSession(c.share.Group(), w.Message.SignBytes(), set)
		if err != nil {
			return casper.Signature{}, err
		}
		if shares[c.share.ID()], err = c.share.Sign(nonce, own); err != nil {
			return casper.Signature{}, err
		}
	}
	for _, name := range honest {
		share, err := caller.ask(ctx, name, given[name], set, w)
		if err != nil {
			return casper.Signature{}, fmt.Errorf("asking cosigner %s for a share: %w", name, err)
		}
		entry, _ := caller.Cluster.Cosigner(name)
		shares[entry.Share] = share
	}
	return session.Aggregate(shares)
}

// commitment asks an honest cosigner for a fresh commitment.
func (c *Cosigner) commitment(ctx context.Context, name string) (frost.Commitment, *cosignerv1.CommitResponse, error) {
	answer, err := cosignerv1.NewCosignerServiceClient(c.conns[name]).Commit(ctx,
		&cosignerv1.CommitRequest{Count: 1, ShareEpoch: c.epoch})
	if err != nil {
		return frost.Commitment{}, nil, err
	}
	if len(answer.GetCommitments()) != 1 {
		return frost.Commitment{}, nil, errors.New("it gave none")
	}
	one, entry := answer.GetCommitments()[0], cosignerEntry(c, name)
	commitment, err := frost.ParseEighths(c.share.Group(), entry, one.GetHidingEighth(), one.GetBindingEighth())
	return commitment, answer, err
}

func cosignerEntry(c *Cosigner, name string) int {
	entry, _ := c.Cluster.Cosigner(name)
	return entry.Share
}

// ask asks an honest cosigner for its share.
func (c *Cosigner) ask(ctx context.Context, name string, given *cosignerv1.CommitResponse, set []frost.Commitment,
	w Wanted) (share [32]byte, err error) {
	message, err := w.Message.AppendBinary(nil)
	if err != nil {
		return share, err
	}
	request := &cosignerv1.ShareRequest{
		Term: w.Term, Index: w.Index, ShareEpoch: c.epoch, Message: message,
		Node: w.Node, AskedAt: w.AskedAt, RequestSignature: w.Signature[:],
		SessionId: given.GetSessionId(), CommitmentIndex: given.GetCommitments()[0].GetIndex(),
	}
	for _, one := range set {
		e, _ := one.Eighths()
		request.Signers = append(request.Signers, &cosignerv1.SignerCommitment{ShareId: uint32(one.ID),
			Hiding: one.Hiding[:], Binding: one.Binding[:], HidingEighth: e.Hiding[:], BindingEighth: e.Binding[:]})
	}
	answer, err := cosignerv1.NewCosignerServiceClient(c.conns[name]).Share(ctx, request)
	if err != nil {
		return share, err
	}
	if copy(share[:], answer.GetShare()) != len(share) {
		return share, errors.New("a share of another length")
	}
	return share, nil
}
