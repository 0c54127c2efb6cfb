package node

import (
	"encoding/gob"
	"fmt"
	"os"

	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/zug"
)

// unitLog is what casper-node writes into its unit files: what it has seen of the running era. Like
// there, nothing is synced to the disk; a killed process leaves what it wrote.
type unitLog struct {
	file *os.File
	out  *gob.Encoder
}

// logged is one entry; gob wants a struct around an interface.
type logged struct{ Message zug.Message }

// openLog returns an empty log and what was in the one that it takes the place of.
func openLog(path string) (*unitLog, []zug.Message, error) {
	hub.Register()
	var old []zug.Message
	if f, err := os.Open(path); err == nil {
		in := gob.NewDecoder(f)
		for {
			var l logged
			if in.Decode(&l) != nil { // the end, or an entry that the process died over
				break
			}
			old = append(old, l.Message)
		}
		f.Close()
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the node's log: %w", err)
	}
	return &unitLog{file: f, out: gob.NewEncoder(f)}, old, nil
}

// add logs a message if it is of consensus.
func (l *unitLog) add(m zug.Message) {
	switch m := m.(type) {
	case zug.SyncResponse:
		if len(m.Signed) == 0 {
			return
		}
	case zug.Signed, zug.Proposed:
	default:
		return
	}
	l.out.Encode(logged{m}) //nolint:errcheck // a lost entry is what a crash is about
}

// reset begins anew, with the next era.
func (l *unitLog) reset() {
	l.file.Truncate(0) //nolint:errcheck // as above
	l.file.Seek(0, 0)  //nolint:errcheck // as above
	l.out = gob.NewEncoder(l.file)
}

func (l *unitLog) close() { l.file.Close() }
