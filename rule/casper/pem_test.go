package casper

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keyFile returns a recorded network's key file and the seed in it.
func keyFile(t *testing.T) (text []byte, seed [32]byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "node-1.secret_key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	seed, err = ParseSecretKeyPEM(text)
	if err != nil {
		t.Fatal(err)
	}
	return text, seed
}

// leaks reports whether s shows four or more bytes of the key.
func leaks(s string, seed [32]byte) bool {
	texts := []string{hex.EncodeToString(seed[:]), string(secretKeyPEM(seed)[28:92])}
	for _, text := range texts {
		for i := 0; i+8 <= len(text); i++ {
			if strings.Contains(strings.ToLower(s), strings.ToLower(text[i:i+8])) {
				return true
			}
		}
	}
	return false
}

func block(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func TestParseSecretKeyPEM(t *testing.T) {
	text, seed := keyFile(t)
	good := map[string][]byte{
		"as written":       text,
		"DOS line ends":    bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")),
		"no last line end": bytes.TrimSpace(text),
		"blank lines":      append([]byte("\n\n"), append(text, "\n\n"...)...),
	}
	for name, in := range good {
		if have, err := ParseSecretKeyPEM(in); err != nil || have != seed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseSecretKeyPEMRefuses(t *testing.T) {
	text, seed := keyFile(t)
	der := append([]byte(pkcs8Prefix), seed[:]...)
	with := func(i int, v byte) []byte {
		d := bytes.Clone(der)
		d[i] = v
		return block("PRIVATE KEY", d)
	}
	// PKCS#8 and SEC 1 forms of a secp256k1 key, the private scalar being seed.
	k1pkcs8 := append(unhex(t, "303e020100301006072a8648ce3d020106052b8104000a042730250201010420"), seed[:]...)
	k1sec1 := append(append(unhex(t, "302e0201010420"), seed[:]...), unhex(t, "a00706052b8104000a")...)
	v2 := append(append(unhex(t, "3051020101300506032b657004220420"), seed[:]...),
		append(unhex(t, "812100"), make([]byte, 32)...)...)
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "empty"},
		{"blank", []byte(" \n\t"), "empty"},
		{"no PEM", []byte("hello"), "does not start"},
		{"raw DER", der, "does not start"},
		{"bare hex", []byte(hex.EncodeToString(seed[:])), "does not start"},
		{"bare base64", []byte(base64.StdEncoding.EncodeToString(der)), "does not start"},
		{"text in front", append([]byte("my key\n"), text...), "does not start"},
		{"text behind", append(bytes.Clone(text), "my key\n"...), "more than one"},
		{"two blocks", append(bytes.Clone(text), text...), "more than one"},
		{"damaged block in front", append([]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n"), text...), "more than one"},
		{"cut", text[:len(text)-10], "damaged"},
		{"not base64", bytes.Replace(text, []byte("MC4C"), []byte("M*4C"), 1), "damaged"},
		{"headers", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY",
			Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: der}), "headers"},
		{"encrypted", block("ENCRYPTED PRIVATE KEY", der), "not labelled PRIVATE KEY"},
		{"public key", block("PUBLIC KEY", der), "not labelled PRIVATE KEY"},
		{"certificate", block("CERTIFICATE", der), "not labelled PRIVATE KEY"},
		{"no bytes", block("PRIVATE KEY", nil), "not PKCS#8"},
		{"only the seed", block("PRIVATE KEY", seed[:]), "not PKCS#8"},
		{"one byte short", block("PRIVATE KEY", der[:47]), "47 bytes, want 48"},
		{"trailing byte", block("PRIVATE KEY", append(bytes.Clone(der), 0)), "49 bytes, want 48"},
		{"version 2 with public key", block("PRIVATE KEY", v2), "not PKCS#8 version 1"},
		{"version 1 called 2", with(4, 1), "not PKCS#8"},
		{"X25519", with(11, 0x6e), "not PKCS#8"},
		{"Ed448", with(11, 0x71), "not PKCS#8"},
		{"secp256k1 as casper-node writes it", block("EC PRIVATE KEY", k1sec1), ErrSecp256k1.Error()},
		{"secp256k1 in PKCS#8", block("PRIVATE KEY", k1pkcs8), ErrSecp256k1.Error()},
		{"secp256k1 with parameters",
			append(block("EC PARAMETERS", []byte(oidSecp256k1)), block("EC PRIVATE KEY", k1sec1)...), ErrSecp256k1.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			have, err := ParseSecretKeyPEM(tt.in)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("have error %v, want one with %q", err, tt.want)
			}
			if have != [32]byte{} {
				t.Error("a seed is returned beside the error")
			}
			if errors.Is(err, ErrSecp256k1) != strings.HasPrefix(tt.name, "secp256k1") {
				t.Errorf("is ErrSecp256k1: %v", errors.Is(err, ErrSecp256k1))
			}
			if leaks(err.Error(), seed) {
				t.Error("the error shows the key")
			}
		})
	}
}

// A flipped bit is refused, or it makes another seed (the form has no
// checksum); it never passes unnoticed and never shows in an error.
func TestParseSecretKeyPEMFlippedBits(t *testing.T) {
	text, seed := keyFile(t)
	for bit := range 8 * len(text) {
		in := bytes.Clone(text)
		in[bit/8] ^= 1 << (bit % 8)
		have, err := ParseSecretKeyPEM(in)
		if err == nil && have == seed {
			t.Errorf("bit %d of byte %d: the same key", bit%8, bit/8)
		}
		if err != nil && leaks(err.Error(), seed) {
			t.Errorf("bit %d of byte %d: the error shows the key", bit%8, bit/8)
		}
	}
	der := append([]byte(pkcs8Prefix), seed[:]...)
	for bit := range 8 * len(pkcs8Prefix) {
		in := bytes.Clone(der)
		in[bit/8] ^= 1 << (bit % 8)
		if _, err := ParseSecretKeyPEM(block("PRIVATE KEY", in)); err == nil {
			t.Errorf("bit %d of byte %d of the DER: accepted", bit%8, bit/8)
		}
	}
}

// secretKeyPEM returns the file that casper-node writes for seed.
func secretKeyPEM(seed [32]byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: append([]byte(pkcs8Prefix), seed[:]...)})
}
