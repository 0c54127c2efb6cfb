// Package report is what an operator is told of a cluster: how it is, who is active and why, what
// comes next, what is wrong, and what was lost. It is computed from what the cosigners answer, so
// that a command, a page and a test that say one of these words mean the same by it.
//
// # How a cluster is
//
// OK, Degraded, NoQuorum or Unknown: Status.conclude. A cluster without a leader, without a start,
// or with fewer ready cosigners than the threshold signs nothing: NoQuorum. One that signs and has
// a problem is Degraded. Where those that refuse whoever asks could make the difference, nothing is
// known: Unknown. What is a problem is written down beside it, for cosigners (cosignerProblems) and
// for nodes (problems).
//
// # What is lost
//
// Round.Fate and Height.Lost are the only definition, for the drill and for all that the tests and
// the benchmark print. A round is looked at once it is over, which is when the others have decided
// it. It is
//
//   - lost, Unvoted: a block came of it, and our Vote was not with the others when it was due
//     (VoteDue);
//   - lost, Unpublished: our validator led it, and no block came of it, whoever of us voted in it;
//   - Died: the same, but something of ours was killed, halted or cut off while it was open. The
//     proposal may have gone with that, and no standby can make it again. It is told apart: who
//     tolerates it says so;
//   - Skipped: another led it, and no block came. There was nothing to lose, whether we voted or
//     not;
//   - Kept: all others.
//
// A height is lost when our finality signature of its block was not with the others when it was due
// (FinalityDue). A round of which nobody votes, as after an era's last block, is none, and one that
// is open has no fate yet.
//
// Few see all of that. A fact that was not seen is Unseen, and Unseen excuses nothing and accuses
// of nothing: a round without our Vote is lost unless it was seen to be Died or Skipped, and one in
// which we voted is kept unless it was seen that we led it in vain. Round.Unseen says what was not
// seen, so that nobody takes a 0 for more than it is. The drill knows what was bound, and neither
// leaders nor blocks; the simulated network sees all; real nodes' unit files tell of proposals, and
// the watched node's log of leaders.
//
// A Status counts no rounds. A node that leads in vain is a condition there, and the rule of that
// is failover's. testnet/judge counts rounds without a Vote by itself, on purpose: it imports
// nothing of ours.
//
// # What it leaves to others
//
// It promises to be pure: no network, no files, no clock; the same answers at the same time make
// the same report. The JSON of its types is what the program prints: under one Schema fields are
// added, and none changes its meaning. To ask the cosigners is the caller's, and so is how a report
// is laid out on a terminal.
package report

import (
	"fmt"
	"strings"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// Schema names the form of all JSON output.
const Schema = "v1"

// Cluster is what the cluster file says, as far as a report needs it.
type Cluster struct {
	ID        []byte
	Hash      [32]byte // of the file
	Chain     string
	Validator string
	Threshold int
	Main      string
	Timing    string
	Cosigners []string // in the file's order
	Nodes     []string // likewise
	Failover  Failover
}

// Failover is the cluster file's settings of pings, failover and return.
type Failover struct {
	Policy, Return            string
	PingInterval, PingTimeout time.Duration
	After, FailbackAfter      time.Duration
}

// Answer is what one cosigner answered when it was asked for its view.
type Answer struct {
	Name    string
	Address string                     // where it was asked
	Status  *cosignerv1.StatusResponse // nil if it did not answer
	Error   string                     // why, in words
	Refused bool                       // it answers, and does not take the operator's certificate
	Foreign bool                       // it answers, with a certificate that the operator's cluster file does not know
}

// Unasked says whether it answers, and could not be asked.
func (a Answer) Unasked() bool { return a.Refused || a.Foreign }

// leads says whether it claims to lead.
func (a Answer) leads() bool { return a.Status != nil && a.Status.GetLeader() == a.Name }

// Leader returns the place of the cosigner that leads: of those that say so themselves the one that
// more than half of all name, else that of the highest term, which anybody can make up; -1 if none
// answered.
func Leader(answers []Answer) int {
	best := Named(answers)
	if best >= 0 {
		return best
	}
	for i, a := range answers {
		if a.leads() && (best < 0 || a.Status.GetTerm() > answers[best].Status.GetTerm()) {
			best = i
		}
	}
	return best
}

// Foremost returns the place of the view to show: the leader's, else that of whoever has applied
// most, else -1.
func Foremost(answers []Answer) int {
	best := Leader(answers)
	if best >= 0 {
		return best
	}
	for i, a := range answers {
		if a.Status != nil && (best < 0 || a.Status.GetAppliedIndex() > answers[best].Status.GetAppliedIndex()) {
			best = i
		}
	}
	return best
}

// Count writes "1 file", "2 files".
func Count(n int, noun string) string {
	if n == 1 {
		return fmt.Sprintf("1 %s", noun)
	}
	if strings.HasSuffix(noun, "o") {
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
