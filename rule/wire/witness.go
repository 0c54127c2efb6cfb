package wire

import (
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/witness"
)

// Statement returns a signed statement as it travels. The zero one is empty.
func Statement(s witness.Signed) *cosignerv1.SignedStatement {
	if s == (witness.Signed{}) {
		return &cosignerv1.SignedStatement{}
	}
	return &cosignerv1.SignedStatement{
		Text: s.Append(make([]byte, 0, witness.Size)), Key: s.Key[:], Signature: s.Signature[:]}
}

// Statements returns signed statements as they travel.
func Statements(all []witness.Signed) (out []*cosignerv1.SignedStatement) {
	for _, s := range all {
		out = append(out, Statement(s))
	}
	return out
}

// ReadStatements returns each in its place, where the first has a meaning, and the zero one for
// what cannot be read. It verifies none; see witness.Read.
func ReadStatements(all []*cosignerv1.SignedStatement) (read []witness.Signed) {
	for _, s := range all {
		signed, _ := witness.Read(s.GetText(), s.GetKey(), s.GetSignature()) // else zero, of nobody
		read = append(read, signed)
	}
	return read
}
