package main

import (
	"encoding/binary"
	"math/bits"
)

const (
	digestSize = 32
	blockSize  = 128
	rounds     = 12
)

// blake2b is BLAKE2b with a digest of 32 bytes and no key (RFC 7693).
func blake2b(data []byte) [digestSize]byte {
	h := iv()
	h[0] ^= 0x01010000 ^ digestSize // parameter block: fanout 1, depth 1, digest length
	for n := 0; ; n += blockSize {
		rest := data[n:]
		if len(rest) <= blockSize {
			var last [blockSize]byte
			copy(last[:], rest)
			compress(&h, &last, uint64(len(data)), true)
			break
		}
		compress(&h, (*[blockSize]byte)(rest[:blockSize]), uint64(n+blockSize), false)
	}
	var out [digestSize]byte
	for i := range digestSize / 8 {
		binary.LittleEndian.PutUint64(out[8*i:], h[i])
	}
	return out
}

// iv is that of SHA-512 (RFC 7693, section 2.6).
func iv() [8]uint64 {
	return [8]uint64{
		0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
		0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
	}
}

// sigma is the order of the message's words in each round; rounds 10 and 11 begin anew
// (section 2.7).
func sigma(round int) [16]int {
	return [10][16]int{
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
		{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
		{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
		{7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
		{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
		{2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
		{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
		{13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
		{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
		{10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
	}[round%10]
}

// compress is F (section 3.2); length is the number of bytes so far, this block's included.
func compress(h *[8]uint64, block *[blockSize]byte, length uint64, last bool) {
	var m [16]uint64
	for i := range m {
		m[i] = binary.LittleEndian.Uint64(block[8*i:])
	}
	var v [16]uint64
	start := iv()
	copy(v[:8], h[:])
	copy(v[8:], start[:])
	v[12] ^= length
	if last {
		v[14] = ^v[14]
	}
	mix := func(a, b, c, d int, x, y uint64) {
		v[a] += v[b] + x
		v[d] = bits.RotateLeft64(v[d]^v[a], -32)
		v[c] += v[d]
		v[b] = bits.RotateLeft64(v[b]^v[c], -24)
		v[a] += v[b] + y
		v[d] = bits.RotateLeft64(v[d]^v[a], -16)
		v[c] += v[d]
		v[b] = bits.RotateLeft64(v[b]^v[c], -63)
	}
	for round := range rounds {
		s := sigma(round)
		for i := range 4 { // columns
			mix(i, 4+i, 8+i, 12+i, m[s[2*i]], m[s[2*i+1]])
		}
		for i := range 4 { // diagonals
			mix(i, 4+(i+1)%4, 8+(i+2)%4, 12+(i+3)%4, m[s[8+2*i]], m[s[9+2*i]])
		}
	}
	for i := range h {
		h[i] ^= v[i] ^ v[i+8]
	}
}
