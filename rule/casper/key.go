package casper

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrSecp256k1 is returned for a key or signature of Casper's other algorithm,
// which cannot be split by FROST(Ed25519). The way out is to move the bid to an
// Ed25519 key (change_bid_public_key).
var ErrSecp256k1 = errors.New("secp256k1 is not supported, only Ed25519 is")

// Tags in front of keys and signatures in Casper's hex form (casper-types
// asymmetric_key.rs).
const (
	tagEd25519   = "01"
	tagSecp256k1 = "02"
)

// PublicKey is an Ed25519 public key as in RFC 8032, without Casper's tag.
type PublicKey [32]byte

// ParsePublicKey reads Casper's form: "01" and 64 lower-case hex digits. It
// returns ErrSecp256k1 for the tag "02". That the bytes are a point of the
// curve is not checked; VerifyStrict does.
func ParsePublicKey(s string) (PublicKey, error) {
	var k PublicKey
	if err := parseTagged(k[:], s); err != nil {
		return PublicKey{}, fmt.Errorf("parsing public key: %w", err)
	}
	return k, nil
}

// String returns "01" and 64 lower-case hex digits.
func (k PublicKey) String() string { return tagEd25519 + hex.EncodeToString(k[:]) }

// MarshalText returns what String does.
func (k PublicKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText accepts what ParsePublicKey does; on error k is unchanged.
func (k *PublicKey) UnmarshalText(text []byte) error {
	parsed, err := ParsePublicKey(string(text))
	if err != nil {
		return err
	}
	*k = parsed
	return nil
}

// Verify reports whether s is k's signature of m, as casper-node would judge.
func (k PublicKey) Verify(m Message, s Signature) bool {
	return VerifyStrict(k, m.SignBytes(), s)
}

// Signature is an Ed25519 signature, R and S as in RFC 8032, without Casper's
// tag.
type Signature [64]byte

// ParseSignature reads Casper's form: "01" and 128 lower-case hex digits. It
// returns ErrSecp256k1 for the tag "02".
func ParseSignature(s string) (Signature, error) {
	var sig Signature
	if err := parseTagged(sig[:], s); err != nil {
		return Signature{}, fmt.Errorf("parsing signature: %w", err)
	}
	return sig, nil
}

// String returns "01" and 128 lower-case hex digits.
func (s Signature) String() string { return tagEd25519 + hex.EncodeToString(s[:]) }

// MarshalText returns what String does.
func (s Signature) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText accepts what ParseSignature does; on error s is unchanged.
func (s *Signature) UnmarshalText(text []byte) error {
	parsed, err := ParseSignature(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// VerifyStrict reports whether sig is key's signature of msg by the rules of
// ed25519-dalek's verify_strict, which casper-node uses: RFC 8032 without
// cofactor, S canonical, neither key nor R of small order. What it accepts,
// casper-node accepts.
func VerifyStrict(key PublicKey, msg []byte, sig Signature) bool {
	return ed25519.Verify(key[:], msg, sig[:]) && largeOrder(key[:]) && largeOrder(sig[:32])
}

// largeOrder reports whether the point that enc is an encoding of does not vanish when multiplied
// by the cofactor 8. Those that do are told by y alone: 0, 1, -1 and the two of order 8, and 0 and
// 1 in the spelling that adds the prime. To decode the point would take a tenth of a verification.
func largeOrder(enc []byte) bool {
	y := [32]byte(enc)
	y[31] &= 0x7f // without the sign of x
	switch hex.EncodeToString(y[:]) {
	case "0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f":
		return false
	}
	return true
}

// parseTagged fills dst from s, which must be the Ed25519 tag and dst's
// lower-case hex form.
func parseTagged(dst []byte, s string) error {
	if strings.HasPrefix(s, tagSecp256k1) {
		return ErrSecp256k1
	}
	digits, ok := strings.CutPrefix(s, tagEd25519)
	if !ok {
		return errors.New(`no "01" tag in front`)
	}
	return parseHex(dst, digits)
}
