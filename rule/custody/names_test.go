package custody_test

import (
	"fmt"
	"testing"

	"casper-cosigner/rule/custody"
)

// made has a leader write starts of names that it made up, which no agent signed, from an entry on.
func made(l *custody.Leases, at uint64, names int) {
	for i := range uint64(names) {
		node := fmt.Sprint("x", at+i)
		l.Grant(at+i, custody.Signed{Start: custody.Start{Node: node, Number: l.Last(node) + 1}})
	}
}

// starts has node-a start once more, and reports whether a cosigner that recorded what it gave
// gives its share.
func starts(l *custody.Leases, at, given uint64) (custody.Signed, bool) {
	s := start("node-a", l.Last("node-a")+1, byte(at))
	v := custody.View{Cluster: file(), Newest: l.Grant(at, s), Applied: at, Whole: true, Given: given}
	return s, v.Judge(s) == custody.None
}

// TestNamesMadeUp: a leader that filled the log with names keeps no node from its key: neither one
// that is marked later, nor one that it pushed out. What was given is given to nobody again.
func TestNamesMadeUp(t *testing.T) {
	l := &custody.Leases{}
	made(l, 1, 64)
	var all []custody.Signed
	given, at := uint64(0), uint64(100)
	for range 3 {
		for range 5 {
			s, ok := starts(l, at, given)
			if !ok {
				t.Fatalf("node-a is given nothing for its start %d", s.Number)
			}
			all, given, at = append(all, s), s.Number, at+1
		}
		if made(l, at, 63); l.Newest("node-a").Number != given {
			t.Error("node-a had the newest lease of all, and was pushed out before others")
		}
		if made(l, at+63, 1); l.Newest("node-a") != (custody.Lease{}) {
			t.Error("node-a is remembered beside 64 newer names")
		}
		for _, s := range all {
			if l.Next(s.Start) {
				t.Errorf("start %d would be granted again", s.Number)
			}
		}
		at += 100
	}
	kept := 0
	for range l.All() {
		kept++
	}
	if kept != 64 {
		t.Errorf("%d names are kept", kept)
	}
	restores(t, l)
}

// TestLeasesAtTheirEnd: a snapshot that was made up has numbers, or entries, at their end. No lease
// comes of it that could not be read back.
func TestLeasesAtTheirEnd(t *testing.T) {
	l := &custody.Leases{}
	const end = ^uint64(0)
	for n := range 64 {
		if !l.Restore(custody.Lease{Signed: start(fmt.Sprint("x", n), end, 1), Granted: end}) {
			t.Fatal(n)
		}
	}
	l.Grant(7, start("x1", 0, 1))
	l.Grant(7, start("node-a", 0, 1))
	restores(t, l)
	l = &custody.Leases{}
	for n := range 64 {
		l.Restore(custody.Lease{Signed: start(fmt.Sprint("x", n), 1, 1), Granted: end})
	}
	l.Grant(7, start("node-a", 2, 1))
	if l.Newest("node-a").Number != 2 {
		t.Error("a node gets no lease")
	}
	restores(t, l)
}

// restores puts the leases into a snapshot and back.
func restores(t *testing.T, l *custody.Leases) {
	t.Helper()
	copied := &custody.Leases{}
	for one := range l.All() {
		if !copied.Restore(one) {
			t.Errorf("%+v is not restored", one)
		}
	}
	if copied.Restore(custody.Lease{Signed: start("node-z", 1, 1), Granted: 1}) || copied.Last("y") != l.Last("y") {
		t.Error("what is restored is another log")
	}
}
