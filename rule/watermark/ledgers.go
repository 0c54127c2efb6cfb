package watermark

import (
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Ledgers is what the ledger of each cosigner was seen to hold, by name. It is a text, so that it
// compares and is signed as it is: by name in order, the name's length (1 byte), the name, From and
// the length of Bits (8 bytes each, little-endian), and Bits. NewLedgers makes one.
type Ledgers string

// NewLedgers returns what the ledgers hold. A name has at most 255 bytes.
func NewLedgers(by map[string]Seen) Ledgers {
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(by)) {
		s := by[name]
		b = append(append(b, byte(len(name))), name...)
		b = binary.LittleEndian.AppendUint64(b, s.From)
		b = binary.LittleEndian.AppendUint64(b, uint64(len(s.Bits)))
		b = append(b, s.Bits...)
	}
	return Ledgers(b)
}

// ReadLedgers returns an error for what NewLedgers never makes.
func ReadLedgers(b []byte) (Ledgers, error) {
	by, l := map[string]Seen{}, Ledgers(b)
	for name, s := range l.All() {
		by[name] = s
	}
	if NewLedgers(by) != l {
		return "", fmt.Errorf("%d bytes that do not say what ledgers hold", len(b))
	}
	return l, nil
}

// All yields each ledger, up to what cannot be read.
func (l Ledgers) All() iter.Seq2[string, Seen] {
	return func(yield func(string, Seen) bool) {
		for b := []byte(l); len(b) > 0; {
			n := int(b[0])
			if len(b) < 1+n+16 {
				return
			}
			name, rest := string(b[1:1+n]), b[1+n:]
			from, bits := binary.LittleEndian.Uint64(rest), binary.LittleEndian.Uint64(rest[8:])
			if rest = rest[16:]; bits > uint64(len(rest)) {
				return
			}
			if !yield(name, Seen{From: from, Bits: string(rest[:bits])}) {
				return
			}
			b = rest[bits:]
		}
	}
}

// of returns what that ledger holds, if it is there.
func (l Ledgers) of(name string) (Seen, bool) {
	for n, s := range l.All() {
		if n == name {
			return s, true
		}
	}
	return Seen{}, false
}
