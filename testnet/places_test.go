package testnet

import (
	"strings"
	"testing"
)

// TestPlaced: each member is where it is said to be, and whom nobody speaks of stays.
func TestPlaced(t *testing.T) {
	const text = "main = 'node-a'\n\n" +
		"[[cosigner]]\nname = 'c1'\naddress = '127.0.0.1:1'\nraft_address = '127.0.0.1:2'\n\n" +
		"[[cosigner]]\nname = 'c2'\naddress = '127.0.0.1:3'\n\n[[node]]\nname = 'node-a'\naddress = '127.0.0.1:4'\n"
	want := strings.NewReplacer("127.0.0.1:1", "10.0.0.1:1", "127.0.0.1:2", "10.0.0.1:2", "127.0.0.1:4", "10.0.0.2:4").
		Replace(text)
	if got := placed(text, map[string]string{"c1": "10.0.0.1", "node-a": "10.0.0.2"}); got != want {
		t.Errorf("got %s", got)
	}
}
