package cluster

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"

	"casper-cosigner/rule/casper"
)

// ErrRequestSignature says that a request is not signed by the node that it names.
var ErrRequestSignature = errors.New("the request is not signed by the node that it names")

// Each kind of signed text begins with a tag of its own, so that none can pass for
// another, nor for TLS's.
const (
	requestTag           = "casper-cosigner request 1\x00"
	datedRequestTag      = "casper-cosigner request 2\x00"
	registrationTag      = "casper-cosigner registration 1\x00"
	datedRegistrationTag = "casper-cosigner registration 2\x00"
	resetTag             = "casper-cosigner reset-heights 4\x00"
)

// SignRequest signs a node's request for the message with its failover key. askedAt is the log's
// index at which it asks, 0 in the form of before, which does not say.
func (f *File) SignRequest(key ed25519.PrivateKey, node string, m casper.Message, askedAt uint64) ([64]byte, error) {
	text, err := f.requestText(node, m, askedAt)
	if err != nil {
		return [64]byte{}, err
	}
	return [64]byte(ed25519.Sign(key, text)), nil
}

// SignRegistration signs a node's registration of its TLS point with its failover key; askedAt as
// in SignRequest.
func (f *File) SignRegistration(key ed25519.PrivateKey, node string, point casper.TLSPoint, askedAt uint64) [64]byte {
	return [64]byte(ed25519.Sign(key, f.registrationText(node, point, askedAt)))
}

func (f *File) requestText(node string, m casper.Message, askedAt uint64) ([]byte, error) {
	text := f.head(requestTag, node)
	if askedAt > 0 {
		text = binary.BigEndian.AppendUint64(f.head(datedRequestTag, node), askedAt)
	}
	text, err := m.AppendBinary(text)
	if err != nil {
		return nil, fmt.Errorf("encoding request: %w", err)
	}
	return text, nil
}

func (f *File) registrationText(node string, point casper.TLSPoint, askedAt uint64) []byte {
	text := f.head(registrationTag, node)
	if askedAt > 0 {
		text = binary.BigEndian.AppendUint64(f.head(datedRegistrationTag, node), askedAt)
	}
	return append(text, point[:]...)
}

// head is tag, cluster id (16 bytes), length of the name (1 byte), name. In what is dated the index
// follows, 8 bytes, big-endian.
func (f *File) head(tag, node string) []byte {
	b := append(make([]byte, 0, 256), tag...)
	b = append(b, f.ID...)
	b = append(b, byte(len(node)))
	return append(b, node...)
}
