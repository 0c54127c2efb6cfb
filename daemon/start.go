package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"casper-cosigner/statedir"
)

// keptStart is the file in which an agent keeps how long its stock node's start took last. It is a
// guess of how long the next one takes, so a file that cannot be read is as good as none.
type keptStart struct {
	TookMs int64 `json:"took_ms"`
}

// readStart returns how long the start took, zero if that is not known.
func readStart(path string) time.Duration {
	var k keptStart
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &k) != nil || k.TookMs < 0 {
		return 0
	}
	return time.Duration(k.TookMs) * time.Millisecond
}

func keepStart(path string, took time.Duration) error {
	data, err := json.Marshal(keptStart{TookMs: took.Milliseconds()})
	if err == nil {
		err = statedir.WriteFile(path, append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping how long the node's start took: %w", err)
	}
	return nil
}
