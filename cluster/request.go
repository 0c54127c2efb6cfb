package cluster

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"casper-cosigner/rule/casper"
)

// ErrRequestSignature says that a request is not signed by the node that it names.
var ErrRequestSignature = errors.New("the request is not signed by the node that it names")

// Each kind of signed text begins with a tag of its own, so that none can pass for
// another, nor for TLS's.
const (
	requestTag      = "casper-cosigner request 1\x00"
	registrationTag = "casper-cosigner registration 1\x00"
	resetTag        = "casper-cosigner reset-heights 1\x00"
)

// SignRequest signs a node's request for the message with its failover key.
func (f *File) SignRequest(key ed25519.PrivateKey, node string, m casper.Message) ([64]byte, error) {
	text, err := f.requestText(node, m)
	if err != nil {
		return [64]byte{}, err
	}
	return [64]byte(ed25519.Sign(key, text)), nil
}

// SignRegistration signs a node's registration of its TLS point with its failover key.
func (f *File) SignRegistration(key ed25519.PrivateKey, node string, point casper.TLSPoint) [64]byte {
	return [64]byte(ed25519.Sign(key, f.registrationText(node, point)))
}

func (f *File) requestText(node string, m casper.Message) ([]byte, error) {
	text, err := m.AppendBinary(f.head(requestTag, node))
	if err != nil {
		return nil, fmt.Errorf("encoding request: %w", err)
	}
	return text, nil
}

func (f *File) registrationText(node string, point casper.TLSPoint) []byte {
	return append(f.head(registrationTag, node), point[:]...)
}

// head is tag, cluster id (16 bytes), length of the name (1 byte), name.
func (f *File) head(tag, node string) []byte {
	b := append(make([]byte, 0, 256), tag...)
	b = append(b, f.ID...)
	b = append(b, byte(len(node)))
	return append(b, node...)
}
