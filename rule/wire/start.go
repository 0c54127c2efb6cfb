package wire

import (
	"errors"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/custody"
)

// NodeStart is a start that a node's agent signed, on the wire and in the log.
func NodeStart(s custody.Signed) *cosignerv1.NodeStart {
	return &cosignerv1.NodeStart{Node: s.Node, Number: s.Number, Recipient: s.Recipient[:], Signature: s.Signature[:]}
}

// Start is the inverse of NodeStart. It verifies no signature.
func Start(m *cosignerv1.NodeStart) (custody.Signed, error) {
	s := custody.Signed{Start: custody.Start{Node: m.GetNode(), Number: m.GetNumber()}}
	err := errors.Join(Copy(s.Recipient[:], m.GetRecipient(), "recipient"),
		Copy(s.Signature[:], m.GetSignature(), "signature of a start"))
	return s, err
}
