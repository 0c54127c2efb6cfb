package long

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"casper-cosigner/testnet/casperdemo/stage"
)

// longestLine of a node's log, in bytes: the line that begins an era names all validators.
const longestLine = 4 << 20

// levelled is a line of a node's log with its level.
type levelled struct {
	stage.LogLine
	Level string `json:"level"`
}

// findLine finds the first line with that message in a node's log; false if there is none.
func findLine(path, message string) (line levelled, found bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return line, false, fmt.Errorf("reading a node's log: %w", err)
	}
	defer f.Close()
	quoted, err := json.Marshal(message)
	if err != nil {
		return line, false, fmt.Errorf("searching a node's log: %w", err)
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		if !bytes.Contains(lines.Bytes(), quoted) {
			continue
		}
		var l levelled
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return line, false, fmt.Errorf("reading a line of a node's log: %w", err)
		}
		if l.Fields.Message == message {
			return l, true, nil
		}
	}
	return line, false, lines.Err()
}
