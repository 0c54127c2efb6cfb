package daemon

import (
	"errors"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"casper-cosigner/cosigner"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/machine"
	"casper-cosigner/signer"
)

// status fills in what the signer does not know.
func (v *validator) status(r *cosignerv1.StatusResponse) {
	r.Name, r.Version = v.self.Name, v.options.Version
	hash := v.self.Cluster.Hash()
	r.ClusterFileHash = hash[:]
	first := v.dir.Identity().First
	v.store.View(func(m *machine.State) { first = m.First(first) })
	r.First = &cosignerv1.Mark{Era: first.Era, Height: first.Height}
	_, r.AppliedIndex = v.store.Indexes()
	r.Ready, r.AttestsOnly, r.Split = v.server.Ready() == nil, v.keys.Empty(), v.keys.Split()
	remembers := v.stand.Status()
	r.UnheardAgents, r.HeldBack = remembers.Unheard, remembers.Shut
	if err := v.clock.steady(); err != nil {
		r.HeldBack = err.Error()
	}
	if err := v.store.Stated(); err != nil {
		r.NotStarted = err.Error()
	}
	refused := v.admission.RefusedBy()
	ledger := v.ledger.Stats()
	r.TornRecords, r.DifferingSlots = uint64(ledger.Torn), uint64(ledger.Differing)
	r.LedgerResets = ledger.Resets
	for _, p := range v.quorum.Status() {
		if p.Own {
			continue
		}
		away, _ := v.admission.Distance(p.Name)
		r.Peers = append(r.Peers, &cosignerv1.PeerStatus{Name: p.Name, Reachable: p.Failures == 0 && p.Ready,
			Commitments: uint32(p.Stock), LastError: p.LastError, BadShares: uint64(p.BadShares),
			RttUs: uint64(away.Microseconds()), Refuses: refused[p.Name]})
	}
}

// observer is told what the signer answered.
type observer struct {
	metrics *cosignerMetrics
	recent  *signer.Recent
	options Options
}

// observe counts and logs an answer: one line a signature, and a warning a refusal.
func (o observer) observe(e signer.Event) {
	o.metrics.observe(e)
	log := o.options.Logger.Info()
	if e.Err != nil {
		log = o.options.Logger.Warn().Err(e.Err)
		if refusal := (*signer.Refusal)(nil); errors.As(e.Err, &refusal) {
			o.recent.Add(e, o.options.Now())
		}
	}
	if e.Err == nil && e.Bound && e.Kind.OfHeight() {
		log = o.options.Logger.Error().Bool("alarm", true) // two nodes disagree about a block
	}
	log.Str("node", e.Node).Str("slot", e.Slot).Dur("took", e.Elapsed).Msg(result(e))
}

// register adds the figures that are read when they are asked for.
func (v *validator) register() {
	m := v.metrics
	m.gauge("is_leader", "1 while this cosigner leads.", func() float64 { return truth(v.store.Leader().Self) })
	m.gauge("raft_term", "Raft term.", func() float64 { return float64(v.store.Leader().Term) })
	m.gauge("raft_applied_index", "Last applied Raft index.", func() float64 {
		_, applied := v.store.Indexes()
		return float64(applied)
	})
	m.counter("lead_moves_total", "Times that this cosigner handed the lead to one nearer to the active node.",
		func() float64 { _, n := v.monitor.Seat(); return float64(n) })
	m.counter("raft_writes_total", "Durable writes of the Raft log; each is at least one fsync.",
		func() float64 { return float64(v.store.Writes()) })
	m.counter("ledger_claims_total", "Slots bound in the ledger.",
		func() float64 { return float64(v.ledger.Stats().Claims) })
	m.counter("ledger_syncs_total", "Syncs of the ledger.", func() float64 { return float64(v.ledger.Stats().Syncs) })
	m.gauge("ledger_slots", "Slots held by the ledger.", func() float64 { return float64(v.ledger.Stats().Slots) })
	m.gauge("ledger_bytes", "Size of the ledger.", func() float64 { return float64(v.ledger.Stats().Bytes) })
	m.gauge("ledger_torn_records", "Torn records cut at the last start.",
		func() float64 { return float64(v.ledger.Stats().Torn) })
	m.gauge("ledger_differing_slots", "Slots for which ledger and log differ. Not 0: alarm.",
		func() float64 { return float64(v.ledger.Stats().Differing) })
	m.counter("shares_total", "Shares given, to itself included.",
		func() float64 { return float64(v.server.Stats().Shares) })
	m.counter("attestations_total", "Attestations given to stock nodes, to itself included.",
		func() float64 { return float64(v.server.Stats().Attested) })
	m.counter("shares_refused_total", "Requests for shares and attestations refused.",
		func() float64 { return float64(v.server.Stats().Refused) })
	m.counter("bad_shares_total", "Wrong shares got from others. Not 0: alarm.",
		func() float64 { return float64(v.quorum.Stats().BadShares) })
	m.counter("alarms_total", "Ledgers that contradicted the log. Not 0: alarm.",
		func() float64 { return float64(v.quorum.Stats().Alarms) })
	m.counter("hedged_total", "Rounds of shares started because another was slow.",
		func() float64 { return float64(v.quorum.Stats().Hedged) })
	m.gauge("watermark_era", "Newest era claimed.", func() float64 {
		return v.newest(func(s *machine.State) uint64 { return s.Table().Newest().Era })
	})
	m.gauge("watermark_height", "Newest height claimed.", func() float64 {
		return v.newest(func(s *machine.State) uint64 { return s.Table().Newest().Height })
	})
	m.registry.MustRegister(newFailoverMetrics(v))
	m.gauge("raft_heartbeat_seconds", "How long a leader that is not heard of is borne with.",
		func() float64 { return v.store.Timing().Heartbeat.Seconds() })
	for _, name := range v.links.names() {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace,
			Name: "peer_rtt_seconds", ConstLabels: prometheus.Labels{"peer": name},
			Help: "Round trip to another cosigner, the median of its last 30 answers; 0 if it is not known."},
			func() float64 { away, _ := v.admission.Distance(name); return away.Seconds() }))
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace,
			Name: "peer_refuses", ConstLabels: prometheus.Labels{"peer": name},
			Help: "1 while another cosigner refuses this one: its state, its certificate or its version."},
			func() float64 { _, refuses := v.admission.RefusedBy()[name]; return truth(refuses) }))
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace,
			Name: "peer_other_split", ConstLabels: prometheus.Labels{"peer": name},
			Help: "1 if another cosigner's share is of another split of the key than this one's. Not 0: alarm."},
			func() float64 { return truth(v.otherSplit(name)) }))
	}
	m.gauge("epoch", "Changes of mode and roles so far.", func() float64 {
		return v.newest(func(s *machine.State) uint64 { return s.Roles().Epoch })
	})
}

// otherSplit reports whether the named cosigner's share is of another split than ours.
func (v *validator) otherSplit(name string) bool {
	return slices.ContainsFunc(v.quorum.Status(), func(s cosigner.Standing) bool {
		return s.Name == name && s.Split != nil
	})
}

// newest reads a figure of the state, 0 before Genesis.
func (v *validator) newest(f func(*machine.State) uint64) (n float64) {
	v.store.View(func(s *machine.State) {
		if s.Started() {
			n = float64(f(s))
		}
	})
	return n
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
