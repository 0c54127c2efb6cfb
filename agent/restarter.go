package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/wire"
	"casper-cosigner/statedir"
)

// Watched is the node that is watched.
type Watched interface {
	// Node must return all that is known of it.
	Node() failover.Node
	// Gated must call note to change what is known by its gate, and tell that from then on.
	Gated(note func(g *failover.Gate, now time.Time))
}

// RestarterConfig is what a Restarter is made of.
type RestarterConfig struct {
	Cluster   string        // its id: an order's number says nothing in another one
	Threshold int           // of cosigners that must name an order alike
	Ping      time.Duration // between two pings of one cosigner
	Path      string        // of the file in which it keeps what it obeyed
	// Command restarts the node, and returns the first of what that printed. Nil: the settings name
	// none.
	Command func(ctx context.Context) (output string, err error)
	Node    Watched
	// Observe is told what came of each order. It must not block.
	Observe func(result string)
	Now     func() time.Time // must keep its monotonic reading
	Logger  zerolog.Logger
}

// What becomes of an order.
const (
	RestartDone    = "done"
	RestartFailed  = "failed"     // the command did
	RestartNone    = "no_command" // there is none
	RestartUnkept  = "not_kept"   // it could not be noted, so it is not carried out
	RestartRefused = "refused"    // by failover.Order.Against
)

// RestartResults are all of these.
func RestartResults() []string {
	return []string{RestartDone, RestartFailed, RestartNone, RestartUnkept, RestartRefused}
}

// Restarter restarts a stock node when the cosigners want that: once for each order, and by one
// that a threshold of them names. OpenRestarter makes one, Run runs it.
type Restarter struct {
	RestarterConfig
	news chan struct{}

	mu     sync.Mutex // guards what follows
	orders failover.Orders

	// The next ones are used by Run alone, once it runs.
	kept keptOrder
	lost error  // why it is not known what was obeyed
	said saying // what was told last
}

// saying is what is told once.
type saying struct {
	epoch  uint64
	result string
}

// keptOrder is the file.
type keptOrder struct {
	Cluster string    `json:"cluster"`
	Epoch   uint64    `json:"epoch"` // of the last order that was obeyed
	Era     uint64    `json:"era"`
	Orders  uint32    `json:"orders"` // that were, in that era
	At      time.Time `json:"at"`
}

// OpenRestarter reads what was obeyed before. Without that nothing is obeyed, since it might be for
// the second time; Run says so.
func OpenRestarter(c RestarterConfig) *Restarter {
	r := &Restarter{RestarterConfig: c, news: make(chan struct{}, 1), orders: failover.NewOrders(c.Threshold, c.Ping)}
	var k keptOrder
	data, err := os.ReadFile(c.Path)
	if err == nil {
		err = json.Unmarshal(data, &k)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		r.lost = fmt.Errorf("reading which restart was obeyed last: %s: %w; remove the file once the node was not "+
			"restarted for five minutes", c.Path, err)
	case k.Cluster == c.Cluster:
		r.kept = k
		now := c.Now()
		c.Node.Gated(func(g *failover.Gate, _ time.Time) {
			g.Ordered, g.OrderedEra, g.Orders = now.Add(-max(now.Round(0).Sub(k.At), 0)), k.Era, k.Orders
		})
	}
	return r
}

// Heard takes in what a cosigner's answer to a ping says of restarts.
func (r *Restarter) Heard(cosigner string, o *cosignerv1.RestartOrder, now time.Time) {
	r.mu.Lock()
	r.orders.Heard(cosigner, wire.ToldOrder(o, now), now)
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default: // it looks at all that was heard anyway
	}
}

// Run obeys, one order at a time, until ctx ends.
func (r *Restarter) Run(ctx context.Context) {
	if r.lost != nil {
		r.Logger.Error().Bool("alarm", true).Err(r.lost).Msg("no restart by order is obeyed")
	}
	for {
		select {
		case <-r.news:
			r.obey(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// obey carries out what is ordered, if it was not before. It is kept first: if the process ends
// here, the node is not restarted, and ordered to be once more.
func (r *Restarter) obey(ctx context.Context) {
	now := r.Now()
	r.mu.Lock()
	order := r.orders.Named(now)
	r.mu.Unlock()
	if order.Epoch == 0 || order.Epoch <= r.kept.Epoch {
		return
	}
	if r.lost != nil {
		r.tell(order, RestartUnkept, r.lost)
		return
	}
	if why := order.Against(r.Node.Node(), r.kept.Epoch, now); why != "" {
		r.tell(order, RestartRefused, errors.New(why))
		return
	}
	if r.Command == nil {
		r.tell(order, RestartNone, errors.New("agent.toml names no command that restarts the node, `restart`: do it by hand"))
		return
	}
	if err := r.keep(order, now); err != nil {
		r.tell(order, RestartUnkept, err)
		return
	}
	r.Logger.Warn().Uint64("epoch", order.Epoch).Uint64("era", order.Era).Str("code", order.Cause).Str("why", order.Why).
		Msg("restarting the node, because the cosigners want that")
	output, err := r.Command(ctx)
	if err != nil {
		r.tell(order, RestartFailed, fmt.Errorf("restarting the node: %w; it printed %q", err, output))
		return
	}
	r.Node.Gated(func(g *failover.Gate, _ time.Time) { g.OrderError = "" })
	r.Observe(RestartDone)
	r.Logger.Info().Uint64("epoch", order.Epoch).Str("output", output).Msg("the node was restarted")
}

// keep notes that the order is obeyed: for good, and for the cosigners.
func (r *Restarter) keep(order failover.Order, now time.Time) error {
	k := keptOrder{Cluster: r.Cluster, Epoch: order.Epoch, Era: order.Era, Orders: 1, At: now.Round(0).UTC()}
	if r.kept.Era == order.Era {
		k.Orders += r.kept.Orders
	}
	data, err := json.Marshal(k)
	if err == nil {
		err = statedir.WriteFile(r.Path, append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("noting the order to restart the node, which is therefore not obeyed: %w", err)
	}
	r.kept = k
	r.Node.Gated(func(g *failover.Gate, now time.Time) { g.Obeyed(order.Era, now) })
	return nil
}

// tell says once why an order was not carried out, to people and to the cosigners.
func (r *Restarter) tell(order failover.Order, result string, err error) {
	says := saying{order.Epoch, result}
	if says == r.said {
		return
	}
	r.said = says
	r.Observe(result)
	log := r.Logger.Warn()
	if result != RestartRefused {
		log = r.Logger.Error().Bool("alarm", true)
		r.Node.Gated(func(g *failover.Gate, _ time.Time) { g.OrderError = err.Error() })
	}
	log.Err(err).Uint64("epoch", order.Epoch).Uint64("era", order.Era).Str("code", order.Cause).Str("why", order.Why).
		Msg("the node is not restarted, though the cosigners want that")
}
