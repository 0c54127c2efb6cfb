package hostile

import (
	"context"
	"errors"
	"fmt"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
)

// Attest makes attestations by the compromised cosigners, whatever their logs held, and asks the
// honest ones that are named for theirs, by the first. It returns all that it got, and why it did
// not get others.
func Attest(ctx context.Context, compromised []*Cosigner, honest []string, w Wanted) (all []attest.Attestation,
	err error) {
	holding, ok := attest.Of(w.Message)
	if !ok {
		return nil, errors.New("that fills no slot of a round")
	}
	for _, c := range compromised {
		all = append(all, c.Cluster.Attesters().Sign(c.Key(), c.Name, holding))
	}
	message, err := w.Message.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	for _, name := range honest {
		answer, failed := cosignerv1.NewCosignerServiceClient(compromised[0].conns[name]).Attest(ctx,
			&cosignerv1.AttestRequest{Term: w.Term, Index: w.Index, Message: message, Node: w.Node, AskedAt: w.AskedAt,
				RequestSignature: w.Signature[:]})
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("asking cosigner %s for an attestation: %w", name, failed))
			continue
		}
		one := attest.Attestation{Cosigner: name}
		copy(one.Signature[:], answer.GetSignature())
		all = append(all, one)
	}
	return all, err
}
