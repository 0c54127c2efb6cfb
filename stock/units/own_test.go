package units_test

import (
	"errors"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units"
)

func of(b casper.Ballot) units.Message { return units.Message{Ballot: b} }

// TestOurs: a message is to be claimed if our key signed it in the file's instance, wherever our
// index is, and however late it becomes known.
func TestOurs(t *testing.T) {
	us, other, third, era := newSigner(1, 3), newSigner(2, 0), newSigner(3, 5), instanceOf(1)
	for name, known := range map[string]bool{"by signatures": false, "by the chain": true} {
		own := units.NewOwn(us.public(), era)
		if known {
			if err := own.At(3); err != nil {
				t.Fatal(err)
			}
		}
		for i, c := range []struct {
			m    casper.Ballot
			want bool
		}{
			{other.cast(era, 1, echo("a")), false},
			{other.cast(era, 1, vote(true)), false},
			{us.cast(era, 1, echo("a")), true},
			{us.cast(era, 1, vote(true)), true},
			{us.cast(instanceOf(2), 1, echo("a")), false}, // of another era
			{newSigner(1, 2).cast(instanceOf(2), 1, echo("a")), false},
			{third.cast(era, 1, vote(false)), false},
			{third.cast(era, 2, vote(false)), false},
			{us.cast(era, 2, vote(false)), true},
		} {
			got, err := own.Ours(of(c.m))
			if err != nil || got != c.want {
				t.Errorf("%s, message %d: ours %v, %v; want %v", name, i, got, err, c.want)
			}
		}
		if index, is := own.Index(); !is || index != 3 {
			t.Errorf("%s: index %d, %v", name, index, is)
		}
	}
}

// TestIndexMoves: another validator left and ours has another index in the next era. What we sign
// there is ours as before, and what the one signs that has our index now is not.
func TestIndexMoves(t *testing.T) {
	before, after, heir := newSigner(1, 3), newSigner(1, 2), newSigner(2, 3)
	for i, us := range []signer{before, after} {
		era := instanceOf(byte(i))
		own := units.NewOwn(us.public(), era)
		if ours, err := own.Ours(of(us.cast(era, 1, echo("a")))); err != nil || !ours {
			t.Errorf("era %d: ours %v, %v", i, ours, err)
		}
		if i == 0 {
			continue
		}
		if ours, err := own.Ours(of(heir.cast(era, 1, echo("b")))); err != nil || ours {
			t.Errorf("the heir's: ours %v, %v", ours, err)
		}
	}
}

// TestWitnessesDisagree: if signatures and the chain do not say the same of an index, nothing is
// told to be another's.
func TestWitnessesDisagree(t *testing.T) {
	us, moved, other, era := newSigner(1, 3), newSigner(1, 2), newSigner(2, 3), instanceOf(1)
	forged := us.cast(era, 4, echo("a"))
	forged.Value[0]++
	at3 := func(o *units.Own) error { return o.At(3) }
	sees := func(m casper.Ballot) func(*units.Own) error {
		return func(o *units.Own) error { _, err := o.Ours(of(m)); return err }
	}
	for name, steps := range map[string][]func(*units.Own) error{
		"chain, then ours elsewhere":  {at3, sees(moved.cast(era, 1, echo("a")))},
		"chain, then another's there": {at3, sees(other.cast(era, 1, echo("a")))},
		"chain, then a bad signature": {at3, sees(us.cast(era, 1, echo("a"))), sees(forged)},
		"ours, then a bad signature":  {sees(us.cast(era, 1, echo("a"))), sees(forged)},
		"ours, then ours elsewhere":   {sees(us.cast(era, 1, echo("a"))), sees(moved.cast(era, 2, echo("a")))},
		"another's there, then ours":  {sees(other.cast(era, 1, echo("a"))), sees(us.cast(era, 2, echo("a")))},
		"another's there, then chain": {sees(other.cast(era, 1, echo("a"))), at3},
		"ours elsewhere, then chain":  {sees(moved.cast(era, 1, echo("a"))), at3},
		"chain, then chain, another":  {func(o *units.Own) error { return o.At(2) }, at3},
		"a bad signature, then ours":  {sees(forged), sees(us.cast(era, 9, echo("a")))},
	} {
		own := units.NewOwn(us.public(), era)
		for i, step := range steps {
			err := step(own)
			if last := i == len(steps)-1; (err != nil) != last {
				t.Errorf("%s, step %d: %v", name, i, err)
			}
			var disagree *units.IndexError
			if ours := errors.As(err, &disagree); ours && disagree.Error() == "" {
				t.Errorf("%s: no words", name)
			}
		}
	}
}
