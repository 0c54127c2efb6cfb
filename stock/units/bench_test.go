package units_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"casper-cosigner/stock/units"
)

// bigEra returns a unit file of 900 rounds of 100 validators: 35 MB. Ours has index 42. What others
// signed is not valid, which nobody asks here.
func bigEra() (us signer, file []byte) {
	us, era := newSigner(1, 42), instanceOf(1)
	var cast [100]signer
	for i := range cast {
		cast[i] = newSigner(byte(2+i), uint32(i))
	}
	for round := range uint32(900) {
		file = append(file, proposed(round, true)...)
		for _, b := range []string{"echo", "vote"} {
			content := vote(true)
			if b == "echo" {
				content = echo("block")
			}
			for _, v := range cast {
				if content.Instance, content.Round, content.Validator = era, round, v.index; v.index == us.index {
					content = us.cast(era, round, content)
				}
				file = units.Append(file, content)
			}
		}
	}
	return us, file
}

// BenchmarkBigEra: how long it takes to go through the largest file that there is in practice.
func BenchmarkBigEra(b *testing.B) {
	us, file := bigEra()
	own := func() *units.Own {
		o := ownOf(us, instanceOf(1))
		if err := o.At(us.index); err != nil {
			b.Fatal(err)
		}
		return o
	}
	for name, run := range map[string]func() error{
		"read":  func() error { _, _, err := read(bytes.NewReader(file)); return err },
		"scan":  func() error { _, err := units.Scan(bytes.NewReader(file), own()); return err },
		"merge": func() error { _, err := units.Merge(bytes.NewReader(file), own(), nil); return err },
		"split": func() error {
			s := units.NewSplitter(own(), 0)
			for w := range slices.Chunk(file, 8<<10) {
				if _, err := s.Split(w); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				if err := run(); err != nil && !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
			}
		})
	}
}
