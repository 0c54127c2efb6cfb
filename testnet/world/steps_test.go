package world

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEveryStep kills the leader, or all cosigners, at each step of a claim, and with it the node
// that asked: only the other one is left to ask, with what it holds for right. In some worlds that
// is another value, as when ours leads.
func TestEveryStep(t *testing.T) {
	const seeds = 6
	for _, step := range slices.Compact(slices.Clone(steps)) { // some are drawn more often
		for _, all := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, all %v", step, all), func(t *testing.T) {
				t.Parallel()
				closed, claimed := 0, 0
				for seed := range uint64(seeds) {
					plan := calm(Fault{Kind: Trap, Step: step, All: all, Keep: true, Count: 1 + int(seed%4), At: 41 * time.Second,
						For: 10 * time.Second})
					dead := false
					r := Run(seed, Options{Plan: plan, Log: func(line string) {
						switch {
						case strings.Contains(line, fmt.Sprintf("dies at the step %q", step)):
							closed, dead = closed+1, true
						case dead && strings.Contains(line, "for "+names[standbyHost]+": "):
							claimed, dead = claimed+1, false
						}
					}})
					tell(t, seed, r)
				}
				if closed < seeds/2 || claimed < seeds/2 {
					t.Errorf("in %d worlds the leader died there %d times, and then the other node claimed %d times",
						seeds, closed, claimed)
				}
			})
		}
	}
}
