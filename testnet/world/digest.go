package world

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
)

// slotKey names a slot: its kind, and the instance, validator and round, or the height.
type slotKey string

// place is a message's slot and the hash of the bytes that are signed, built here from the
// description of Casper's formats and not by package casper, which is under test.
type place struct {
	key    slotKey
	digest casper.Hash
}

func placeOf(m casper.Message) place {
	switch m := m.(type) {
	case casper.Echo:
		content := append([]byte{0, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0}, m.Proposal[:]...)
		return zugPlace("echo", m.Round, content)
	case casper.Vote:
		content := []byte{1, 0, 0, 0, 0}
		if m.Value {
			content[4] = 1
		}
		return zugPlace("vote", m.Round, content)
	case casper.Finality:
		b := append([]byte{}, m.Block[:]...)
		b = binary.LittleEndian.AppendUint64(b, m.Height)
		key := slotKey("final" + string(b[32:]))
		b = binary.LittleEndian.AppendUint64(b, m.Era)
		return place{key: key, digest: blake2b.Sum256(append(b, m.ChainName[:]...))}
	}
	return place{}
}

// zugPlace hashes (round, instance, content, validator) as bincode writes them.
func zugPlace(kind string, r casper.Round, content []byte) place {
	era := blake2b.Sum256(binary.LittleEndian.AppendUint64(append([]byte{}, r.Chainspec[:]...), r.Era))
	instance := blake2b.Sum256(append(append([]byte{}, r.KeyBlock[:]...), era[:]...))
	b := binary.LittleEndian.AppendUint32(nil, r.ID)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(instance)))
	b = append(b, instance[:]...)
	key := kind + string(b) + string(binary.LittleEndian.AppendUint32(nil, r.Validator))
	b = append(b, content...)
	b = binary.LittleEndian.AppendUint32(b, r.Validator)
	sum := blake2b.Sum256(b)
	return place{key: slotKey(key), digest: blake2b.Sum256(sum[:])}
}

func sortedKeys[V any](m map[slotKey]V) []slotKey {
	return slices.SortedFunc(maps.Keys(m), cmp.Compare[slotKey])
}

// describe writes a message short.
func describe(m casper.Message) string {
	slot, _ := casper.SlotOf(m)
	switch m := m.(type) {
	case casper.Echo:
		return slot.String() + " of " + m.Proposal.String()[:6]
	case casper.Vote:
		if m.Value {
			return slot.String() + " true"
		}
		return slot.String() + " false"
	case casper.Finality:
		return slot.String() + " of " + m.Block.String()[:6]
	}
	return "nothing"
}
