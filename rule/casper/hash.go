package casper

import (
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/crypto/blake2b"
)

// Hash is a 32-byte BLAKE2b-256 digest, the hash of everything in Casper but
// TLS identities (casper-types digest.rs).
type Hash [32]byte

// ParseHash reads 64 lower-case hex digits.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if err := parseHex(h[:], s); err != nil {
		return Hash{}, fmt.Errorf("parsing hash: %w", err)
	}
	return h, nil
}

// String returns 64 lower-case hex digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText returns what String does.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText accepts what ParseHash does; on error h is unchanged.
func (h *Hash) UnmarshalText(text []byte) error {
	parsed, err := ParseHash(string(text))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}

// Hex is bytes of any number; their text is lower-case hex.
type Hex []byte

// MarshalText returns lower-case hex digits.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText reads hex digits. Errors do not repeat them, since they may be a secret's; then
// h is unchanged.
func (h *Hex) UnmarshalText(text []byte) error {
	parsed, err := hex.AppendDecode(nil, text)
	if err != nil {
		return errors.New("not hexadecimal")
	}
	*h = parsed
	return nil
}

// ChainNameHash returns the hash that stands for a chain name, such as
// "casper", in finality signatures (casper-types block/chain_name_digest.rs).
func ChainNameHash(name string) Hash { return blake2b.Sum256([]byte(name)) }

// parseHex fills dst from s, which must be exactly its lower-case hex form:
// with one text per value, texts can be compared. Errors do not repeat s, which
// may be a secret pasted into the wrong place.
func parseHex(dst []byte, s string) error {
	if len(s) != 2*len(dst) {
		return fmt.Errorf("%d characters, want %d", len(s), 2*len(dst))
	}
	if _, err := hex.Decode(dst, []byte(s)); err != nil {
		return errors.New("not hexadecimal")
	}
	if hex.EncodeToString(dst) != s {
		return errors.New("hexadecimal is not lower-case")
	}
	return nil
}
