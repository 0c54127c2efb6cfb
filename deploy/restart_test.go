package deploy_test

import (
	"os"
	"regexp"
	"testing"
)

// TestRestartStartsNothing: what lets an agent restart its node, and what it is told to run for
// that, never starts a node that its operator stopped, and is the same verb in all of them.
func TestRestartStartsNothing(t *testing.T) {
	verb := regexp.MustCompile(`(?:"verb"\) === "|NOPASSWD: /usr/bin/systemctl |systemctl", ")([a-z-]+)`)
	for _, file := range []string{"polkit/50-casper-cosigner.rules", "sudoers/casper-cosigner", "../docs/stock-node.md",
		"../docs/operating.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := verb.FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s names no verb", file)
		}
		for _, m := range found {
			if m[1] != "try-restart" {
				t.Errorf("%s: %s", file, m[0])
			}
		}
	}
}
