package statedir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"casper-cosigner/rule/watermark"
)

// recordVersion is the version of the files of this package.
const recordVersion = 1

// lostState is what an operator is told whenever state is missing or damaged.
const lostState = "without it this cosigner no longer knows what it has signed. Do not run init again, " +
	"do not restore or copy a directory into place and do not edit these files: each can make the validator sign twice. " +
	"Keep the share file, leave this cosigner stopped; the others go on signing while a quorum of them is left. " +
	"What to do: docs/recovery.md, \"One cosigner is lost\""

// identity is identity.json. Lost, why the directory was found to have lost its memory, is left
// out until it is needed. Every release reads this file strictly and before all others, so one that
// does not know the word refuses to start on a directory that must not sign any more.
type identity struct {
	Cluster   ID             `json:"cluster"`
	Name      string         `json:"name"`
	Directory ID             `json:"directory"`
	First     watermark.Mark `json:"first"`
	Lost      string         `json:"lost,omitempty"`
}

// bootRecord is boot.json.
type bootRecord struct {
	Count    uint64 `json:"count"`     // starts so far
	FirstRun bool   `json:"first_run"` // never in service yet
}

// peersRecord is peers.json: what was seen of each peer, by name.
type peersRecord map[string]peerRecord

// peerRecord is what is kept of a Sighting. Its applied index and its count of records
// are the highest ever seen.
type peerRecord struct {
	Presence
	Fell *Fall `json:"fell,omitempty"`
	Cut  *Fall `json:"cut,omitempty"`
}

func recordOf(seen map[string]Sighting) peersRecord {
	all := peersRecord{}
	for name, s := range seen {
		r := peerRecord{s.Presence, s.Fell, s.Cut}
		r.AppliedIndex, r.Written = s.Highest, s.Wrote
		all[name] = r
	}
	return all
}

// sighting returns what is known of the peer when we start. How far the process
// itself had come is not: its own index may be below that of an earlier one. Nor
// is whom it has met, which it shows by turns: it may have something against a
// founding by now, or be another.
func (r peerRecord) sighting() Sighting {
	s := Sighting{Presence: r.Presence, Highest: r.AppliedIndex, Wrote: r.Written, Fell: r.Fell, Cut: r.Cut}
	s.AppliedIndex, s.Written, s.Pinned = 0, 0, 0
	return s
}

// envelope wraps each file, so that a flipped bit in a number is seen.
type envelope struct {
	Version int             `json:"version"`
	CRC32C  uint32          `json:"crc32c"` // of Body without white space
	Body    json.RawMessage `json:"body"`
}

// writeRecord replaces the file at path by v, durably.
func writeRecord(path string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", filepath.Base(path), err)
	}
	data, err := json.MarshalIndent(envelope{Version: recordVersion, CRC32C: checksum(body), Body: body}, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", filepath.Base(path), err)
	}
	return WriteFile(path, append(data, '\n'), 0o600)
}

// readRecord is the strict inverse of writeRecord; v must be a pointer to a
// zero value.
func readRecord(path string, v any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing; %s", filepath.Base(path), lostState)
	}
	if err != nil {
		return err
	}
	if err := decodeRecord(data, v); err != nil {
		return fmt.Errorf("%s is damaged (%w); %s", filepath.Base(path), err, lostState)
	}
	return nil
}

func decodeRecord(data []byte, v any) error {
	var e envelope
	if err := decodeStrict(data, &e); err != nil {
		return err
	}
	if e.Version != recordVersion {
		return fmt.Errorf("unknown version %d", e.Version)
	}
	var body bytes.Buffer
	if err := json.Compact(&body, e.Body); err != nil {
		return err
	}
	if checksum(body.Bytes()) != e.CRC32C {
		return errors.New("wrong checksum")
	}
	return decodeStrict(body.Bytes(), v)
}

// decodeStrict refuses unknown fields and anything after the value.
func decodeStrict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("data after the end")
	}
	return nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
