package localnet

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"casper-cosigner/rule/casper"
)

// The binary port's protocol (casper-node BINARY_PORT_PROTOCOL.md, casper-binary-port command.rs).
const (
	binaryPortVersion    = 1
	tryAcceptTransaction = 1
	longestAnswer        = 1 << 20
)

// RefusedError says that a node did not take a transaction.
type RefusedError struct {
	Code uint16 // casper-binary-port error_code.rs
}

func (e RefusedError) Error() string {
	return fmt.Sprintf("the node refused the transaction, binary port error %d", e.Code)
}

// Transaction is one that Send can make: a Transfer or an Activation.
type Transaction interface{ native() native }

// Send hands a transaction to the node, over its binary port, and returns its hash. That the node
// has taken it does not say that it was executed: see Record.Processed.
func (n *Node) Send(ctx context.Context, t Transaction) (casper.Hash, error) {
	transaction, hash := t.native().encode(n.chain)
	if err := n.ask(ctx, tryAcceptTransaction, transaction); err != nil {
		return casper.Hash{}, fmt.Errorf("sending a transaction to %s: %w", n.Name, err)
	}
	return hash, nil
}

// ask makes one request of the binary port, on a connection of its own.
func (n *Node) ask(ctx context.Context, command byte, payload []byte) error {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", n.BinaryPort)
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		conn.SetDeadline(time.Unix(0, 1)) //nolint:errcheck // the connection is gone then
	})
	defer stop()
	request := binary.LittleEndian.AppendUint16(nil, binaryPortVersion)
	request = append(request, command)
	request = binary.LittleEndian.AppendUint16(request, 0) // the request's number, which is given back
	if _, err := conn.Write(withLength(append(request, payload...))); err != nil {
		return err
	}
	var length [4]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return err
	}
	size := binary.LittleEndian.Uint32(length[:])
	if size > longestAnswer {
		return fmt.Errorf("an answer of %d bytes", size)
	}
	answer := make([]byte, size)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	return readAnswer(answer)
}

// readAnswer finds the error code in an answer: behind the request, with its length, and
// the version.
func readAnswer(answer []byte) error {
	if len(answer) < 4 {
		return fmt.Errorf("the answer is %d bytes", len(answer))
	}
	rest := answer[4:]
	request := uint64(binary.LittleEndian.Uint32(answer))
	if uint64(len(rest)) < request+4 {
		return fmt.Errorf("the answer is cut off at %d bytes", len(answer))
	}
	rest = rest[request:]
	if version := binary.LittleEndian.Uint16(rest); version != binaryPortVersion {
		return fmt.Errorf("the answer is of version %d", version)
	}
	if code := binary.LittleEndian.Uint16(rest[2:]); code != 0 {
		return RefusedError{Code: code}
	}
	return nil
}
