package watermark_test

import (
	"math"
	"testing"

	"casper-cosigner/rule/watermark"
)

// TestFirst judges a first era and height by where the chain is: the last block is 1000 in era 10.
func TestFirst(t *testing.T) {
	const low, far, fine = watermark.TooLow, watermark.FarAbove, watermark.NoDoubt
	within := watermark.Chain{Last: watermark.Mark{Era: 10, Height: 1000}}
	ends := watermark.Chain{Last: within.Last, Ends: true}
	last := watermark.Chain{Last: watermark.Mark{Era: math.MaxUint64, Height: math.MaxUint64}, Ends: true}
	for _, tt := range []struct {
		name        string
		chain       watermark.Chain
		mark        watermark.Mark
		era, height watermark.Doubt
	}{
		{"nothing", within, watermark.Mark{}, low, low},
		{"one below", within, watermark.Mark{Era: 9, Height: 999}, low, low},
		{"of the last block", within, watermark.Mark{Era: 10, Height: 1000}, low, low},
		{"of the next block", within, watermark.Mark{Era: 10, Height: 1001}, low, low},
		{"just above", within, watermark.Mark{Era: 11, Height: 1002}, fine, fine},
		{"the furthest that is not far", within, watermark.Mark{Era: 12, Height: 1257}, fine, fine},
		{"far", within, watermark.Mark{Era: 13, Height: 1258}, far, far},
		{"mistyped by ten thousand eras", within, watermark.Mark{Era: 10011, Height: 1002}, far, fine},
		{"a height for an era", within, watermark.Mark{Era: 1002, Height: 11}, far, low},
		{"an era for a height", within, watermark.Mark{Era: 11, Height: 11}, fine, low},
		{"the highest there is", within, watermark.Mark{Era: math.MaxUint64, Height: math.MaxUint64}, far, far},

		{"of the era that a switch block opened", ends, watermark.Mark{Era: 11, Height: 1002}, low, fine},
		{"of the era after that", ends, watermark.Mark{Era: 12, Height: 1002}, fine, fine},
		{"height of the block after a switch block", ends, watermark.Mark{Era: 12, Height: 1001}, fine, low},
		{"the furthest after a switch block", ends, watermark.Mark{Era: 13, Height: 1257}, fine, fine},
		{"far after a switch block", ends, watermark.Mark{Era: 14, Height: 1258}, far, far},

		{"at the end of all numbers", last, watermark.Mark{Era: math.MaxUint64, Height: math.MaxUint64}, low, low},
		{"wrapped round", last, watermark.Mark{Era: 1, Height: 1}, low, low},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if era, height := tt.chain.Judge(tt.mark); era != tt.era || height != tt.height {
				t.Errorf("%+v: %d and %d, want %d and %d", tt.mark, era, height, tt.era, tt.height)
			}
		})
	}
}

// TestFirstOfChain: what is filled in raises no doubt, at once and some blocks later, unless the
// era ended since.
func TestFirstOfChain(t *testing.T) {
	for _, ends := range []bool{false, true} {
		c := watermark.Chain{Last: watermark.Mark{Era: 10, Height: 1000}, Ends: ends}
		first := c.First()
		for range 63 {
			if era, height := c.Judge(first); era != watermark.NoDoubt || height != watermark.NoDoubt {
				t.Fatalf("%+v at %+v: %d and %d", first, c, era, height)
			}
			c = watermark.Chain{Last: c.Next()}
		}
		if c.Ends = true; c.Next().Era != first.Era {
			t.Fatalf("the next era is %d, the first one %d", c.Next().Era, first.Era)
		}
		if era, _ := c.Judge(first); era != watermark.TooLow {
			t.Errorf("once era %d has begun it is %d, want too low", first.Era, era)
		}
	}
}
