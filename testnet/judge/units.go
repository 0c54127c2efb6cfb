package main

import (
	"cmp"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// judgeUnits reads the unit files, writes the lines for people to lines, and the findings to out if
// that is not nil.
func judgeUnits(key ed25519.PublicKey, paths []string, out, lines io.Writer) error {
	if len(paths) == 0 {
		return errors.New("no unit files are named")
	}
	var files []unitFile
	for _, path := range paths {
		f, err := readUnitFile(path)
		if err != nil {
			return err
		}
		if f.writer == keyName(key) {
			return fmt.Errorf("reading %s: the validator's own node wrote it, which is no witness", path)
		}
		files = append(files, f)
	}
	found := examine(key, files)
	found.print(lines)
	if out != nil {
		if err := found.writeJSON(out); err != nil {
			return err
		}
	}
	if !found.Clean {
		return fmt.Errorf("%d faults", len(found.faults()))
	}
	return nil
}

func keyName(key ed25519.PublicKey) string { return "01" + hex.EncodeToString(key) }

// unitFile is a file as read, and what its name tells.
type unitFile struct {
	path     string
	instance [digestSize]byte
	writer   string // public key in hex with its tag
	data     []byte
}

// readUnitFile reads unit_<instance>_<writer's key>.dat (protocol_state_file in era_supervisor.rs).
func readUnitFile(path string) (unitFile, error) {
	name, isDat := strings.CutSuffix(filepath.Base(path), ".dat")
	parts := strings.Split(name, "_")
	if !isDat || len(parts) != 3 || parts[0] != "unit" {
		return unitFile{}, fmt.Errorf("reading %s: want a name like unit_<instance>_<public key>.dat", path)
	}
	id, err := hex.DecodeString(parts[1])
	if err != nil || len(id) != digestSize {
		return unitFile{}, fmt.Errorf("reading %s: want an instance of %d hex digits in the name", path, 2*digestSize)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return unitFile{}, fmt.Errorf("reading a unit file: %w", err)
	}
	return unitFile{path: path, instance: [digestSize]byte(id), writer: strings.ToLower(parts[2]), data: data}, nil
}

// examine merges the files by instance and judges each instance.
func examine(key ed25519.PublicKey, files []unitFile) findings {
	f := findings{
		Key:            keyName(key),
		Instances:      []instance{},
		Contradictions: []contradiction{},
		Evidence:       []evidence{},
		Invalid:        []invalid{},
		Damaged:        []damage{},
	}
	merged := map[[digestSize]byte]*merger{}
	for _, file := range files {
		m := merged[file.instance]
		if m == nil {
			m = newMerger(file.instance)
			merged[file.instance] = m
		}
		var damaged *damageError
		if err := m.add(key, file); errors.As(err, &damaged) {
			f.Damaged = append(f.Damaged, damage{file.path, damaged.offset, damaged.problem.Error()})
		}
	}
	ids := slices.SortedFunc(maps.Keys(merged), func(a, b [digestSize]byte) int { return slices.Compare(a[:], b[:]) })
	for _, id := range ids {
		m := merged[id]
		m.settleIndex()
		i := m.report()
		f.Instances = append(f.Instances, i)
		f.Messages += i.Messages
		f.Contradictions = append(f.Contradictions, m.contradictions()...)
		f.Evidence = append(f.Evidence, m.evidence()...)
		f.Invalid = append(f.Invalid, m.invalid()...)
	}
	f.Clean = len(f.faults()) == 0
	return f
}

// sighting is a message where it stands first.
type sighting struct {
	signedMessage
	ours   bool // signed by the key, whatever its index
	file   string
	offset int
}

// exhibit is an entry with evidence.
type exhibit struct {
	messages []signedMessage
	file     string
	offset   int
}

// merger collects an instance's entries from its files.
type merger struct {
	id       [digestSize]byte
	index    *uint32 // ours, once settled
	files    []string
	torn     int
	seen     map[signedMessage]bool // and whether the key signed it
	messages []sighting             // in order of appearance, without repetition
	exhibits []exhibit
	rounds   map[uint32]*tally
}

func newMerger(id [digestSize]byte) *merger {
	return &merger{id: id, seen: map[signedMessage]bool{}, rounds: map[uint32]*tally{}}
}

// add takes up a file's entries. Its error is a *damageError; the entries before the damage count.
func (m *merger) add(key ed25519.PublicKey, file unitFile) error {
	m.files = append(m.files, file.path)
	entries, torn, err := parseUnits(file.data, m.id)
	m.torn += torn
	first := map[proposal]uint32{} // whose Echo of it comes first in this file
	for _, e := range entries {
		if e.messages == nil {
			m.tally(e.proposal.round).proposals[e.proposal.hash] = true
			continue
		}
		if len(e.messages) == 2 {
			m.exhibits = append(m.exhibits, exhibit{e.messages, file.path, e.offset})
		} else if c := e.messages[0].content; !c.isVote {
			echoed := proposal{e.messages[0].round, c.echo}
			if _, later := first[echoed]; !later {
				first[echoed] = e.messages[0].index
			}
		}
		for _, msg := range e.messages {
			m.see(msg, key, sighting{file: file.path, offset: e.offset})
		}
	}
	for echoed, index := range first {
		t := m.tally(echoed.round)
		t.firstEchoes[echoed.hash] = append(t.firstEchoes[echoed.hash], index)
	}
	return err
}

// see verifies a message that was not seen before and enters it into its round.
func (m *merger) see(msg signedMessage, key ed25519.PublicKey, at sighting) {
	if _, known := m.seen[msg]; known {
		return
	}
	at.signedMessage, at.ours = msg, msg.signedBy(key)
	m.seen[msg] = at.ours
	m.messages = append(m.messages, at)
	t := m.tally(msg.round)
	t.signers[msg.content] = append(t.signers[msg.content], msg.index)
}

// settleIndex takes the index under which the key signed most. There is only one unless something
// is very wrong, and then the messages under the other indices are invalid.
func (m *merger) settleIndex() {
	count := map[uint32]int{}
	for _, s := range m.messages {
		if s.ours {
			count[s.index]++
		}
	}
	for _, index := range slices.Sorted(maps.Keys(count)) {
		if m.index == nil || count[index] > count[*m.index] {
			m.index = &index
		}
	}
}

func (m *merger) isOurs(index uint32) bool { return m.index != nil && *m.index == index }

// contradictions looks at all that the key signed, under whatever index, in whatever kind of
// entry and file.
func (m *merger) contradictions() []contradiction {
	type slot struct {
		round, index uint32
		isVote       bool
	}
	slots := map[slot][]sighting{}
	for _, s := range m.messages {
		at := slot{s.round, s.index, s.content.isVote}
		same := func(o sighting) bool { return !o.content.contradicts(s.content) }
		if s.ours && !slices.ContainsFunc(slots[at], same) {
			slots[at] = append(slots[at], s)
		}
	}
	var found []contradiction
	for at, signed := range slots {
		if len(signed) < 2 {
			continue
		}
		c := contradiction{InstanceID: hex.EncodeToString(m.id[:]), Round: at.round, Index: at.index}
		for _, s := range signed {
			c.Contents = append(c.Contents, s.content.String())
			c.Files = append(c.Files, s.file)
		}
		found = append(found, c)
	}
	slices.SortFunc(found, func(a, b contradiction) int {
		return cmp.Or(cmp.Compare(a.Round, b.Round), cmp.Compare(a.Index, b.Index), cmp.Compare(a.Contents[0], b.Contents[0]))
	})
	return found
}

func (m *merger) evidence() []evidence {
	var found []evidence
	for _, x := range m.exhibits {
		a, b := x.messages[0], x.messages[1]
		byUs := m.seen[a] && m.seen[b]
		found = append(found, evidence{
			InstanceID: hex.EncodeToString(m.id[:]),
			Round:      a.round,
			Index:      a.index,
			Contents:   []string{a.content.String(), b.content.String()},
			AgainstUs:  m.isOurs(a.index) || m.seen[a] || m.seen[b],
			Verified:   byUs && a.content.contradicts(b.content),
			File:       x.file,
			Offset:     x.offset,
		})
	}
	return found
}

func (m *merger) invalid() []invalid {
	var found []invalid
	for _, s := range m.messages {
		problem := ""
		switch {
		case m.isOurs(s.index) && !s.ours:
			problem = "is not signed by the key"
		case s.ours && !m.isOurs(s.index):
			problem = fmt.Sprintf("is signed by the key, whose index is %d", *m.index)
		default:
			continue
		}
		found = append(found, invalid{hex.EncodeToString(m.id[:]), s.round, s.index, s.content.String(), problem, s.file,
			s.offset})
	}
	return found
}
