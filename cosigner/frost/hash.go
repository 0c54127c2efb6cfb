package frost

import (
	"crypto/sha512"
	"encoding/binary"

	"go.dedis.ch/kyber/v3"
)

// contextString separates the domains of H1, H3, H4 and H5 (RFC 9591 section 6.1).
const contextString = "FROST-ED25519-SHA512-v1"

// h1 hashes to a binding factor.
func h1(g kyber.Group, parts ...[]byte) kyber.Scalar {
	return hashToScalar(g, contextString+"rho", parts...)
}

// h2 hashes to the challenge. It has no prefix, so that the signature is the one
// of RFC 8032 section 5.1.6.
func h2(g kyber.Group, parts ...[]byte) kyber.Scalar {
	return hashToScalar(g, "", parts...)
}

// h3 hashes to a nonce.
func h3(g kyber.Group, parts ...[]byte) kyber.Scalar {
	return hashToScalar(g, contextString+"nonce", parts...)
}

// h4 hashes the message for the binding factors.
func h4(msg []byte) [sha512.Size]byte { return digest(contextString+"msg", msg) }

// h5 hashes the commitment list for the binding factors.
func h5(list []byte) [sha512.Size]byte { return digest(contextString+"com", list) }

// hashToScalar reads the SHA-512 digest as a little-endian integer modulo L.
func hashToScalar(g kyber.Group, prefix string, parts ...[]byte) kyber.Scalar {
	d := digest(prefix, parts...)
	defer clear(d[:])
	return g.Scalar().SetBytes(d[:])
}

func digest(prefix string, parts ...[]byte) (d [sha512.Size]byte) {
	h := sha512.New()
	h.Write([]byte(prefix))
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(d[:0])
	return d
}

// encodeID is the identifier as an encoded scalar (RFC 9591 section 4.3).
func encodeID(id int) (b [scalarSize]byte) {
	binary.LittleEndian.PutUint64(b[:8], uint64(id))
	return b
}
