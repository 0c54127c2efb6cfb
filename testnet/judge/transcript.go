package main

import (
	"bufio"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// judgeTranscript judges the transcript at path and writes what it found.
func judgeTranscript(key ed25519.PublicKey, path string, out io.Writer) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening the transcript: %w", err)
	}
	defer f.Close()
	j := &judge{key: key, held: map[string]string{}}
	if err := j.read(f); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d requests: %d signed, %d bound, %d refused, %d without an answer\n",
		j.lines, j.signed, j.bound, j.refused, j.unknown)
	fmt.Fprintf(out, "%d signatures over %d slots and %d handshakes; %d are valid\n",
		j.signed+j.bound, len(j.held), j.handshakes, j.valid)
	for _, fault := range j.faults {
		fmt.Fprintf(out, "FAULT %s\n", fault)
	}
	switch {
	case len(j.faults) > 0:
		return fmt.Errorf("%d faults", len(j.faults))
	case j.valid == 0:
		return errors.New("the transcript has no signature")
	}
	return nil
}

// line is one request with its answer.
type line struct {
	Asked     message  `json:"asked"`
	Answer    string   `json:"answer"`
	Held      *message `json:"held"`
	Signature string   `json:"signature"`
}

// judge is what was read so far.
type judge struct {
	key  ed25519.PublicKey
	held map[string]string // signed value by slot

	lines, signed, bound, refused, unknown int
	handshakes, valid                      int
	faults                                 []string
}

func (j *judge) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		j.lines++
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fmt.Errorf("reading line %d: %w", j.lines, err)
		}
		if err := j.weigh(l); err != nil {
			j.faults = append(j.faults, fmt.Sprintf("line %d: %v", j.lines, err))
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the transcript: %w", err)
	}
	return nil
}

// weigh judges one line.
func (j *judge) weigh(l line) error {
	switch l.Answer {
	case "signed":
		j.signed++
		return j.check(l.Asked, l.Signature)
	case "bound":
		j.bound++
		if l.Held == nil {
			return errors.New("bound, but not to what")
		}
		asked, err := l.Asked.form()
		if err != nil {
			return err
		}
		held, err := l.Held.form()
		if err != nil {
			return err
		}
		if asked.slot == "" || asked.slot != held.slot {
			return errors.New("bound, but of another slot")
		}
		if string(asked.bytes) == string(held.bytes) {
			return errors.New("bound to the very value that was asked for")
		}
		return j.check(*l.Held, l.Signature)
	case "refused":
		j.refused++
	case "unknown":
		j.unknown++
	default:
		return fmt.Errorf("unknown answer %q", l.Answer)
	}
	if l.Signature != "" {
		return fmt.Errorf("%s, with a signature", l.Answer)
	}
	return nil
}

// check verifies a signature and enters its value into its slot.
func (j *judge) check(m message, signature string) error {
	form, err := m.form()
	if err != nil {
		return err
	}
	s, err := tagged(signature, ed25519.SignatureSize)
	if err != nil {
		return fmt.Errorf("reading the signature: %w", err)
	}
	if !ed25519.Verify(j.key, form.bytes, s) {
		return fmt.Errorf("the signature of %s is not valid", form.name())
	}
	j.valid++
	if form.slot == "" {
		j.handshakes++
		return nil
	}
	value := hex.EncodeToString(form.bytes)
	if before, ok := j.held[form.slot]; ok && before != value {
		return fmt.Errorf("DOUBLE SIGN: %s has two values, %s and %s", form.name(), before, value)
	}
	j.held[form.slot] = value
	return nil
}

// tagged reads hex of the given number of bytes behind Casper's tag for Ed25519.
func tagged(text string, size int) ([]byte, error) {
	rest, ok := strings.CutPrefix(text, "01")
	b, err := hex.DecodeString(rest)
	if !ok || err != nil || len(b) != size {
		return nil, fmt.Errorf("%q: want 01 and %d hex digits", text, 2*size)
	}
	return b, nil
}
