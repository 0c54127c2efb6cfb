package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"casper-cosigner/testnet/history"
)

// mustNot are words that no log may have, whatever the faults.
var mustNot = regexp.MustCompile(`(?m)^.*(^panic: |^fatal error: |is damaged at byte|different values for the slot).*$`)

// change is what a cosigner's log says of a change of mode or roles.
type change struct {
	Message string `json:"message"`
	Epoch   uint64 `json:"epoch"`
	What    string `json:"what"`
	Subject string `json:"subject"`
	Cause   string `json:"cause"`
}

// readLogs fails if a process panicked, or found that its own files are damaged or differ from the
// log, or if cosigners saw the roles change in different ways. That processes end is no fault here.
func (r *run) readLogs() error {
	logs, err := filepath.Glob(filepath.Join(r.cluster.Dir, "*.log"))
	changes, causes := map[uint64]change{}, map[string]int{}
	for _, path := range logs {
		text, readErr := os.ReadFile(path)
		err = errors.Join(err, readErr)
		if line := mustNot.Find(text); line != nil {
			err = errors.Join(err, fmt.Errorf("%s says: %s", path, line))
		}
		for line := range bytes.Lines(text) {
			var c change
			if json.Unmarshal(line, &c) != nil || c.Message != "roles changed" {
				continue
			}
			before, known := changes[c.Epoch]
			if changes[c.Epoch] = c; known && before != c {
				err = errors.Join(err, fmt.Errorf("%s: epoch %d is %v, elsewhere it is %v", path, c.Epoch, c, before))
			} else if !known {
				causes[c.What+" by "+c.Cause]++
			}
		}
	}
	fmt.Fprintf(r.out, "  processes ended by themselves and were started again %d times; changes of roles: %s\n",
		len(r.cluster.Restarts()), history.Counts(causes))
	return err
}
