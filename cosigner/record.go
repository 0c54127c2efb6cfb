package cosigner

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

// recordSize is the size of every record in bytes. It divides 512, so that no
// record crosses a disk sector, the unit that a disk writes whole or not at all.
const recordSize = 128

// The versions of the file format. The second has a count of resets, the third a count of records
// and the link at the last one, the fourth the network's version at the last reset. The third is
// written, and the fourth once there is such a version: a release that knows neither must not take
// such a file for its own.
const (
	versionWithoutResets = 1
	versionWithResets    = 2
	versionWithCount     = 3
	versionWithNetwork   = 4
)

// ledgerMagic opens the header.
const ledgerMagic = "CosigLed"

// recordKind says what a record holds.
type recordKind uint8

const (
	recordHeader  recordKind = 1 // the first record, and only that
	recordClaim   recordKind = 2 // slot and digest
	recordFloor   recordKind = 3 // a new floor
	recordDiffers recordKind = 4 // a slot for which the log holds another digest: that digest
)

// record is one entry of the ledger's file. Its sequence number is its place
// in the file: record n lies at byte n*recordSize.
type record struct {
	kind   recordKind
	seq    uint64
	first  uint64 // seq of the first record of its write batch
	slot   casper.Slot
	digest casper.Hash
	floor  watermark.Mark // of a floor record
}

// header is record 0. It is written once, with the whole file.
type header struct {
	directory statedir.ID       // the state directory that the ledger belongs to
	first     watermark.Mark    // first era and height that may be signed
	floor     watermark.Mark    // floor when the file was written
	sealed    uint64            // number of records that the file was born with: these cannot be torn
	resets    uint64            // how often the heights were reset
	network   watermark.Version // with which the network restarted at the last reset that was made
	written   uint64            // records that were ever written before the file was, with the first header
	link      Link              // at the last of them
	uncounted bool              // written by an earlier release, which tells neither
}

// chain returns what is known of the records before those that were added to the file. Of what an
// earlier release wrote nobody stated anything, so it is as if all had begun with this file.
func (h *header) chain() chain {
	if h.uncounted {
		return chain{before: 1 + h.sealed, links: []Link{{}}}
	}
	return chain{before: h.written, links: []Link{h.link}}
}

var (
	errChecksum = errors.New("wrong checksum")
	errFields   = errors.New("impossible fields")
	errKind     = errors.New("a whole record of a kind that this release does not know")
)

// put writes r's 128 bytes to b:
//
//	0 crc32c of the rest | 4 kind | 5 slot kind | 8 seq | 16 first seq of its batch | 24 era or height |
//	32 instance | 64 digest | 96 validator | 100 round | 104 floor: era, height | zeros
func (r *record) put(b []byte) {
	clear(b[:recordSize])
	b[4], b[5] = byte(r.kind), byte(r.slot.Kind)
	le := binary.LittleEndian
	le.PutUint64(b[8:], r.seq)
	le.PutUint64(b[16:], r.first)
	le.PutUint64(b[24:], r.slot.Era)
	if r.slot.OfHeight() {
		le.PutUint64(b[24:], r.slot.Height)
	}
	copy(b[32:], r.slot.Instance[:])
	copy(b[64:], r.digest[:])
	le.PutUint32(b[96:], r.slot.Validator)
	le.PutUint32(b[100:], r.slot.Round)
	le.PutUint64(b[104:], r.floor.Era)
	le.PutUint64(b[112:], r.floor.Height)
	seal(b)
}

// parseRecord is the strict inverse of put: what it accepts, put would write.
func parseRecord(b []byte) (record, error) {
	if !sealed(b) {
		return record{}, errChecksum
	}
	le := binary.LittleEndian
	r := record{
		kind: recordKind(b[4]), seq: le.Uint64(b[8:]), first: le.Uint64(b[16:]),
		slot:   casper.Slot{Kind: casper.Kind(b[5]), Validator: le.Uint32(b[96:]), Round: le.Uint32(b[100:])},
		digest: casper.Hash(b[64:96]),
		floor:  watermark.Mark{Era: le.Uint64(b[104:]), Height: le.Uint64(b[112:])},
	}
	r.slot.Instance = casper.Hash(b[32:64])
	if r.slot.OfHeight() {
		r.slot.Height = le.Uint64(b[24:])
	} else {
		r.slot.Era = le.Uint64(b[24:])
	}
	var again [recordSize]byte
	if !r.kind.known() {
		return r, errKind
	}
	if r.put(again[:]); !r.sound() || again != [recordSize]byte(b) {
		return record{}, errFields
	}
	return r, nil
}

// sound reports whether r has exactly the fields of its kind.
func (r *record) sound() bool {
	switch r.kind {
	case recordClaim, recordDiffers:
		return r.slot.Valid() && r.floor == watermark.Mark{}
	case recordFloor:
		return r.slot == casper.Slot{} && r.digest == casper.Hash{}
	}
	return false
}

// known reports whether this release has records of the kind.
func (k recordKind) known() bool { return k >= recordHeader && k <= recordDiffers }

// put writes h's 128 bytes to b:
//
//	0 crc32c of the rest | 4 kind | 5 version | 8 magic | 16 directory id | 32 first: era, height |
//	48 floor: era, height | 64 sealed | 72 resets, from version 2 on | 80 written | 88 link, both from
//	version 3 on | 104 network: major, minor, patch, of version 4 only | zeros
func (h *header) put(b []byte) {
	clear(b[:recordSize])
	b[4], b[5] = byte(recordHeader), versionWithCount
	switch {
	case h.network != watermark.Version{}:
		b[5] = versionWithNetwork
	case h.uncounted && h.resets > 0:
		b[5] = versionWithResets
	case h.uncounted:
		b[5] = versionWithoutResets
	}
	copy(b[8:], ledgerMagic)
	copy(b[16:], h.directory[:])
	le := binary.LittleEndian
	le.PutUint64(b[32:], h.first.Era)
	le.PutUint64(b[40:], h.first.Height)
	le.PutUint64(b[48:], h.floor.Era)
	le.PutUint64(b[56:], h.floor.Height)
	le.PutUint64(b[64:], h.sealed)
	le.PutUint64(b[72:], h.resets)
	le.PutUint64(b[80:], h.written)
	copy(b[88:], h.link[:])
	le.PutUint32(b[104:], h.network.Major)
	le.PutUint32(b[108:], h.network.Minor)
	le.PutUint32(b[112:], h.network.Patch)
	seal(b)
}

// parseHeader is the strict inverse of put.
func parseHeader(b []byte) (header, error) {
	if !sealed(b) {
		return header{}, errChecksum
	}
	le := binary.LittleEndian
	h := header{
		directory: statedir.ID(b[16:32]),
		first:     watermark.Mark{Era: le.Uint64(b[32:]), Height: le.Uint64(b[40:])},
		floor:     watermark.Mark{Era: le.Uint64(b[48:]), Height: le.Uint64(b[56:])},
		sealed:    le.Uint64(b[64:]),
		resets:    le.Uint64(b[72:]),
		written:   le.Uint64(b[80:]),
		link:      Link(b[88:104]),
		uncounted: b[5] < versionWithCount,
		network: watermark.Version{Major: le.Uint32(b[104:]), Minor: le.Uint32(b[108:]),
			Patch: le.Uint32(b[112:])},
	}
	var again [recordSize]byte
	if h.put(again[:]); again != [recordSize]byte(b) || h.uncounted != (h.written == 0 && h.link == Link{}) {
		return header{}, errors.New("not a header of version 1 to 4; was it written by a later release?")
	}
	return h, nil
}

// seal writes the checksum of a record.
func seal(b []byte) { binary.LittleEndian.PutUint32(b, checksum(b)) }

// sealed reports whether a record's checksum is right. Zeros are not sealed.
func sealed(b []byte) bool { return binary.LittleEndian.Uint32(b) == checksum(b) && b[4] != 0 }

func checksum(b []byte) uint32 {
	return crc32.Checksum(b[4:recordSize], crc32.MakeTable(crc32.Castagnoli))
}
