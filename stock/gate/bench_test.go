package gate_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casper-cosigner/stock/units/unitstest"
)

// The benchmarks are of a mounted gate in its own process: go test -run '^$' -bench . ./stock/gate

// memory reports the gate's resident memory.
func (s *site) memory(b *testing.B) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.gate.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kilobytes float64
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(kilobytes/1024, "MB-of-gate")
}

// BenchmarkForeign is a message of each other validator in turn, as they come in.
func BenchmarkForeign(b *testing.B) {
	s := newSite(b, &Fake{})
	w := s.open()
	s.write(w, entry(us.Echo(era, 0, "block")), nil)
	var all [][]byte
	for n := range 100 {
		v := unitstest.New(byte(n+100), uint32(n+100))
		all = append(all, entry(v.Vote(era, 1, true)))
	}
	next := 0
	for b.Loop() {
		s.write(w, all[next%len(all)], nil)
		next++
	}
	s.memory(b)
}

// BenchmarkFirstForeign is as many messages before one of ours is known: each is verified.
func BenchmarkFirstForeign(b *testing.B) {
	s := newSite(b, &Fake{})
	w, vote := s.open(), entry(other.Vote(era, 1, true))
	for b.Loop() {
		s.write(w, vote, nil)
	}
}

// BenchmarkOwn is a message of ours, granted by another process at once.
func BenchmarkOwn(b *testing.B) {
	s := newSite(b, &Fake{})
	w := s.open()
	round := uint32(0)
	for b.Loop() {
		b.StopTimer()
		round++
		e := entry(us.Vote(era, round, true))
		b.StartTimer()
		s.write(w, e, nil)
	}
	s.memory(b)
}

// writeEra writes what a node has at the end of an era.
func writeEra(b *testing.B, f *os.File) (size int64) {
	var all []unitstest.Validator
	for n := range byte(100) {
		all = append(all, unitstest.New(n+100, uint32(n)))
	}
	all[us.Index] = us
	for round := range uint32(900) {
		e := unitstest.Proposal(round, 200)
		for _, v := range all {
			e = append(append(e, entry(v.Echo(era, round, "block"))...), entry(v.Vote(era, round, true))...)
		}
		size += int64(len(e))
		if _, err := f.Write(e); err != nil {
			b.Fatal(err)
		}
	}
	return size
}

// BenchmarkRead is the unit file of an era of 100 validators and 900 rounds, opened for the first
// time and read as casper-node does.
func BenchmarkRead(b *testing.B) {
	s := newShut(b, &Fake{})
	dir := filepath.Join(s.settings.State, "unit_files")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, filepath.Base(s.path())))
	if err != nil {
		b.Fatal(err)
	}
	size := writeEra(b, f)
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		s.start()
		b.StartTimer()
		r, err := os.OpenFile(s.path(), os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, make([]byte, 8<<10))
		r.Close()
		if err != nil || n != size {
			b.Fatalf("read %d bytes of %d, %v", n, size, err)
		}
		b.StopTimer()
		s.memory(b)
		s.stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(size)/(1<<20), "MB")
}
