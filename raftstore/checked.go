package raftstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/hashicorp/raft"
)

// errDamaged says that the disk gave back something else than was written.
var errDamaged = errors.New("its checksum does not hold")

// keyDirectory holds the id of the state directory that the database belongs to.
const keyDirectory = "Directory"

// checked adds to a database what bbolt has not: a checksum to each entry, in the field that the
// library keeps for such, and to each value. One that does not hold is errDamaged. A value is read
// back once it is written.
type checked struct{ database }

// StoreLog stores one entry.
func (c checked) StoreLog(l *raft.Log) error { return c.StoreLogs([]*raft.Log{l}) }

// StoreLogs stores entries in one durable write.
func (c checked) StoreLogs(logs []*raft.Log) error {
	sealed := make([]*raft.Log, len(logs))
	for i, l := range logs {
		with := *l // the library goes on using its own
		with.Extensions = binary.BigEndian.AppendUint32(slices.Clone(l.Extensions), entrySum(l))
		sealed[i] = &with
	}
	return c.database.StoreLogs(sealed)
}

// GetLog returns an entry as it was stored.
func (c checked) GetLog(index uint64, out *raft.Log) error {
	var l raft.Log
	if err := c.database.GetLog(index, &l); err != nil {
		return err
	}
	if !unseal(&l) || l.Index != index {
		return fmt.Errorf("reading log entry %d: %w", index, errDamaged)
	}
	*out = l
	return nil
}

// unseal takes the checksum off an entry and reports whether it holds.
func unseal(l *raft.Log) bool {
	n := len(l.Extensions) - crc32.Size
	if n < 0 {
		return false
	}
	sum := binary.BigEndian.Uint32(l.Extensions[n:])
	l.Extensions = l.Extensions[:n:n]
	return sum == entrySum(l)
}

// entrySum is of all that the library acts on; when the entry was appended it only measures.
func entrySum(l *raft.Log) uint32 {
	var head []byte
	for _, n := range []uint64{l.Index, l.Term, uint64(l.Type), uint64(len(l.Data))} {
		head = binary.BigEndian.AppendUint64(head, n)
	}
	return checksum(head, l.Data, l.Extensions)
}

func checksum(parts ...[]byte) (sum uint32) {
	table := crc32.MakeTable(crc32.Castagnoli)
	for _, b := range parts {
		sum = crc32.Update(sum, table, b)
	}
	return sum
}

// Set stores a value and reads it back.
func (c checked) Set(key, value []byte) error {
	sealed := binary.BigEndian.AppendUint32(slices.Clone(value), checksum(key, value))
	if err := c.database.Set(key, sealed); err != nil {
		return err
	}
	if got, err := c.database.Get(key); err != nil || !bytes.Equal(got, sealed) {
		return errors.Join(fmt.Errorf("%s was read back as another", key), err)
	}
	return nil
}

// Get returns a value as it was stored.
func (c checked) Get(key []byte) ([]byte, error) {
	sealed, err := c.database.Get(key)
	if err != nil {
		return nil, err
	}
	n := len(sealed) - crc32.Size
	if n < 0 || binary.BigEndian.Uint32(sealed[n:]) != checksum(key, sealed[:n]) {
		return nil, fmt.Errorf("reading %s: %w", key, errDamaged)
	}
	return sealed[:n:n], nil
}

// SetUint64 stores a number.
func (c checked) SetUint64(key []byte, value uint64) error {
	return c.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// GetUint64 returns a number.
func (c checked) GetUint64(key []byte) (uint64, error) {
	b, err := c.Get(key)
	if err != nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("%s has %d bytes", key, len(b))
	}
	return binary.BigEndian.Uint64(b), nil
}

// absent reports whether an error says that a key was never set; the library goes by the text too.
func absent(err error) bool { return err != nil && err.Error() == "not found" }

// seal adds the checksums to a database that an earlier version wrote. It can be cut short and done
// again: what has one is left as it is. Each of its writes goes through guard.
func (c checked) seal(guard func(what string, write func() error) error) error {
	first, err := c.FirstIndex()
	if err != nil {
		return err
	}
	last, err := c.LastIndex()
	if err != nil {
		return err
	}
	var logs []*raft.Log
	for i := first; i <= last && i > 0; i++ {
		var l raft.Log
		switch err := c.database.GetLog(i, &l); {
		case err != nil:
			return fmt.Errorf("reading log entry %d: %w", i, err)
		case l.Index != i:
			return fmt.Errorf("reading log entry %d: %w", i, errDamaged)
		case len(l.Extensions) == 0:
			logs = append(logs, &l)
		}
	}
	for batch := range slices.Chunk(logs, 512) {
		if err := guard("adding checksums", func() error { return c.StoreLogs(batch) }); err != nil {
			return err
		}
	}
	for _, key := range []string{keyTerm, keyVote} {
		if err := guard("adding checksums", func() error { return c.sealValue([]byte(key)) }); err != nil {
			return err
		}
	}
	return nil
}

func (c checked) sealValue(key []byte) error {
	if _, err := c.Get(key); !errors.Is(err, errDamaged) {
		if absent(err) {
			return nil
		}
		return err
	}
	value, err := c.database.Get(key)
	if err != nil {
		return err
	}
	return c.Set(key, value)
}
