// Package drill rehearses a failover on a running cluster: it has a ready standby made active,
// watches for some rounds, has main made active again, waits until the rounds then open are over,
// and counts what was lost.
//
// It promises that nothing is begun unless main is active, main and a standby are well and ready,
// and nothing is held or about to change; that whatever happens after the standby was made active,
// handing back is tried, also when the rehearsal is interrupted; and that another change which
// comes first stands. What a lost round is, report says; which facts a drill cannot see,
// Result.Unseen.
//
// To reach the cosigners, to ask the operator, and to print is the caller's.
package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// How long a rehearsal goes on, in round lengths.
const (
	keepRounds   = 3 // with the standby active, unless Settings.Keep says otherwise
	settleRounds = 3 // seen to begin after the return, so that the rounds open at the return are over
	settleWithin = 9 // round lengths that this may take, since rounds without a block are longer
)

const (
	lookAtMost = time.Second      // between two looks at the cluster
	returnFor  = 30 * time.Second // handing back is tried for so long: whoever leads may be changing
)

// ErrRefused is what an error of Cluster.Activate wraps, or is, when the change was certainly not
// made.
var ErrRefused = errors.New("refused")

// Cluster is the cosigners, as an operator reaches them. Each method must end with its context.
type Cluster interface {
	// Look must return the view of the cosigner that leads.
	Look(ctx context.Context) (*cosignerv1.StatusResponse, error)
	// Activate must ask the cosigner of the last good Look to make a node active.
	Activate(ctx context.Context, r *cosignerv1.ActivateRequest) error
	// Held must call do with what each slot holds at the cosigner of the last good Look, and with
	// who asked for it.
	Held(ctx context.Context, do func(node string, m casper.Message)) error
}

// Settings are what a rehearsal goes by.
type Settings struct {
	View    report.Cluster // what the cluster file says
	Round   time.Duration  // length of a round, where the active node does not tell
	Timeout time.Duration  // of one exchange with the cosigners
	Keep    time.Duration  // how long the standby stays active; 0 for some rounds
	Reason  string         // for the record
	Tell    func(line string)
}

// Drill is one rehearsal. It is used once: Plan, then Run.
type Drill struct {
	Settings
	cluster Cluster

	from, to string // nodes
	first    *cosignerv1.StatusResponse
}

// New returns a rehearsal on the cluster.
func New(c Cluster, s Settings) *Drill { return &Drill{Settings: s, cluster: c} }

// Plan is who is to be active for how long.
type Plan struct {
	Main, Standby string
	Keep          time.Duration
	Mode          string
}

// NotNowError says what speaks against a rehearsal. Nothing was done.
type NotNowError struct{ Against []error }

func (e *NotNowError) Error() string {
	return fmt.Sprintf("no rehearsal now, nothing was done:\n%v", errors.Join(e.Against...))
}

// StillActiveError says that main could not be made active again.
type StillActiveError struct {
	Main, Standby string
	Err           error
}

func (e *StillActiveError) Error() string {
	return fmt.Sprintf("%s may still be active; handing back: %v", e.Standby, e.Err)
}

// Plan looks at the cluster and says who hands over to whom. Its error is a *NotNowError if nobody
// may now, else that of Look.
func (d *Drill) Plan(ctx context.Context) (Plan, error) {
	seen, err := d.look(ctx)
	if err != nil {
		return Plan{}, err
	}
	v := d.roles(seen)
	if against := d.choose(v); len(against) > 0 {
		return Plan{}, &NotNowError{against}
	}
	d.first = seen
	for _, n := range v.Nodes {
		if n.Active && n.Health != nil && n.Health.RoundSeconds > 0 {
			d.Round = report.Span(n.Health.RoundSeconds)
		}
	}
	if d.Keep == 0 {
		d.Keep = keepRounds * d.Round
	}
	return Plan{Main: d.from, Standby: d.to, Keep: d.Keep, Mode: v.Mode}, nil
}

// choose picks the standby and returns what speaks against a rehearsal.
func (d *Drill) choose(v report.Roles) (against []error) {
	no := func(format string, args ...any) { against = append(against, fmt.Errorf(format, args...)) }
	d.from = d.View.Main
	if v.Active != d.from { // whom an operator made active stays so: handing back would change that
		no("%s is active; a rehearsal begins with main, %s", v.Active, d.from)
	}
	if v.Hold != nil {
		no("the roles are held %s", v.Hold.Text(time.Now()))
	}
	switch j := v.Judgement; {
	case j == nil:
		no("the leader has not judged the nodes yet")
	case j.Code != failover.Well:
		no("not all is well: %s, %s", j.Code, j.Why)
	case j.Node != "":
		no("%s", j.Text(time.Now()))
	}
	var lacking []error
	for _, n := range v.Nodes {
		switch well := n.Ready && n.Condition == ""; {
		case well && n.Name != d.from && d.to == "":
			d.to = n.Name
		case !well && n.Name == d.from:
			no("%s is not ready%s", n.Name, n.Because())
		case !well:
			lacking = append(lacking, fmt.Errorf("%s is not ready%s", n.Name, n.Because()))
		}
	}
	if d.to == "" {
		no("no standby is ready")
		against = append(against, lacking...)
	}
	return against
}

func (d *Drill) roles(seen *cosignerv1.StatusResponse) report.Roles {
	return report.NewRoles(d.View, seen, time.Now())
}

func (d *Drill) look(ctx context.Context) (*cosignerv1.StatusResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	return d.cluster.Look(ctx)
}

// activate makes a node active on top of what was seen. It is not interrupted: its outcome must be
// known.
func (d *Drill) activate(ctx context.Context, seen *cosignerv1.StatusResponse, node, what string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.Timeout)
	defer cancel()
	return d.cluster.Activate(ctx, &cosignerv1.ActivateRequest{
		Node: node, Reason: what + ": " + d.Reason, Epoch: seen.GetEpoch()})
}
