package casper

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"filippo.io/edwards25519"
)

func TestTexts(t *testing.T) {
	digits := strings.Repeat("0f", 32)
	var h Hash
	var k PublicKey
	var s Signature
	type text interface {
		encoding.TextUnmarshaler
		encoding.TextMarshaler
		fmt.Stringer
	}
	for want, v := range map[string]text{digits: &h, "01" + digits: &k, "01" + digits + digits: &s} {
		if err := v.UnmarshalText([]byte(want)); err != nil {
			t.Errorf("%T: %v", v, err)
		}
		b, err := v.MarshalText()
		if err != nil || string(b) != want || v.String() != want {
			t.Errorf("%T: have %s, %v, want %s", v, b, err, want)
		}
		for _, bad := range []string{
			"", want[:len(want)-1], want[:len(want)-2], want + "0", want + "00", " " + want[1:],
			strings.ToUpper(want), strings.Replace(want, "0f", "0g", 1), "0x" + want[2:], want + "\n",
		} {
			if err := v.UnmarshalText([]byte(bad)); err == nil {
				t.Errorf("%T: %q accepted", v, bad)
			}
		}
		if v.String() != want {
			t.Errorf("%T: changed by a refused text", v)
		}
	}
}

func TestTags(t *testing.T) {
	_, errKey := ParsePublicKey("02" + strings.Repeat("03", 33))
	_, errSig := ParseSignature("02" + strings.Repeat("00", 64))
	for _, err := range []error{errKey, errSig} {
		if !errors.Is(err, ErrSecp256k1) {
			t.Errorf("tag 02: have %v", err)
		}
	}
	for _, tag := range []string{"00", "03", "10", ""} {
		_, err := ParsePublicKey(tag + strings.Repeat("00", 32))
		if err == nil || errors.Is(err, ErrSecp256k1) {
			t.Errorf("key with tag %q: have %v", tag, err)
		}
		if _, err := ParseSignature(tag + strings.Repeat("00", 64)); err == nil {
			t.Errorf("signature with tag %q accepted", tag)
		}
	}
}

func TestKindString(t *testing.T) {
	for kind, want := range map[Kind]string{
		KindEcho: "echo", KindVote: "vote", KindFinality: "finality", KindHandshake: "handshake", 9: "kind(9)",
	} {
		if have := kind.String(); have != want {
			t.Errorf("have %q, want %q", have, want)
		}
	}
}

// smallOrder holds every encoding that decodes to a point of order 1, 2, 4 or
// 8: eight points, six of which have a second spelling.
var smallOrder = []string{
	"0100000000000000000000000000000000000000000000000000000000000000", // order 1
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
	"0000000000000000000000000000000000000000000000000000000000000000", // order 4
	"0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"0100000000000000000000000000000000000000000000000000000000000080", // not canonical: order 1, x is -0
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", // order 2, x is -0
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 4, y is p
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 1, y is p + 1
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
}

func TestVerifyStrictRefusesSmallOrderKeys(t *testing.T) {
	for _, enc := range smallOrder {
		t.Run(enc, func(t *testing.T) {
			key := PublicKey(unhex(t, enc))
			// With S = 1 and R = B the equation holds whenever the hash is a
			// multiple of the key's order.
			var sig Signature
			copy(sig[:], edwards25519.NewGeneratorPoint().Bytes())
			sig[32] = 1
			msg := findMessage(t, func(msg []byte) bool { return ed25519.Verify(key[:], msg, sig[:]) })
			if VerifyStrict(key, msg, sig) {
				t.Error("a forgery verifies")
			}
		})
	}
}

func TestVerifyStrictRefusesSmallOrderR(t *testing.T) {
	a := scalar(t, 7)
	for _, enc := range smallOrder[:8] { // stdlib refuses the others: it encodes R itself
		t.Run(enc, func(t *testing.T) {
			// Key A = aB + T with T of order 8; S = ha leaves R = -hT.
			torsion, err := new(edwards25519.Point).SetBytes(unhex(t, smallOrder[4]))
			if err != nil {
				t.Fatal(err)
			}
			key := PublicKey(torsion.Add(torsion, new(edwards25519.Point).ScalarBaseMult(a)).Bytes())
			var sig Signature
			msg := findMessage(t, func(msg []byte) bool {
				h := sha512.Sum512(slices.Concat(unhex(t, enc), key[:], msg))
				k, err := new(edwards25519.Scalar).SetUniformBytes(h[:])
				if err != nil {
					t.Fatal(err)
				}
				sig = Signature(slices.Concat(unhex(t, enc), k.Multiply(k, a).Bytes()))
				return ed25519.Verify(key[:], msg, sig[:])
			})
			if VerifyStrict(key, msg, sig) {
				t.Error("a forgery verifies")
			}
		})
	}
}

// No signature can be made for these keys; they must at least do no harm.
func TestVerifyStrictOddKeys(t *testing.T) {
	odd := map[string]string{
		"y is p + 3, not canonical": "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"y is 2, not on the curve":  "0200000000000000000000000000000000000000000000000000000000000000",
	}
	var sig Signature
	copy(sig[:], edwards25519.NewGeneratorPoint().Bytes())
	sig[32] = 1
	for name, enc := range odd {
		if VerifyStrict(PublicKey(unhex(t, enc)), []byte("message"), sig) {
			t.Errorf("%s: verifies", name)
		}
	}
}

func TestVerifyStrict(t *testing.T) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	key := PublicKey(private.Public().(ed25519.PublicKey))
	msg := []byte("message")
	sig := Signature(ed25519.Sign(private, msg))
	if !VerifyStrict(key, msg, sig) {
		t.Error("a good signature is refused")
	}
	if VerifyStrict(key, []byte("other"), sig) {
		t.Error("a signature of another message verifies")
	}
	for i := range sig {
		bad := sig
		bad[i] ^= 0x10
		if VerifyStrict(key, msg, bad) {
			t.Errorf("verifies with byte %d changed", i)
		}
	}
	if VerifyStrict(key, msg, addOrder(sig)) {
		t.Error("verifies with the group order added to S")
	}
}

// addOrder returns s with the group order added to S: the same scalar, not in
// canonical form.
func addOrder(s Signature) Signature {
	order := [32]byte{
		0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
		0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10,
	}
	carry := 0
	for i := range order {
		carry += int(s[32+i]) + int(order[i])
		s[32+i] = byte(carry)
		carry >>= 8
	}
	return s
}

// findMessage returns the first 8-byte message that ok accepts.
func findMessage(t *testing.T, ok func(msg []byte) bool) []byte {
	t.Helper()
	for i := range uint64(1000) {
		if msg := binary.BigEndian.AppendUint64(nil, i); ok(msg) {
			return msg
		}
	}
	t.Fatal("no message makes the standard library accept the forgery")
	return nil
}

func scalar(t *testing.T, n byte) *edwards25519.Scalar {
	t.Helper()
	s, err := new(edwards25519.Scalar).SetCanonicalBytes(append([]byte{n}, make([]byte, 31)...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The list of small orders is complete: all points of the kind are the
// multiples of one of order 8, and no other spelling of them decodes.
func TestSmallOrderListIsComplete(t *testing.T) {
	eighth, err := new(edwards25519.Point).SetBytes(unhex(t, smallOrder[4]))
	if err != nil {
		t.Fatal(err)
	}
	p := edwards25519.NewIdentityPoint()
	for range 8 {
		if enc := hex.EncodeToString(p.Bytes()); !slices.Contains(smallOrder[:8], enc) {
			t.Errorf("%s is missing", enc)
		}
		p.Add(p, eighth)
	}
	for low := range 19 { // y = p + low
		for _, top := range []byte{0x7f, 0xff} {
			enc := bytes.Repeat([]byte{0xff}, 32)
			enc[0], enc[31] = byte(0xed+low), top
			_, err := new(edwards25519.Point).SetBytes(enc)
			if small := err == nil && !largeOrder(enc); small != slices.Contains(smallOrder, hex.EncodeToString(enc)) {
				t.Errorf("%x: small order is %v", enc, small)
			}
		}
	}
}
