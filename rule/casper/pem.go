package casper

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// pemType is the label of casper-node's Ed25519 key files.
const pemType = "PRIVATE KEY"

// pkcs8Prefix is all of a PKCS#8 version 1 Ed25519 key (RFC 8410, section 7)
// that comes before the 32 bytes of the seed.
const pkcs8Prefix = "\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"

// oidSecp256k1 is the DER of the curve's name, 1.3.132.0.10.
const oidSecp256k1 = "\x06\x05\x2b\x81\x04\x00\x0a"

// ParseSecretKeyPEM returns the 32-byte seed (RFC 8032 private key) in the text
// of a secret_key.pem as casper-node reads it: one PRIVATE KEY block with 48
// bytes of PKCS#8 version 1 for Ed25519, and nothing but white space around it.
// It returns ErrSecp256k1 for an EC key. No error holds a byte of the key. The
// caller owns both copies of the secret and clears them.
func ParseSecretKeyPEM(text []byte) (seed [32]byte, err error) {
	der, err := soleBlock(text)
	if err != nil {
		return seed, fmt.Errorf("parsing secret key file: %w", err)
	}
	defer clear(der)
	if err := checkPKCS8(der); err != nil {
		return seed, fmt.Errorf("parsing secret key file: %w", err)
	}
	copy(seed[:], der[len(pkcs8Prefix):])
	return seed, nil
}

// soleBlock returns the content of the only PEM block in text.
func soleBlock(text []byte) ([]byte, error) {
	text = bytes.Trim(text, " \t\r\n")
	if len(text) == 0 {
		return nil, errors.New("it is empty")
	}
	// pem.Decode skips what it does not understand, including a damaged first
	// block, so what stands in front is looked at here.
	if !bytes.HasPrefix(text, []byte("-----BEGIN ")) {
		return nil, errors.New("it does not start with a PEM block")
	}
	block, rest := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the PEM block is damaged")
	}
	switch {
	case strings.HasPrefix(block.Type, "EC "):
		clear(block.Bytes)
		return nil, ErrSecp256k1
	case bytes.Count(text, []byte("-----BEGIN ")) != 1 || len(rest) != 0:
		clear(block.Bytes)
		return nil, errors.New("there is more than one PEM block in it, or text after it")
	case block.Type != pemType:
		clear(block.Bytes)
		return nil, fmt.Errorf("the PEM block is not labelled %s", pemType)
	case len(block.Headers) != 0:
		clear(block.Bytes)
		return nil, errors.New("the PEM block has headers; encrypted keys are not supported")
	}
	return block.Bytes, nil
}

// checkPKCS8 refuses all but pkcs8Prefix and 32 bytes.
func checkPKCS8(der []byte) error {
	switch {
	case bytes.Contains(der, []byte(oidSecp256k1)) && !bytes.HasPrefix(der, []byte(pkcs8Prefix)):
		return ErrSecp256k1
	case !bytes.HasPrefix(der, []byte(pkcs8Prefix)):
		return errors.New("it is not PKCS#8 version 1 of an Ed25519 key")
	case len(der) != len(pkcs8Prefix)+32:
		return fmt.Errorf("its PKCS#8 is %d bytes, want %d", len(der), len(pkcs8Prefix)+32)
	}
	return nil
}
