package monitor

import (
	"context"
	"sync"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/ear"
)

// Other is another cosigner.
type Other struct {
	Name string
	// Ask returns what the agents told it. It must return when ctx ends, and must not believe one that
	// shows a state older than was seen of it.
	Ask func(ctx context.Context) (*cosignerv1.GatherResponse, error)
}

// other is another cosigner and how it answers. Only Run's goroutine uses it.
type other struct {
	Other
	answers chan ear.Told // one at a time; without a report if none came
	asked   bool          // an answer is due
	missed  bool          // the last one did not come: it is asked, but not waited for
}

// gather asks the other cosigners and returns what each told, this one first. It waits only for
// those that answered the last time, so one that hangs delays one round and no more.
func (m *Monitor) gather(ctx context.Context, asking *sync.WaitGroup) []ear.Told {
	for _, o := range m.others {
		if o.asked {
			select {
			case t := <-o.answers:
				o.take(t)
			default:
			}
		}
		if !o.asked {
			o.asked = true
			asking.Go(func() { o.answers <- m.ask(ctx, o.Other) })
		}
	}
	var all []ear.Told
	for _, o := range m.others {
		if o.missed {
			continue
		}
		if t := <-o.answers; o.take(t) {
			all = append(all, t)
		}
	}
	return append([]ear.Told{{From: m.Name, At: m.Now(), Report: m.Reports()}}, all...)
}

// take notes an answer, and reports whether it is one.
func (o *other) take(t ear.Told) bool {
	o.asked, o.missed = false, t.Report == nil
	return !o.missed
}

func (m *Monitor) ask(ctx context.Context, o Other) ear.Told {
	ctx, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	r, err := o.Ask(ctx)
	if err != nil {
		m.Logger.Debug().Err(err).Str("cosigner", o.Name).Msg("asking what the agents told it")
		return ear.Told{}
	}
	return ear.Told{From: o.Name, At: m.Now(), Report: r}
}
