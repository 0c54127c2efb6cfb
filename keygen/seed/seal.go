package seed

import (
	"crypto/ecdh"
	"crypto/hpke"
	"fmt"
)

// SealedSize is how many bytes a sealed piece has: a public key, the piece, and a tag.
const SealedSize = 32 + PieceSize + 16

// Recipient opens pieces that were sealed to it. Draw makes one for each start of a node, and it is
// never kept.
type Recipient struct{ key hpke.PrivateKey }

// Draw returns a new recipient.
func Draw() (*Recipient, error) {
	key, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("drawing a recipient: %w", err)
	}
	return &Recipient{key: key}, nil
}

// Public returns what pieces are sealed to: an X25519 public key.
func (r *Recipient) Public() [32]byte { return [32]byte(r.key.PublicKey().Bytes()) }

// Seal encrypts a piece to a recipient by HPKE (RFC 9180: X25519, HKDF-SHA256, ChaCha20-Poly1305).
// Only who names the same context, of whatever it is for, opens it.
func Seal(p Piece, recipient [32]byte, context []byte) ([]byte, error) {
	key, err := ecdh.X25519().NewPublicKey(recipient[:])
	if err != nil {
		return nil, fmt.Errorf("sealing a piece of the seed: %w", err)
	}
	to, err := hpke.NewDHKEMPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("sealing a piece of the seed: %w", err)
	}
	secret := p.Secret()
	defer clear(secret)
	sealed, err := hpke.Seal(to, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), context, secret)
	if err != nil {
		return nil, fmt.Errorf("sealing a piece of the seed: %w", err)
	}
	return sealed, nil
}

// Open is the inverse of Seal, for the piece of cosigner id.
func (r *Recipient) Open(id int, sealed, context []byte) (Piece, error) {
	if len(sealed) != SealedSize {
		return Piece{}, fmt.Errorf("opening a piece of the seed: %d bytes, want %d", len(sealed), SealedSize)
	}
	secret, err := hpke.Open(r.key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), context, sealed)
	if err != nil {
		return Piece{}, fmt.Errorf("opening a piece of the seed: %w", err)
	}
	defer clear(secret)
	p, err := Parse(id, secret)
	if err != nil {
		return Piece{}, fmt.Errorf("opening a piece of the seed: %w", err)
	}
	return p, nil
}
