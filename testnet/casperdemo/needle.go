package main

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/edwards25519"

	"casper-cosigner/testnet/localnet"
)

// needle is something to search for.
type needle struct {
	name string
	text []byte
}

// secretNeedles are the forms in which a validator's secret may lie about: the seed, and the scalar
// that signatures are made with (RFC 8032, section 5.1.5).
func secretNeedles(k localnet.Key) ([]needle, error) {
	seed := k.Seed()
	file, err := k.PEM()
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(file)
	if block == nil {
		return nil, errors.New("reading a secret key: no PEM")
	}
	expanded := sha512.Sum512(seed[:])
	reduced, err := edwards25519.NewScalar().SetBytesWithClamping(expanded[:32])
	if err != nil {
		return nil, fmt.Errorf("expanding a secret key: %w", err)
	}
	clamped := bytes.Clone(expanded[:32])
	clamped[0] &= 248
	clamped[31] = clamped[31]&127 | 64
	return []needle{
		{"the seed", seed[:]},
		{"the seed in hex", []byte(hex.EncodeToString(seed[:]))},
		{"the seed in upper-case hex", []byte(strings.ToUpper(hex.EncodeToString(seed[:])))},
		{"the PEM's base64", []byte(base64.StdEncoding.EncodeToString(block.Bytes))},
		{"SHA-512 of the seed", expanded[:32]},
		{"the clamped scalar", clamped},
		{"the scalar", reduced.Bytes()},
	}, nil
}

// scanSize is how much is searched at once, in bytes.
const scanSize = 1 << 20

// scan reads r to its end and adds to found how often it met each needle, by name. It returns how
// many bytes it read, and the reader's error if that is not its end.
func scan(r io.Reader, needles []needle, found map[string]int) (int64, error) {
	longest := 1
	for _, n := range needles {
		longest = max(longest, len(n.text))
	}
	buffer := make([]byte, longest-1+scanSize)
	kept, read := 0, int64(0) // kept: the end of what was searched, in which a needle may begin
	for {
		n, err := io.ReadFull(r, buffer[kept:])
		read += int64(n)
		text := buffer[:kept+n]
		for _, needle := range needles {
			found[needle.name] += countNew(text, needle.text, kept)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return read, nil
		case err != nil:
			return read, err
		}
		kept = copy(buffer, text[len(text)-(longest-1):])
	}
}

// countNew counts where needle stands in text, unless it ends within the first kept bytes, which
// were searched before.
func countNew(text, needle []byte, kept int) int {
	count := 0
	for at := max(0, kept-len(needle)+1); ; {
		i := bytes.Index(text[at:], needle)
		if i < 0 {
			return count
		}
		count++
		at += i + 1
	}
}
