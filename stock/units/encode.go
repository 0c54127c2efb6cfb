package units

import (
	"encoding/binary"

	"casper-cosigner/rule/casper"
)

// Append appends the entry of an echo or a vote as casper-node writes it, with its length in front.
// The ballot must be one of these two.
func Append(b []byte, m casper.Ballot) []byte {
	size := uint64(voteSize)
	if m.Kind == casper.KindEcho {
		size = echoSize
	}
	b = binary.LittleEndian.AppendUint64(b, size)
	b = binary.LittleEndian.AppendUint32(b, uint32(Signed))
	b = binary.LittleEndian.AppendUint32(b, m.Round)
	b = appendBytes(b, m.Instance[:])
	if m.Kind == casper.KindEcho {
		b = appendBytes(binary.LittleEndian.AppendUint32(b, tagEcho), m.Value[:])
	} else {
		b = append(binary.LittleEndian.AppendUint32(b, tagVote), m.Value[0])
	}
	b = binary.LittleEndian.AppendUint32(b, m.Validator)
	return appendBytes(binary.LittleEndian.AppendUint32(b, tagEd25519), m.Signature[:])
}

func appendBytes(b, list []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(list))), list...)
}
