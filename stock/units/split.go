package units

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// keptBuffer is the largest buffer that is kept for the next entry. All but proposals fit.
const keptBuffer = 64 << 10

// Piece is a whole entry as it was written.
type Piece struct {
	Entry
	Ours bool   // it must be claimed before it is written: Own.Ours
	Raw  []byte // with its length in front; valid until the next call
}

// Splitter cuts what a node writes to a unit file into entries, however they are spread over the
// writes. NewSplitter makes one. After an error it returns the same again: what the node goes on
// writing has no place, and casper-node's BufWriter writes the same bytes once more when it is
// dropped.
type Splitter struct {
	own    *Own
	at     int64  // where the next entry begins
	buf    []byte // what was written and not dropped yet
	done   int    // so many bytes of it are entries that were returned
	pieces []Piece
	raw    bytes.Reader
	read   *Reader
	err    error
}

// NewSplitter returns a Splitter for what is appended to a file whose entries end at that offset.
func NewSplitter(own *Own, end int64) *Splitter {
	return &Splitter{own: own, at: end, read: NewReader(nil)}
}

// Offset returns where the whole entries end.
func (s *Splitter) Offset() int64 { return s.at }

// Pending returns how many bytes were written behind them.
func (s *Splitter) Pending() int { return len(s.buf) - s.done }

// Split takes what was written and returns the entries that are whole with it, which are valid
// until the next call. The error is a *DamageError or an *IndexError; then no entry is returned,
// also none that stood before, because a write fails as one.
func (s *Splitter) Split(written []byte) ([]Piece, error) {
	if s.err != nil {
		return nil, s.err
	}
	rest := s.buf[s.done:]
	if len(rest) == 0 && cap(s.buf) > keptBuffer {
		s.buf, rest = nil, nil
	}
	s.buf = append(append(s.buf[:0], rest...), written...)
	s.done, s.pieces = 0, s.pieces[:0]
	for {
		rest := s.buf[s.done:]
		size, err := entrySize(rest)
		if err != nil {
			return nil, s.fail(err)
		}
		if size == 0 || size > uint64(len(rest)) {
			return s.pieces, nil
		}
		p, err := s.piece(rest[:size:size])
		if err != nil {
			return nil, s.fail(err)
		}
		s.pieces = append(s.pieces, p)
		s.done += int(size)
		s.at += int64(size)
	}
}

func (s *Splitter) fail(err error) error {
	var d damage
	if errors.As(err, &d) {
		err = &DamageError{Offset: s.at, Problem: string(d)}
	}
	s.err, s.buf, s.done, s.pieces = err, nil, 0, nil
	return err
}

func (s *Splitter) piece(raw []byte) (Piece, error) {
	e, err := s.read.one(&s.raw, raw)
	if err != nil {
		return Piece{}, err
	}
	e.Offset = s.at
	p := Piece{Entry: e, Raw: raw}
	if e.Kind == Signed {
		p.Ours, err = s.own.Ours(e.First)
	}
	return p, err
}

// one reads the one entry that raw is.
func (r *Reader) one(in *bytes.Reader, raw []byte) (Entry, error) {
	in.Reset(raw)
	r.in.Reset(in)
	e, err := r.next()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = damaged("an entry that ends before its length says")
	}
	return e, err
}

// Parse returns the one entry that raw is, with its length in front and nothing behind it. The
// error is a *DamageError.
func Parse(raw []byte) (Entry, error) {
	size, err := entrySize(raw)
	if err == nil && size != uint64(len(raw)) {
		err = damaged("%d bytes are no whole entry", len(raw))
	}
	var e Entry
	if err == nil {
		e, err = NewReader(nil).one(new(bytes.Reader), raw)
	}
	var d damage
	if errors.As(err, &d) {
		return Entry{}, &DamageError{Problem: string(d)}
	}
	return e, err
}

// entrySize returns how long the first entry is, with its length in front; 0 if that is not there
// yet. What no entry begins with is damage at once, before as many bytes are waited for as it says.
func entrySize(b []byte) (uint64, error) {
	if len(b) < sizeOfSize {
		return 0, nil
	}
	size := binary.LittleEndian.Uint64(b)
	if size < tagSize || size > MaxEntry {
		return 0, damaged("an entry of %d bytes", size)
	}
	if len(b) >= sizeOfSize+tagSize {
		if err := checkSize(Kind(binary.LittleEndian.Uint32(b[sizeOfSize:])), size); err != nil {
			return 0, err
		}
	}
	return sizeOfSize + size, nil
}
