package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
)

// validator is a key with an index, and writes what casper-node would.
type validator struct {
	key   ed25519.PrivateKey
	index uint32
}

func newValidator(index uint32) validator {
	return validator{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(index + 1)}, ed25519.SeedSize)), index}
}

func (v validator) public() string {
	return "01" + hex.EncodeToString(v.key.Public().(ed25519.PublicKey))
}

func era(n byte) [digestSize]byte { return blake2b([]byte{n}) }

func echo(of []byte) content       { return content{echo: blake2b(of)} }
func vote(accept bool) content     { return content{isVote: true, vote: accept} }
func le32(n uint32) []byte         { return binary.LittleEndian.AppendUint32(nil, n) }
func sized(parts ...[]byte) []byte { return withLength(slices.Concat(parts...)) }

// message returns a SignedMessage, and content and signature alone, as evidence has them.
func (v validator) message(instance [digestSize]byte, round uint32, c content) (whole, end []byte) {
	var inside []byte
	switch {
	case !c.isVote:
		inside = slices.Concat(le32(0), withLength(c.echo[:]))
	case c.vote:
		inside = []byte{1, 0, 0, 0, 1}
	default:
		inside = []byte{1, 0, 0, 0, 0}
	}
	head := slices.Concat(le32(round), withLength(instance[:]))
	digest := blake2b(slices.Concat(head, inside, le32(v.index)))
	signature := slices.Concat(le32(1), withLength(ed25519.Sign(v.key, digest[:])))
	return slices.Concat(head, inside, le32(v.index), signature), slices.Concat(inside, signature)
}

func (v validator) signed(instance [digestSize]byte, round uint32, c content) []byte {
	m, _ := v.message(instance, round, c)
	return sized(le32(tagMessage), m)
}

func (v validator) evidence(instance [digestSize]byte, round uint32, c, d content) []byte {
	first, _ := v.message(instance, round, c)
	_, second := v.message(instance, round, d)
	return sized(le32(tagEvidence), first, second)
}

// proposalOf returns a proposal without the entry around it; its block is nonsense, which is
// nobody's business.
func proposalOf(round uint32, block string) []byte {
	p := binary.LittleEndian.AppendUint64(nil, 1_700_000_000_000+uint64(round))
	if block == "" {
		return append(p, 0, 1, byte(round), 0, 0, 0, 0)
	}
	return slices.Concat(p, []byte{1}, []byte(block), []byte{0, 0})
}

func proposed(round uint32, p []byte) []byte { return sized(le32(tagProposal), p, le32(round)) }

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The messages that a real network signed, from the unit file of one of its validators.
func TestRealMessages(t *testing.T) {
	const instance = "036ed86312bae71144efbc3edc9ccc1712f66a2a837ac26b0817155afd41e57d"
	for _, c := range []struct{ name, content, index, key, signature string }{
		{
			"echo", "00000000" + "2000000000000000" + "297a72fd17dd4fdf5e0ef61e53246da7520b175404a4a567c6a965e8db67296f",
			"02000000", "3a42993723208e8bc6ead188943a26450e226b5af63f7a4e05bb4c060b7a0622",
			"b1b2067a0c7140c441f9b719beca86b715ac6bbaf930b69d634a278d8332f80a48678ab949fa8e2537961efd81f4071276e3957eba5acb662" +
				"e5b8805993a770b",
		},
		{
			"vote", "0100000001", "00000000",
			"08f38d465aae5035144020f1e6f236bd7ac4c4ecf891573288a8c1b746f4eb76",
			"a86296892701349178437b3c1859c313ce9f46976e1dc575c5e4742d1fe8f9db1b63e5697b31db59c2a534bb6846cf08813a46f7f474cf274" +
				"816a99619bbc307",
		},
	} {
		file := sized(unhex(t, "00000000"+"00000000"+"2000000000000000"+instance+c.content+c.index+"01000000"+
			"4000000000000000"+c.signature))
		entries, torn, err := parseUnits(file, [digestSize]byte(unhex(t, instance)))
		if err != nil || torn != 0 || len(entries) != 1 {
			t.Fatalf("%s: %d entries, %d torn bytes, %v", c.name, len(entries), torn, err)
		}
		if !entries[0].messages[0].signedBy(unhex(t, c.key)) {
			t.Errorf("%s: the signature is not valid over the bytes that were built", c.name)
		}
	}
}

// exampleFile has an entry of each kind; at says where each begins, and the last of at is
// the length.
func exampleFile() (file []byte, at []int) {
	v, id := newValidator(0), era(1)
	for _, e := range [][]byte{
		v.signed(id, 0, echo(proposalOf(0, "block"))),
		proposed(0, proposalOf(0, "block")),
		v.signed(id, 0, vote(true)),
		proposed(1, proposalOf(1, "")),
		v.evidence(id, 1, vote(true), vote(false)),
		v.evidence(id, 2, echo(nil), echo([]byte{1})),
	} {
		at = append(at, len(file))
		file = append(file, e...)
	}
	return file, append(at, len(file))
}

func TestParse(t *testing.T) {
	file, at := exampleFile()
	entries, torn, err := parseUnits(file, era(1))
	if err != nil || torn != 0 || len(entries) != len(at)-1 {
		t.Fatalf("%d entries, %d torn bytes, %v", len(entries), torn, err)
	}
	for i, e := range entries {
		if e.offset != at[i] {
			t.Errorf("entry %d: offset %d, want %d", i, e.offset, at[i])
		}
	}
	if got := entries[1].proposal; got.round != 0 || got.hash != entries[0].messages[0].content.echo {
		t.Errorf("the proposal is not what was echoed: %+v", got)
	}
	if got := entries[3].proposal; got.round != 1 || got.hash != blake2b(proposalOf(1, "")) {
		t.Errorf("the dummy proposal: %+v", got)
	}
	if got := entries[4].messages; len(got) != 2 || got[0].content != vote(true) || got[1].content != vote(false) ||
		got[1].round != 1 {
		t.Errorf("the evidence: %+v", got)
	}
}

// Wherever a node is interrupted, the entries before are whole and nothing is damaged.
func TestTornTail(t *testing.T) {
	file, at := exampleFile()
	for n := range file {
		entries, torn, err := parseUnits(file[:n], era(1))
		whole, _ := slices.BinarySearch(at, n+1)
		whole--
		if err != nil || len(entries) != whole || torn != n-at[whole] {
			t.Fatalf("%d of %d bytes: %d entries, %d torn bytes, %v; want %d and %d",
				n, len(file), len(entries), torn, err, whole, n-at[whole])
		}
	}
}

func TestDamage(t *testing.T) {
	_, at := exampleFile()
	const entry = sizeOfSize // where an entry's tag is, from its offset
	for _, c := range []struct {
		name    string
		entry   int
		change  func(e []byte)
		problem string
	}{
		{"no size", 2, func(e []byte) { clear(e[:8]) }, "an entry of 0 bytes"},
		{"huge size", 2, func(e []byte) { e[7] = 0xff }, "an entry of"},
		{"size beyond the end", 2, func(e []byte) { e[1] = 0xff }, "an entry of 65413 bytes with tag 0"},
		{"message too long", 2, func(e []byte) { e[0]++ }, "an entry of 133 bytes says that it has 134"},
		{"message too short", 2, func(e []byte) { e[0]-- }, "too early"},
		{"evidence too long", 4, func(e []byte) { e[0]++ }, "an entry of 214 bytes says that it has 215"},
		{"last evidence too long", 5, func(e []byte) { e[0]++ }, "an entry of 293 bytes with tag 2"},
		{"tag", 2, func(e []byte) { e[entry] = 3 }, "unknown tag 3"},
		{"instance", 2, func(e []byte) { e[entry+16]++ }, "another instance"},
		{"length of the instance", 2, func(e []byte) { e[entry+8]++ }, "a hash of 33 bytes"},
		{"content", 2, func(e []byte) { e[entry+48] = 2 }, "unknown tag 2 of a content"},
		{"vote", 2, func(e []byte) { e[entry+52] = 2 }, "a vote of 2"},
		{"signature", 2, func(e []byte) { e[entry+57] = 3 }, "with tag 3"},
		{"length of the signature", 2, func(e []byte) { e[entry+61]++ }, "a signature of 65 bytes"},
		{"proposal too short", 1, func(e []byte) { e[0] = 18 }, "a proposal of 18 bytes"},
		{"proposal's block", 1, func(e []byte) { e[entry+12] = 2 }, "block has tag 2"},
		{"proposal over the next message", 1, func(e []byte) { e[0] += 141 }, "a message in it"},
		{"proposal over all that follows", 1, func(e []byte) { e[2] = 1 }, "a message in it"},
	} {
		file, _ := exampleFile()
		c.change(file[at[c.entry]:])
		entries, _, err := parseUnits(file, era(1))
		var damaged *damageError
		if !errors.As(err, &damaged) || damaged.offset != at[c.entry] || len(entries) != c.entry ||
			!strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %d entries, %v; want %d, and offset %d: ..%s..",
				c.name, len(entries), err, c.entry, at[c.entry], c.problem)
		}
	}
}

func FuzzParseUnits(f *testing.F) {
	file, at := exampleFile()
	f.Add(file)
	for i := range len(at) - 1 {
		f.Add(file[at[i]:at[i+1]])
		f.Add(file[:at[i+1]-3])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, torn, err := parseUnits(data, era(1))
		next := 0
		for _, e := range entries {
			if e.offset != next {
				t.Fatalf("an entry at %d, want %d", e.offset, next)
			}
			next += sizeOfSize + int(binary.LittleEndian.Uint64(data[next:]))
			if (len(e.messages) == 0) != (e.proposal.hash != [digestSize]byte{}) {
				t.Fatalf("neither messages nor a proposal, or both: %+v", e)
			}
		}
		var damaged *damageError
		switch {
		case errors.As(err, &damaged):
			if damaged.offset != next {
				t.Fatalf("damage at %d, want %d", damaged.offset, next)
			}
		case err != nil:
			t.Fatal(err)
		case next+torn != len(data):
			t.Fatalf("%d bytes of entries and %d torn, of %d", next, torn, len(data))
		}
		// What was parsed stays what it is when the file grows or is cut behind it.
		again, torn, err := parseUnits(data[:next], era(1))
		if err != nil || torn != 0 || len(again) != len(entries) {
			t.Fatalf("without the tail: %d entries, %d torn, %v; before %d", len(again), torn, err, len(entries))
		}
	})
}
