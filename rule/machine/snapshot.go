package machine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/tlspoint"
	"casper-cosigner/rule/watermark"
)

// WriteTo writes the whole state: a SnapshotHeader and then a ClaimCommand for each slot held, all
// length-delimited. Equal states give equal bytes. It is written in the version in force, so that a
// cosigner that knows no other can read it.
func (s *State) WriteTo(w io.Writer) (int64, error) {
	out := bufio.NewWriterSize(w, 1<<16)
	write := protodelim.MarshalOptions{MarshalOptions: proto.MarshalOptions{Deterministic: true}}
	total, err := write.MarshalTo(out, s.header())
	if err != nil {
		return int64(total), fmt.Errorf("writing snapshot header: %w", err)
	}
	if s.Started() {
		for _, c := range s.table.All() {
			b, err := c.Message.AppendBinary(nil)
			if err != nil {
				return int64(total), fmt.Errorf("writing snapshot claim: %w", err)
			}
			n, err := write.MarshalTo(out, &cosignerv1.ClaimCommand{
				Message: b, Node: c.Node, RequestSignature: c.Signature[:], AskedAt: c.AskedAt})
			total += n
			if err != nil {
				return int64(total), fmt.Errorf("writing snapshot claim: %w", err)
			}
		}
	}
	return int64(total), out.Flush()
}

func (s *State) header() *cosignerv1.SnapshotHeader {
	h := &cosignerv1.SnapshotHeader{Version: s.version, Started: s.Started()}
	if !s.Started() {
		return h
	}
	h.Pruned, h.Floor, h.Newest = markToProto(s.table.Pruned()), markToProto(s.table.Floor()),
		markToProto(s.table.Newest())
	if s.founded != (watermark.Mark{}) {
		h.Founded = markToProto(s.founded)
	}
	h.Mode, h.Active, h.Epoch = cosignerv1.Mode(s.roles.Mode), s.roles.Active, s.roles.Epoch
	h.Since, h.Cause, h.Reason = s.roles.Since, s.roles.Cause, s.roles.Reason
	h.Suspended, h.HoldUntil = s.roles.Suspended, s.roles.HoldUntil
	for _, e := range s.roles.History {
		h.History = append(h.History, &cosignerv1.RoleChange{
			Epoch: e.Epoch, At: e.At, What: e.What, Subject: e.Subject, Era: e.Era, Cause: e.Cause,
			Reason: e.Reason})
	}
	h.Eras = &cosignerv1.SnapshotAdvance{At: s.eras.At, Left: s.eras.Left}
	h.Heights = &cosignerv1.SnapshotAdvance{At: s.heights.At, Left: s.heights.Left}
	h.Claims = uint64(s.table.Len())
	if s.reset.Count > 0 {
		h.LastReset = resetToProto(s.reset)
	}
	for era, chainspec := range s.table.Reruns() {
		h.Reruns = append(h.Reruns, &cosignerv1.SnapshotRerun{Era: era, Chainspec: chainspec[:]})
	}
	h.Marks, h.Leases = marksToProto(s.marks), s.leasesToProto()
	for node, r := range s.points.All() {
		h.Points = append(h.Points, &cosignerv1.SnapshotPoint{Node: node, TlsPoint: r.Point[:], At: r.At})
	}
	return h
}

// ReadState is the inverse of WriteTo. A snapshot that ends early, says too much or has a claim
// that cannot be decoded is an error: half a table would take bound slots for free ones.
func ReadState(r io.Reader) (*State, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	h := &cosignerv1.SnapshotHeader{}
	if err := protodelim.UnmarshalFrom(in, h); err != nil {
		return nil, fmt.Errorf("reading snapshot header: %w", err)
	}
	if h.Version > Version {
		return nil, fmt.Errorf("reading snapshot: version %d, this program knows %d to %d: %w", h.Version, Oldest, Version,
			ErrNewer)
	}
	if h.Version < Oldest {
		return nil, fmt.Errorf("reading snapshot: version %d, this program knows %d to %d", h.Version, Oldest, Version)
	}
	s := New()
	s.version = h.Version
	if h.Started {
		if err := s.restore(h, in); err != nil {
			return nil, fmt.Errorf("reading snapshot: %w", err)
		}
	}
	// What the header says beyond the state that came of it (an unknown field, more points than
	// are kept, roles without Genesis) would be lost here and kept by the copies that never
	// read a snapshot.
	if !proto.Equal(h, s.header()) {
		return nil, errors.New("reading snapshot: its header does not fit its state")
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return nil, errors.New("reading snapshot: it goes on after its last claim")
	}
	return s, nil
}

func (s *State) restore(h *cosignerv1.SnapshotHeader, in *bufio.Reader) error {
	if h.Pruned == nil || h.Floor == nil || h.Newest == nil || h.Eras == nil || h.Heights == nil {
		return errors.New("the header lacks a mark")
	}
	roles, err := rolesFromProto(h)
	if err != nil {
		return err
	}
	table, err := watermark.Restore(markFromProto(h.Pruned), markFromProto(h.Floor), markFromProto(h.Newest))
	if err != nil {
		return err
	}
	s.table, s.roles = table, roles
	s.eras = Advance{At: h.Eras.At, Left: h.Eras.Left}
	s.heights = Advance{At: h.Heights.At, Left: h.Heights.Left}
	for _, p := range h.Points {
		if len(p.TlsPoint) != len(casper.TLSPoint{}) {
			return fmt.Errorf("TLS point of %d bytes", len(p.TlsPoint))
		}
		if err := s.points.Restore(p.Node, tlspoint.Registration{Point: casper.TLSPoint(p.TlsPoint), At: p.At}); err != nil {
			return err
		}
	}
	if err := s.restoreResets(h); err != nil {
		return err
	}
	if s.marks, err = marksFromProto(h); err != nil {
		return err
	}
	if err := s.restoreLeases(h); err != nil {
		return err
	}
	for range h.Claims {
		m := &cosignerv1.ClaimCommand{}
		if err := protodelim.UnmarshalFrom(in, m); err != nil {
			return fmt.Errorf("claim: %w", err)
		}
		c, err := decodeClaim(m, s.version)
		if err == nil && hasUnknown(m.ProtoReflect()) {
			err = errors.New("it has fields that this program does not know")
		}
		if err != nil {
			return fmt.Errorf("claim: %w", err)
		}
		if err := s.table.Put(c.Claim); err != nil {
			return err
		}
	}
	return nil
}

// rolesFromProto returns the header's mode and roles. Each change makes one epoch and one event, so
// the history is as long as the epoch says, and ends with the last change.
func rolesFromProto(h *cosignerv1.SnapshotHeader) (failover.State, error) {
	mode, err := modeFromProto(h.Mode)
	switch {
	case err != nil:
		return failover.State{}, err
	case !slices.IsSorted(h.Suspended):
		return failover.State{}, errors.New("the suspended nodes are not sorted")
	case h.HoldUntil < 0:
		return failover.State{}, fmt.Errorf("hold until %d", h.HoldUntil)
	case uint64(len(h.History)) != min(h.Epoch, failover.KeptEvents):
		return failover.State{}, fmt.Errorf("a history of %d changes in epoch %d", len(h.History), h.Epoch)
	}
	s := failover.State{Mode: mode, Active: h.Active, Epoch: h.Epoch, Since: h.Since, Cause: h.Cause, Reason: h.Reason,
		Suspended: h.Suspended, HoldUntil: h.HoldUntil}
	for i, c := range h.History {
		if want := h.Epoch - uint64(len(h.History)-1-i); c.Epoch != want {
			return failover.State{}, fmt.Errorf("a change of epoch %d in the place of %d", c.Epoch, want)
		}
		switch c.What {
		case failover.EventActivate, failover.EventMode, failover.EventSuspend, failover.EventUnsuspend,
			failover.EventHold, failover.EventResume:
			if c.Era != 0 {
				return failover.State{}, fmt.Errorf("a change of the kind %q with an era", c.What)
			}
		case failover.EventRestart:
			if h.Version < withResets {
				return failover.State{}, fmt.Errorf("a restart in a snapshot of version %d", h.Version)
			}
		default:
			return failover.State{}, fmt.Errorf("a change of the kind %q", c.What)
		}
		s.History = append(s.History, failover.Event{
			Epoch: c.Epoch, At: c.At, What: c.What, Subject: c.Subject, Era: c.Era, Cause: c.Cause, Reason: c.Reason})
	}
	if n := len(h.History); n > 0 {
		if e := h.History[n-1]; e.At != h.Since || e.Cause != h.Cause || e.Reason != h.Reason {
			return failover.State{}, errors.New("the history ends with another change than the last one")
		}
	}
	return s, nil
}
