package casper

import (
	"bytes"
	"strings"
	"testing"
)

// TestHex: bytes come back, and what is not hexadecimal is not repeated: it may be a secret.
func TestHex(t *testing.T) {
	h := Hex{0, 0xab}
	text, err := h.MarshalText()
	if err != nil || string(text) != "00ab" {
		t.Errorf("%q, %v", text, err)
	}
	var back Hex
	if err := back.UnmarshalText(text); err != nil || !bytes.Equal(back, h) {
		t.Errorf("%x, %v", back, err)
	}
	for _, bad := range []string{"zz", "0"} {
		if err := back.UnmarshalText([]byte(bad)); err == nil || strings.Contains(err.Error(), bad) || !bytes.Equal(back, h) {
			t.Errorf("%q: %x, %v", bad, back, err)
		}
	}
}
