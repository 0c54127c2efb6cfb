package monitor

import (
	"time"

	"casper-cosigner/rule/ear"
	"casper-cosigner/rule/seat"
	"casper-cosigner/rule/wire"
)

// Lead is what it takes to move the log's lead. Its functions may be called at any time.
type Lead struct {
	Settings seat.Settings
	// Distance must return the round trip to another cosigner, and false if it is not known.
	Distance func(name string) (time.Duration, bool)
	// Standing must return how this cosigner sees another one.
	Standing func(name string) seat.Standing
	// HandOver must make the named cosigner lead in place of this one if it can, and must not block.
	HandOver func(name string)
}

// Seat returns what the last look said of where the lead is, and how many times this cosigner has
// handed it over for that.
func (m *Monitor) Seat() (seat.Decision, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.decision, m.moved
}

// Gave notes that this cosigner gives the lead away because it could not sign.
func (m *Monitor) Gave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seat.Gave(m.Now())
}

// reach returns the round trips to the other cosigners that are known.
func (m *Monitor) reach() map[string]time.Duration {
	all := map[string]time.Duration{}
	for _, o := range m.others {
		if d, known := m.Lead.Distance(o.Name); known {
			all[o.Name] = d
		}
	}
	return all
}

// sit has the seat judged, by what all told, and hands over if it says so. Those that do not lead
// have it judged too: so they remember when it was handed over last.
func (m *Monitor) sit(l seat.Look, all []ear.Told) {
	_, _, l.Leads = m.Leader()
	l.Reach, l.Words, l.Others = m.reach(), map[string]seat.Word{}, map[string]seat.Standing{}
	for _, t := range all[1:] {
		l.Words[t.From], l.Others[t.From] = wire.Word(t.Report, t.At), m.Lead.Standing(t.From)
	}
	m.mu.Lock()
	l.Now, l.Agent = m.Now(), wire.Reached(m.reports[l.Active])
	d := m.seat.Judge(l)
	m.decision = d
	if d.To != "" {
		m.moved++
	}
	m.mu.Unlock()
	if d.To != "" {
		m.Logger.Info().Str("to", d.To).Msg("handing the lead over: " + d.Why)
		m.Lead.HandOver(d.To)
	}
}
