package casper

import (
	"bytes"
	"strings"
	"testing"
)

// samples returns one message of each kind with no two fields alike.
func samples(t testing.TB) []Message {
	t.Helper()
	r := Round{Era: 0x0807060504030201, ID: 0x14131211, Validator: 0x24232221}
	for i := range r.Chainspec {
		r.Chainspec[i], r.KeyBlock[i] = byte(0x40+i), byte(0x60+i)
	}
	return []Message{
		Echo{Round: r, Proposal: Hash{1, 2, 3}},
		Vote{Round: r, Value: true},
		Vote{Round: r, Value: false},
		Finality{Block: Hash{1}, Height: 0x0807060504030201, Era: 0x1817161514131211, ChainName: Hash{2}},
		handshake(t),
	}
}

// handshake returns the first recorded handshake.
func handshake(t testing.TB) Handshake {
	t.Helper()
	for _, l := range readVectors(t, "node-1.jsonl") {
		if l.Kind == "consensus_certificate" {
			return Handshake{
				Random: [12]byte(unhex(t, l.Random)),
				Our:    TLSPoint(unhex(t, l.OurPoint)),
				Their:  TLSPoint(unhex(t, l.TheirPoint)),
			}
		}
	}
	t.Fatal("no handshake in the recording")
	return Handshake{}
}

func encode(t testing.TB, m Message) []byte {
	t.Helper()
	b, err := m.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The encoding lies in logs and under signatures: it must not drift.
func TestEncodingIsFixed(t *testing.T) {
	const round = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f" + "0102030405060708" +
		"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f" + "11121314" + "21222324"
	zeros := strings.Repeat("00", 31)
	s := samples(t)
	h := s[4].(Handshake)
	tests := []struct {
		m    Message
		size int
		want string
	}{
		{s[0], 114, "0101" + round + "010203" + zeros[4:]},
		{s[1], 83, "0102" + round + "01"},
		{s[2], 83, "0102" + round + "00"},
		{s[3], 82, "0103" + "01" + zeros + "0102030405060708" + "1112131415161718" + "02" + zeros},
		{h, 148, ""},
	}
	for _, tt := range tests {
		b := encode(t, tt.m)
		if len(b) != tt.size {
			t.Errorf("%v: %d bytes, want %d", tt.m.Kind(), len(b), tt.size)
		}
		if tt.want != "" {
			equalHex(t, tt.m.Kind().String(), b, tt.want)
		}
	}
	want := append(append(append([]byte{1, 4}, h.Random[:]...), h.Our[:]...), h.Their[:]...)
	if have := encode(t, h); !bytes.Equal(have, want) {
		t.Errorf("handshake: have %x, want %x", have, want)
	}
}

func TestAppendBinaryAppends(t *testing.T) {
	for _, m := range samples(t) {
		front := []byte("front")
		b, err := m.AppendBinary(front[:5:5])
		if err != nil || !bytes.Equal(b, append([]byte("front"), encode(t, m)...)) {
			t.Errorf("%v: have %x, %v", m.Kind(), b, err)
		}
	}
	front := []byte("front")
	if b, err := (Handshake{}).AppendBinary(front); err == nil || !bytes.Equal(b, front) {
		t.Errorf("invalid handshake: have %x, %v", b, err)
	}
}

func TestDecode(t *testing.T) {
	for _, m := range samples(t) {
		b := encode(t, m)
		back, err := Decode(b)
		if err != nil || back != m {
			t.Errorf("%v: have %v, %v", m.Kind(), back, err)
		}
		clear(b)
		if back != m {
			t.Errorf("%v: the message changed with the bytes it came from", m.Kind())
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	edit := func(i int, change func([]byte) []byte) []byte { return change(encode(t, samples(t)[i])) }
	set := func(i int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[(i+len(b))%len(b)] = v; return b }
	}
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"nothing", nil, "too short"},
		{"version only", []byte{1}, "too short"},
		{"head only", []byte{1, 1}, "2 bytes, want 114"},
		{"version 0", edit(0, set(0, 0)), "unknown version 0"},
		{"version 2", edit(0, set(0, 2)), "unknown version 2"},
		{"kind 0", edit(0, set(1, 0)), "unknown kind 0"},
		{"kind 5", edit(0, set(1, 5)), "unknown kind 5"},
		{"kind 255", edit(0, set(1, 255)), "unknown kind 255"},
		{"echo called vote", edit(0, set(1, 2)), "114 bytes, want 83"},
		{"vote called finality", edit(1, set(1, 3)), "83 bytes, want 82"},
		{"vote 2", edit(1, set(-1, 2)), "value is 2"},
		{"vote 255", edit(1, set(-1, 255)), "value is 255"},
		{"our point uncompressed", edit(4, set(14, 4)), "our TLS point"},
		{"our point at infinity", edit(4, set(14, 0)), "our TLS point"},
		{"their point hybrid", edit(4, set(81, 6)), "their TLS point"},
		{"their x not below the prime", edit(4, func(b []byte) []byte {
			copy(b[82:], overPrime())
			return b
		}), "their TLS point"},
		{"our x not on the curve", edit(4, func(b []byte) []byte {
			copy(b[15:], offCurve(t))
			return b
		}), "our TLS point"},
		{"handshake with oneself", edit(4, func(b []byte) []byte {
			copy(b[81:], b[14:81])
			return b
		}), "same TLS point"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Decode(tt.in)
			if m != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("have %v, %v, want an error with %q", m, err, tt.want)
			}
		})
	}
	for _, m := range samples(t) {
		b := encode(t, m)
		for n := range b {
			if _, err := Decode(b[:n]); err == nil {
				t.Errorf("%v: %d of %d bytes accepted", m.Kind(), n, len(b))
			}
		}
		if _, err := Decode(append(b, 0)); err == nil {
			t.Errorf("%v: a trailing byte accepted", m.Kind())
		}
	}
}

// overPrime returns p + 1 for the field prime p = 2^521 - 1: a second encoding
// of x = 1.
func overPrime() []byte {
	x := make([]byte, 66)
	x[0] = 2
	return x
}

// offCurve returns the smallest x that no point has.
func offCurve(t *testing.T) []byte {
	t.Helper()
	p := TLSPoint{0: 2}
	for p[66] = range byte(32) {
		if !p.Valid() {
			return p[1:]
		}
	}
	t.Fatal("every small x is on the curve")
	return nil
}

func TestValidate(t *testing.T) {
	for _, m := range samples(t) {
		if err := Validate(m); err != nil {
			t.Error(err)
		}
	}
	good := handshake(t)
	bad := good
	bad.Our[0] = 4
	same := good
	same.Their = good.Our
	// The same x with the other y is another point, hence another identity.
	mirror := good
	mirror.Their = good.Our
	mirror.Their[0] ^= 1
	if err := Validate(mirror); err != nil {
		t.Error(err)
	}
	vote := Vote{Value: true}
	refused := map[string]Message{
		"nil":             nil,
		"pointer":         &vote,
		"embedded":        struct{ Vote }{vote},
		"zero handshake":  Handshake{},
		"bad point":       bad,
		"same points":     same,
		"embedded of bad": struct{ Handshake }{bad},
	}
	for name, m := range refused {
		if Validate(m) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestTLSPointBits(t *testing.T) {
	p := handshake(t).Our
	// The bits above 521 must be zero and the sign must be 2 or 3.
	for bit := range 16 {
		q := p
		q[bit/8] ^= 1 << (bit % 8)
		if want := bit == 0; bit != 8 && q.Valid() != want {
			t.Errorf("bit %d flipped: valid is %v", bit, q.Valid())
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range samples(f) {
		b := encode(f, m)
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		if err := Validate(m); err != nil {
			t.Fatalf("decoded, but %v", err)
		}
		if have := encode(t, m); !bytes.Equal(have, b) {
			t.Fatalf("not canonical: %x encodes as %x", b, have)
		}
		want := 32
		if m.Kind() == KindFinality {
			want = 80
		}
		if n := len(m.SignBytes()); n != want {
			t.Fatalf("%v: %d sign bytes, want %d", m.Kind(), n, want)
		}
		if slot, ok := SlotOf(m); ok && slot.Kind != m.Kind() {
			t.Fatalf("%v has slot %v", m.Kind(), slot)
		}
	})
}

func BenchmarkDecodeHandshake(b *testing.B) {
	text := encode(b, handshake(b))
	for b.Loop() {
		if _, err := Decode(text); err != nil {
			b.Fatal(err)
		}
	}
}
