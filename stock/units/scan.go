package units

import (
	"errors"
	"io"
	"slices"
)

// Boundaries are the offsets of a file at which an entry begins, and at last where the whole
// entries end. Truncated at one of them, a file stays one that casper-node can read.
type Boundaries []int64

// Has reports whether the offset is one of them.
func (b Boundaries) Has(offset int64) bool {
	_, found := slices.BinarySearch(b, offset)
	return found
}

// End returns where the whole entries end.
func (b Boundaries) End() int64 {
	if len(b) == 0 {
		return 0
	}
	return b[len(b)-1]
}

// Contents is what a file holds.
type Contents struct {
	Boundaries Boundaries
	Ours       []Entry // what must be claimed before the file may be used
	Against    []Entry // evidence that has a signature of ours
	Torn       int64   // bytes behind the last whole entry
	// Why the file cannot be read beyond its last boundary; nil if nothing is there but a torn entry.
	Damage *DamageError
}

// Scan reads a whole file. Damage is no error, because what stands before is as good as ever: the
// error is an *IndexError, or why reading failed.
func Scan(file io.Reader, own *Own) (c Contents, err error) {
	r := NewReader(file)
	for {
		c.Boundaries = append(c.Boundaries, r.Offset())
		e, err := r.Next()
		switch {
		case errors.As(err, &c.Damage), errors.Is(err, io.EOF):
			c.Torn = r.Torn()
			return c, nil
		case err != nil:
			return c, err
		}
		if err := c.add(e, own); err != nil {
			return c, err
		}
	}
}

func (c *Contents) add(e Entry, own *Own) error {
	switch e.Kind {
	case Signed:
		ours, err := own.Ours(e.First)
		if ours {
			c.Ours = append(c.Ours, e)
		}
		return err
	case Evidence:
		if own.signed(e.First) || own.signed(e.Second) {
			c.Against = append(c.Against, e)
		}
	}
	return nil
}
