package attest

import (
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
)

// Nodes is all nodes of the cluster file, and whether each is stock: holds the validator's key
// itself, and is given attestations and no signature.
type Nodes map[string]bool

// Stock reports whether some node is stock, so that attestations are of use to somebody.
func (n Nodes) Stock() bool { return n.some(true) }

// Signed reports whether some node holds no key, so that signatures are.
func (n Nodes) Signed() bool { return n.some(false) }

func (n Nodes) some(stock bool) bool {
	for _, is := range n {
		if is == stock {
			return true
		}
	}
	return false
}

// AgainstSigning returns what stands against giving the node a signature by its own request.
func (n Nodes) AgainstSigning(node string) refusal.Reason {
	if n[node] {
		return refusal.HasKey
	}
	return refusal.None
}

// AgainstClaiming returns what stands against granting the node the message, to sign it itself.
func (n Nodes) AgainstClaiming(node string, m casper.Message) refusal.Reason {
	if !n[node] {
		return refusal.HasNoKey
	}
	if _, ok := Of(m); !ok {
		return refusal.NotAttested
	}
	return refusal.None
}
