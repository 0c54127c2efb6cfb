package wire

import (
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/witness"
)

// Statement returns a signed statement as it travels.
func Statement(s witness.Signed) *cosignerv1.SignedStatement {
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

// ReadStatements returns those that can be read. It verifies none; see witness.Read.
func ReadStatements(all []*cosignerv1.SignedStatement) (read []witness.Signed) {
	for _, s := range all {
		if signed, err := witness.Read(s.GetText(), s.GetKey(), s.GetSignature()); err == nil {
			read = append(read, signed)
		}
	}
	return read
}
