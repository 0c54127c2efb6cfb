package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
)

// printLatencies prints what a node waited, per kind of message and way of asking.
func (s *demo) printLatencies() {
	fmt.Fprintf(s.Out, "\nLatency through the agent\n")
	w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "  message\tasked\tcount\tp50\tp99\tmax\t")
	for _, how := range []string{asNew, asAgain, asOther, asLast} {
		for _, kind := range []casper.Kind{casper.KindEcho, casper.KindVote, casper.KindFinality, casper.KindHandshake} {
			l := s.latencies[series{kind, how}]
			if len(l) == 0 {
				continue
			}
			fmt.Fprintf(w, "  %v\t%s\t%d\t%s\t%s\t%s\t\n", kind, how, len(l),
				testnet.Millis(l.Quantile(0.5)), testnet.Millis(l.Quantile(0.99)), testnet.Millis(l.Max()))
		}
	}
	w.Flush()
	fmt.Fprintf(s.Out, "A node waits %v for an echo or a vote; asked again for want of an answer in time: %s.\n",
		testnet.ZugPatience, plural(s.retries, "request"))
}

// diskHangs is the last that a cosigner says when it ends itself.
const diskHangs = "the disk hangs"

// ended lists the processes that ended by themselves and were started again: since their disk hung,
// and for other reasons.
func (s *demo) ended() (hung, others []string) {
	for _, why := range slices.Concat(s.restarts, s.Net.Cluster.Restarts()) {
		if strings.Contains(why, diskHangs) {
			hung = append(hung, why)
		} else {
			others = append(others, why)
		}
	}
	return hung, others
}

// claimEnds tells of them. Only a hanging disk excuses an end.
func (s *demo) claimEnds() {
	hung, others := s.ended()
	but := ""
	if len(hung) > 0 {
		but = fmt.Sprintf(", but for %d whose disk hung for over a second", len(hung))
	}
	s.Claimf(len(others) == 0, "no process ended by itself%s", but)
	for _, why := range others {
		s.Sayf("%s", why)
	}
}

// judge runs the program that trusts nobody.
func (s *demo) judge(ctx context.Context, judge, what, transcript string) error {
	s.Begin("judge", "The judge, a program that shares no code with the product, reads %s", what)
	cmd := exec.CommandContext(ctx, judge, "-key", s.recording.Validator.String(), transcript)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("running the judge: %w", err)
	}
	for line := range bytes.Lines(out) {
		s.Sayf("%s", bytes.TrimRight(line, "\n"))
	}
	s.Claimf(err == nil, "every signature is valid, and no slot has two values")
	return nil
}

// claimHandshakes tells that both nodes came into the network with the validator's key, and again
// after each upgrade.
func (s *demo) claimHandshakes() error {
	s.Begin("handshakes", "The handshakes of both nodes with the other validators")
	text, err := os.ReadFile(s.Net.Transcript())
	if err != nil {
		return fmt.Errorf("reading what the other validators received: %w", err)
	}
	by := map[string]int{}
	for line := range bytes.Lines(text) {
		var l testnet.TranscriptLine
		if err := json.Unmarshal(line, &l); err != nil {
			return fmt.Errorf("reading what the other validators received: %w", err)
		}
		if l.Asked.Kind == testnet.FieldsOf(casper.Handshake{}).Kind {
			by[l.Node]++
		}
	}
	least := 1 + s.upgrades
	s.Claimf(by[testnet.Main] >= least && by[testnet.Standby] >= least,
		"certified with our validator's key: %d of %s, %d of %s; at least %d each",
		by[testnet.Main], testnet.Main, by[testnet.Standby], testnet.Standby, least)
	return nil
}
