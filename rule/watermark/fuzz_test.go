package watermark_test

import (
	"encoding/binary"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
)

// FuzzTable reads its input as claims, floors and restarts. Over its whole life no slot may yield
// two values; what is kept stays bounded, and nothing below the pruned mark is kept.
func FuzzTable(f *testing.F) {
	f.Add([]byte{0, 0x00, 1, 0, 0, 1, 0, 0, 0, 0x40, 1, 0, 0, 2, 0, 0})
	f.Add([]byte{0, 0x01, 0, 0x0b, 0, 1, 0, 0, 0, 0x01, 0, 0x0c, 0, 1, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 0x02, 0, 0, 0, 1, 0x40, 0, 5, 0, 0, 0, 0, 0, 0x40, 0, 7, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		table, released := watermark.New(watermark.Mark{}), map[casper.Slot]casper.Hash{}
		for ; len(input) >= 8; input = input[8:] {
			pruned, newest := table.Pruned(), table.Newest()
			switch input[0] & 7 {
			case 5:
				table.SetFloor(fuzzMark(input, newest))
			case 6:
				table = rebuilt(t, table)
			case 7:
				original := table
				table = table.Clone()
				original.Claim(fuzzAsked(input, newest).claim()) // to no effect on the clone
			default:
				fuzzClaim(t, table, fuzzAsked(input, newest), released)
			}
			if table.Pruned().Max(pruned) != table.Pruned() || table.Newest().Max(newest) != table.Newest() {
				t.Fatal("a mark moved back")
			}
		}
		checkSound(t, table)
		if most := 3*2*256*watermark.KeptEras + watermark.KeptHeights; table.Len() > most {
			t.Fatalf("%d slots, at most %d", table.Len(), most)
		}
		for slot, c := range table.All() {
			if released[slot] != casper.Digest(c.Message) {
				t.Fatalf("%v holds what it never yielded", slot)
			}
		}
	})
}

func fuzzClaim(t *testing.T, table *watermark.Table, a asked, released map[casper.Slot]casper.Hash) {
	slot := slotOf(a)
	held, outcome, _ := table.Claim(a.claim())
	if outcome != watermark.Claimed && outcome != watermark.Held {
		return
	}
	if got, ok := casper.SlotOf(held.Message); !ok || got != slot {
		t.Fatalf("%v was asked for, %v came", slot, got)
	}
	was, before := released[slot]
	if before != (outcome == watermark.Held) {
		t.Fatalf("%v: %v, although it was released before: %v", slot, outcome, before)
	}
	if digest := casper.Digest(held.Message); before && was != digest {
		t.Fatalf("%v yielded two values", slot)
	} else {
		released[slot] = digest
	}
}

// fuzzAsked reads byte 1 as kind, node and value; 2 and 3 as the era, near the newest; 4 as the
// round; 6 and 7 as the height, near the newest, or as the instance.
func fuzzAsked(b []byte, newest watermark.Mark) asked {
	kinds := []casper.Kind{casper.KindEcho, casper.KindVote, casper.KindFinality, casper.KindVote}
	near := fuzzMark(b, newest)
	return asked{
		node: string('a' + b[1]>>2%3), kind: kinds[b[1]&3], value: uint16(b[1] >> 6), era: near.Era, height: near.Height,
		round: uint32(b[4]) * 29, instance: uint16(b[7] & 3),
	}
}

// fuzzMark reads distances from a mark, both ways, and far ones as well.
func fuzzMark(b []byte, from watermark.Mark) watermark.Mark {
	era, height := uint64(int8(b[3]))%32, uint64(binary.LittleEndian.Uint16(b[5:]))
	if b[2]&1 == 0 {
		era = -min(era, from.Era)
	}
	if b[2]&2 == 0 {
		height = -min(height, from.Height)
	}
	if b[2]&0xf0 == 0xf0 {
		era, height = era<<(b[3]%64), height<<(b[3]%64)
	}
	return watermark.Mark{Era: from.Era + era, Height: from.Height + height}
}
