package localnet

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
)

var aTransfer = Transfer{From: FaucetKey(1), To: ValidatorKey(1, 100).Public(), Amount: 2_500_000_000, ID: 7,
	Time: time.UnixMilli(1_900_000_000_000)}

// The hash pins an encoding that a casper-node 2.0.3 took and executed.
func TestTransferEncoding(t *testing.T) {
	transaction, hash := aTransfer.native().encode("casper-localnet")
	if got := hash.String(); got != "0869a3f9d6d06b1c14cc6d380b9d1f88c0b749a10e3d40071a1987783f99ad07" {
		t.Errorf("hash %s", got)
	}
	payload := aTransfer.native().payload("casper-localnet")
	if hash != blake2b.Sum256(payload) || !bytes.Contains(transaction, payload) {
		t.Error("the hash is of something else than the transaction holds")
	}
	signature := casper.Signature(transaction[len(transaction)-64:])
	if !casper.VerifyStrict(aTransfer.From.Public(), hash[:], signature) {
		t.Error("the signature is wrong")
	}
}

func TestU512(t *testing.T) {
	for n, want := range map[uint64]string{0: "00", 1: "0101", 255: "01ff", 256: "020001", 2_500_000_000: "0400f90295"} {
		if got := hex.EncodeToString(u512(n)); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

// answering is a node whose binary port gives this answer to one request, and the request
// that it got.
func answering(t *testing.T, answer func(request []byte) []byte) *Node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		length := make([]byte, 4)
		if _, err := io.ReadFull(conn, length); err != nil {
			return
		}
		request := make([]byte, int(length[0])|int(length[1])<<8)
		if _, err := io.ReadFull(conn, request); err != nil {
			return
		}
		conn.Write(withLength(answer(append(length, request...)))) //nolint:errcheck // the test sees what is missing
	}()
	return &Node{Name: "n", BinaryPort: l.Addr().String(), chain: "casper-localnet"}
}

func TestSend(t *testing.T) {
	transaction, want := aTransfer.native().encode("casper-localnet")
	n := answering(t, func(request []byte) []byte {
		if !bytes.Equal(request[4:], append([]byte{1, 0, 1, 0, 0}, transaction...)) {
			t.Errorf("the request is %x", request)
		}
		return append(withLength(request), 1, 0, 0, 0, 0, 0, 0, 0, 0)
	})
	if hash, err := n.Send(within(t, 5*time.Second), aTransfer); err != nil || hash != want {
		t.Errorf("hash %v, %v", hash, err)
	}
}

func TestSendIsRefused(t *testing.T) {
	tests := map[string]func(request []byte) []byte{
		"refused":       func(r []byte) []byte { return append(withLength(r), 1, 0, 99, 0, 0, 0, 0, 0, 0) },
		"other version": func(r []byte) []byte { return append(withLength(r), 2, 0, 0, 0, 0, 0, 0, 0, 0) },
		"cut off":       func(r []byte) []byte { return withLength(r) },
		"too short":     func([]byte) []byte { return []byte{1} },
		"a lie":         func([]byte) []byte { return []byte{0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0} },
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := answering(t, answer).Send(within(t, 5*time.Second), aTransfer)
			var refused RefusedError
			if err == nil || errors.As(err, &refused) != (name == "refused") || name == "refused" && refused.Code != 99 {
				t.Errorf("got %v", err)
			}
		})
	}
}

// The hashes pin encodings that a casper-node 2.0.3 took and executed.
func TestBidEncodings(t *testing.T) {
	at := time.UnixMilli(1_900_000_000_000)
	for want, transaction := range map[string]Transaction{
		"2f27a74316c470874929ec68dda501b73fcfec5efbe00e9a7a2f6b33a178e049": Activation{Of: ValidatorKey(1, 1), Time: at},
		"da2801da3232edd71884f9204b4fa284662207d790c445e32714a92ab4416d64": Withdrawal{
			Of: ValidatorKey(1, 1), Amount: defaultBond, Time: at},
	} {
		if _, hash := transaction.native().encode("casper-localnet"); hash.String() != want {
			t.Errorf("%T: hash %v, want %s", transaction, hash, want)
		}
	}
}
