package journal_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/attest/attesttest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units"
	"casper-cosigner/stock/units/unitstest"
)

func entry(b casper.Ballot) []byte { return unitstest.Entry(b) }

// room is a unit file and those who grant, without a file system.
type room struct {
	t       *testing.T
	journal *journal.Journal
	pen     *journal.Pen
	file    []byte
	refuse  error
	claimed []casper.Ballot
}

var (
	era      = unitstest.Instance("era")
	us       = unitstest.New(1, 7)
	other    = unitstest.New(2, 3)
	errNever = errors.New("never")
)

func newRoom(t *testing.T) *room {
	j := journal.New(era, us.Public())
	return &room{t: t, journal: j, pen: j.Pen()}
}

// write is what the gate does with a write.
func (r *room) write(b []byte) error {
	pieces, err := r.pen.Take(b)
	if err != nil {
		return err
	}
	batch, err := r.journal.Judge(pieces, nil)
	if err != nil {
		return r.pen.Break(err)
	}
	var granted []attest.Proof
	for _, own := range batch.Lacks {
		r.claimed = append(r.claimed, own)
		if r.refuse != nil {
			return r.pen.Break(r.refuse)
		}
		granted = append(granted, attesttest.Proof(own))
	}
	batch, err = r.journal.Judge(pieces, granted)
	if err != nil {
		return r.pen.Break(err)
	}
	raw, err := batch.Raw()
	if err != nil {
		return r.pen.Break(err)
	}
	r.journal.Add(batch)
	r.file = append(r.file, raw...)
	return nil
}

func (r *room) wants(file []byte, claimed ...casper.Ballot) {
	r.t.Helper()
	if !bytes.Equal(r.file, file) {
		r.t.Errorf("the file has %d bytes %x, want %d", len(r.file), r.file, len(file))
	}
	if r.journal.End() != int64(len(file)) {
		r.t.Errorf("it is said to end at %d, and has %d bytes", r.journal.End(), len(file))
	}
	if !slices.Equal(r.claimed, claimed) {
		r.t.Errorf("claimed was %v, want %v", r.claimed, claimed)
	}
}

// mixed is what a node writes in a round, and what of it is ours.
func mixed() (file []byte, own []casper.Ballot) {
	own = []casper.Ballot{us.Echo(era, 1, "block"), us.Vote(era, 1, true)}
	return slices.Concat(unitstest.Proposal(1, 3), entry(own[0]), entry(other.Echo(era, 1, "block")),
		entry(other.Vote(era, 1, true)), entry(own[1])), own
}

// TestHowItIsSplit: entries are the same however they are spread over writes.
func TestHowItIsSplit(t *testing.T) {
	file, own := mixed()
	for size := 1; size <= len(file); size++ {
		r := newRoom(t)
		for part := range slices.Chunk(file, size) {
			if err := r.write(part); err != nil {
				t.Fatalf("writes of %d bytes: %v", size, err)
			}
		}
		r.wants(file, own...)
	}
}

// TestLargeProposal: what follows an entry that needs a large buffer.
func TestLargeProposal(t *testing.T) {
	r, own := newRoom(t), us.Vote(era, 1, true)
	large := unitstest.Proposal(1, 5000)
	for _, b := range [][]byte{large, entry(own), large[:100_000], large[100_000:], entry(other.Vote(era, 1, true))} {
		if err := r.write(b); err != nil {
			t.Fatal(err)
		}
	}
	r.wants(slices.Concat(large, entry(own), large, entry(other.Vote(era, 1, true))), own)
}

// TestTorn: what is torn at any byte is not stored, and nobody else's writes are joined to it.
func TestTorn(t *testing.T) {
	file, _ := mixed()
	next := entry(other.Vote(era, 2, false))
	for at := range len(file) {
		r := newRoom(t)
		if err := r.write(file[:at]); err != nil {
			t.Fatalf("torn at %d: %v", at, err)
		}
		stored := len(r.file)
		if stored > at || !bytes.Equal(r.file, file[:stored]) {
			t.Fatalf("torn at %d: stored are %d bytes", at, stored)
		}
		r.pen = r.journal.Pen()
		if err := r.write(next); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r.file, slices.Concat(file[:stored], next)) {
			t.Fatalf("torn at %d: another writer's entry was not stored behind the %d bytes", at, stored)
		}
	}
}

// TestLoad: a file is cut where it is torn, filled with zeros, damaged, or has an own entry again.
func TestLoad(t *testing.T) {
	file, own := mixed()
	half := entry(us.Vote(era, 9, true))
	clear(half[len(half)-20:])
	for name, tail := range map[string][]byte{"nothing": nil, "half of ours, and zeros": append(half, make([]byte, 99)...),
		"torn": file[:100], "zeros": make([]byte, 4096),
		"garbage": bytes.Repeat([]byte{0xa5}, 300), "probe": journal.Probe(), "own again": entry(own[0]),
		"contrary": entry(us.Vote(era, 1, false))} {
		j := journal.New(era, us.Public())
		end, err := j.Load(bytes.NewReader(slices.Concat(file, tail)))
		if err != nil || end != int64(len(file)) || j.End() != end || j.Own() != 2 {
			t.Errorf("%s: cut at %d of %d, %d of ours, %v", name, end, len(file), j.Own(), err)
		}
	}
}

// TestLoadedHalf: zeros in a file's last entry, the first of its index, do not make our index
// another's, whoever wrote it.
func TestLoadedHalf(t *testing.T) {
	for at, us := range map[int]unitstest.Validator{20: us, 69: us.At(0)} {
		half := entry(us.Vote(era, 1, true))
		if us.Index == 0 {
			half = entry(other.Vote(era, 1, true))
		}
		clear(half[len(half)-at:])
		j := journal.New(era, us.Public())
		end, err := j.Load(bytes.NewReader(slices.Concat(half, make([]byte, 99))))
		if err != nil || end != 0 || j.Own() != 0 {
			t.Errorf("zeros from %d before the end: cut at %d, %d of ours, %v", at, end, j.Own(), err)
		}
		if err := j.At(us.Index); err != nil {
			t.Errorf("zeros from %d before the end: %v", at, err)
		}
		r := &room{t: t, journal: j, pen: j.Pen()}
		if err := r.write(entry(us.Vote(era, 1, false))); err != nil {
			t.Errorf("zeros from %d before the end: %v", at, err)
		}
	}
}

// TestLoadedIndex: an index that was another's in a file is not ours in what is written behind.
func TestLoadedIndex(t *testing.T) {
	j, theirs := journal.New(era, us.Public()), unitstest.New(3, us.Index)
	file := slices.Concat(entry(theirs.Vote(era, 1, true)), entry(theirs.Vote(era, 2, true)))
	if _, err := j.Load(bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	r := &room{t: t, journal: j, pen: j.Pen()}
	index := new(units.IndexError)
	if err := r.write(entry(us.Vote(era, 2, true))); !errors.As(err, &index) || len(r.file) != 0 {
		t.Errorf("%v, stored are %d bytes", err, len(r.file))
	}
}

// TestOwnIsBySignature: our key's message is claimed with whatever index, for its own era only.
func TestOwnIsBySignature(t *testing.T) {
	moved, old := us.At(6), us.Echo(unitstest.Instance("an era before"), 1, "old")
	r := newRoom(t)
	file := slices.Concat(entry(old), entry(unitstest.New(3, 7).Echo(era, 1, "theirs")),
		entry(moved.Echo(era, 1, "ours")))
	if err := r.write(file); err != nil {
		t.Fatal(err)
	}
	r.wants(file, moved.Echo(era, 1, "ours"))
}

// TestWitnessesDisagree: a second index of ours, or our index without our signature.
func TestWitnessesDisagree(t *testing.T) {
	for name, second := range map[string]casper.Ballot{"moved": us.At(6).Vote(era, 1, true),
		"not ours": unitstest.New(3, us.Index).Vote(era, 1, true)} {
		r := newRoom(t)
		first := us.Echo(era, 1, "block")
		if err := r.write(entry(first)); err != nil {
			t.Fatal(err)
		}
		index := new(units.IndexError)
		if err := r.write(entry(second)); !errors.As(err, &index) {
			t.Errorf("%s: %v", name, err)
		}
		r.wants(entry(first), first)
	}
}

// TestTwoContents: a slot in a file has one content, also when whoever grants would grant another.
func TestTwoContents(t *testing.T) {
	first, second := us.Vote(era, 1, true), us.Vote(era, 1, false)
	r := newRoom(t)
	if err := r.write(entry(first)); err != nil {
		t.Fatal(err)
	}
	if err := r.write(entry(second)); !errors.Is(err, journal.ErrContradicts) {
		t.Errorf("another vote: %v", err)
	}
	r.wants(entry(first), first)
	r = newRoom(t)
	if err := r.write(slices.Concat(entry(first), entry(second))); !errors.Is(err, journal.ErrContradicts) {
		t.Errorf("in one write: %v", err)
	}
	r.wants(nil)
}

// TestOwnAgain: casper-node reads a file with an entry twice as damaged.
func TestOwnAgain(t *testing.T) {
	own := us.Vote(era, 1, true)
	foreign := slices.Concat(entry(other.Vote(era, 1, true)), entry(other.Vote(era, 2, true)))
	file := slices.Concat(entry(own), foreign)
	r := newRoom(t)
	twice := slices.Concat(entry(own), entry(own), foreign)
	for _, b := range [][]byte{twice, entry(own)} {
		if err := r.write(b); err != nil {
			t.Fatal(err)
		}
	}
	r.wants(file, own)
	if j := journal.New(era, us.Public()); true {
		if _, err := j.Load(bytes.NewReader(file)); err != nil {
			t.Fatal(err)
		}
		r = &room{t: t, journal: j, pen: j.Pen(), file: file}
		if err := r.write(entry(own)); err != nil {
			t.Fatal(err)
		}
		r.wants(file)
	}
}

// TestBufWriter: what was refused comes again when Rust's BufWriter is dropped, and with whatever
// was written meanwhile.
func TestBufWriter(t *testing.T) {
	own, foreign := us.Echo(era, 1, "block"), other.Echo(era, 1, "block")
	r := newRoom(t)
	r.refuse = errNever
	if err := r.write(slices.Concat(entry(foreign), entry(own))); !errors.Is(err, errNever) {
		t.Fatal(err)
	}
	r.refuse = nil
	for _, again := range [][]byte{slices.Concat(entry(foreign), entry(own)), entry(foreign), nil} {
		if err := r.write(again); !errors.Is(err, errNever) {
			t.Errorf("again: %v", err)
		}
	}
	r.wants(nil, own)
}

// TestRefused: what casper-node does not write is refused as soon as that can be told.
func TestRefused(t *testing.T) {
	vote := entry(us.Vote(era, 1, true))
	longer := append(slices.Clone(vote), 0)
	longer[0]++
	tag := slices.Clone(vote)
	tag[8] = 3
	for name, b := range map[string][]byte{"zeros": make([]byte, 8), "no end": bytes.Repeat([]byte{0xff}, 8),
		"an unknown tag": tag, "a byte left over": longer, "the probe": journal.Probe()} {
		r := newRoom(t)
		if err := r.write(b); err == nil {
			t.Errorf("%s is taken", name)
		}
		if err := r.write(vote); err == nil {
			t.Errorf("after %s something is taken", name)
		}
		r.wants(nil)
	}
	if err := (&room{pen: journal.Blank()}).write(vote); !errors.Is(err, journal.ErrProbe) {
		t.Errorf("who takes nothing takes an entry: %v", err)
	}
}

// TestNames: one instance has one file, and a file of another key is none of ours.
func TestNames(t *testing.T) {
	name := journal.FileName(era, us.Public())
	if got, err := journal.ParseName(name, us.Public()); err != nil || got != era {
		t.Errorf("%v, %v", got, err)
	}
	upper := "unit_" + string(bytes.ToUpper([]byte(era.String()))) + "_" + us.Public().String() + ".dat"
	for _, bad := range []string{"", "x", name + "~", journal.FileName(era, other.Public()), upper, "../" + name} {
		if _, err := journal.ParseName(bad, us.Public()); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestProofOfAnother: a message of ours is stored with the proof that its slot holds this very
// content, and without it nothing of the write is, nor counts as stored.
func TestProofOfAnother(t *testing.T) {
	own, foreign := us.Vote(era, 1, true), entry(other.Vote(era, 1, true))
	contrary, later := us.Vote(era, 1, false), us.Vote(era, 2, true)
	elsewhere := us.Vote(unitstest.Instance("other"), 1, true)
	for name, tt := range map[string]struct {
		granted []attest.Proof
		want    bool
	}{
		"none":             {nil, false},
		"of nothing":       {[]attest.Proof{{}}, false},
		"another content":  {[]attest.Proof{attesttest.Proof(contrary)}, false},
		"another round":    {[]attest.Proof{attesttest.Proof(later)}, false},
		"another instance": {[]attest.Proof{attesttest.Proof(elsewhere)}, false},
		"another index":    {[]attest.Proof{attesttest.Proof(us.At(9).Vote(era, 1, true))}, false},
		"its echo's":       {[]attest.Proof{attesttest.Proof(us.Echo(era, 1, "block"))}, false},
		"its own":          {[]attest.Proof{attesttest.Proof(later), attesttest.Proof(own)}, true},
	} {
		j := journal.New(era, us.Public())
		pieces, err := j.Pen().Take(slices.Concat(foreign, entry(own)))
		if err != nil {
			t.Fatal(err)
		}
		batch, err := j.Judge(pieces, tt.granted)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := batch.Raw()
		if stored := len(raw) > 0; stored != tt.want || errors.Is(err, journal.ErrUngranted) == tt.want ||
			(len(batch.Lacks) == 0) != tt.want {
			t.Errorf("%s: %d bytes, %v; %v lack a proof", name, len(raw), err, batch.Lacks)
		}
	}
}
