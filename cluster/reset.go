package cluster

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"

	"casper-cosigner/rule/watermark"
)

// ErrResetSignature says that a reset of the heights is not signed by the operator that it names.
var ErrResetSignature = errors.New("the reset of the heights is not signed by the operator that it names")

// SignReset signs a reset of the heights with an operator's key.
func (f *File) SignReset(key ed25519.PrivateKey, r watermark.Reset) [64]byte {
	return [64]byte(ed25519.Sign(key, f.resetText(r)))
}

// VerifyReset returns ErrResetSignature unless an operator of this file signed the reset, for this
// cluster.
func (f *File) VerifyReset(r watermark.Reset) error {
	m, ok := f.Member(r.Operator)
	if !ok || m.Role != Operator {
		return fmt.Errorf("%q is no operator in the cluster file: %w", r.Operator, ErrResetSignature)
	}
	if !ed25519.Verify(ed25519.PublicKey(m.Key), f.resetText(r), r.Signature[:]) {
		return ErrResetSignature
	}
	return nil
}

// resetText is the head, then first and last height, the three numbers of the network's version,
// index, count, first era and height, the lowest height that was seen, the length of what was
// seen and of what each ledger held (8 bytes each, little-endian), both, and the reason.
func (f *File) resetText(r watermark.Reset) []byte {
	b := f.head(resetTag, r.Operator)
	v := r.Network
	for _, n := range []uint64{r.Height, r.Until, uint64(v.Major), uint64(v.Minor), uint64(v.Patch), r.SeenAt, r.Count,
		r.First.Era, r.First.Height, r.From, uint64(len(r.Bits)), uint64(len(r.Ledgers))} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return append(append(append(b, r.Bits...), r.Ledgers...), r.Reason...)
}
