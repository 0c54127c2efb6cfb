package daemon

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"casper-cosigner/rule/failover"
)

// failoverMetrics are the figures of roles and nodes, read when they are asked for. Each has the
// node as its first label, if it has any.
type failoverMetrics struct {
	validator *validator

	active, mode, hold                     *prometheus.Desc
	ready, condition, lastRequest          *prometheus.Desc
	lastPing, height, lag, leftover, fault *prometheus.Desc
	undrilled, unknown                     *prometheus.Desc
	main, upgrade                          *prometheus.Desc
}

func newFailoverMetrics(v *validator) failoverMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
	}
	return failoverMetrics{
		validator: v,
		active:    desc("active_node", "1 for the active node, 0 for the others.", "node"),
		mode:      desc("mode", "1 for the mode that holds: hot or fenced.", "mode"),
		hold:      desc("hold", "1 while automatic changes of roles are stopped."),
		ready:     desc("node_ready", "1 for a node that could be made active.", "node"),
		condition: desc("node_condition", "1 for what keeps the node from being well or ready; absent if nothing does.",
			"node", "code"),
		lastRequest: desc("node_last_request_timestamp_seconds", "Last request of the node for a signature.", "node"),
		lastPing:    desc("node_last_ping_timestamp_seconds", "Last ping of the node's agent to any cosigner.", "node"),
		height:      desc("node_height", "Height of the node's last block.", "node"),
		lag:         desc("node_lag_rounds", "Rounds of the newest era that the node has not asked for yet.", "node"),
		leftover: desc("node_leftover_key", "1 while a secret key of the validator lies on the node's host. Not 0: alarm.",
			"node"),
		undrilled: desc("node_undrilled", "1 while a program that the node's launcher runs or will would get no key.",
			"node"),
		unknown: desc("node_unknown_instance",
			"1 while it is not known what an instance is made of that the stock node votes in.", "node"),
		fault:   desc("node_fault", "1 once the node has said that the validator equivocated. Not 0: alarm.", "node"),
		main:    desc("main_node", "1 for the node that the cluster file names main, 0 for the others.", "node"),
		upgrade: desc("node_upgrade_era", "Era at which the node's next version begins, 0 if none is staged.", "node"),
	}
}

// Describe names the figures.
func (m failoverMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.active, m.mode, m.hold, m.ready, m.condition, m.lastRequest, m.lastPing,
		m.height, m.lag, m.leftover, m.undrilled, m.unknown, m.fault, m.main, m.upgrade} {
		out <- d
	}
}

// Collect reads them.
func (m failoverMetrics) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	moment := func(d *prometheus.Desc, at time.Time, node string) {
		if !at.IsZero() {
			gauge(d, float64(at.UnixMilli())/1000, node)
		}
	}
	roles := m.validator.roles()
	for _, mode := range []failover.Mode{failover.Hot, failover.Fenced} {
		gauge(m.mode, truth(roles.Mode == mode), mode.String())
	}
	gauge(m.hold, truth(roles.HoldUntil > m.validator.options.Now().UnixMilli()))
	judgement, seen := m.validator.monitor.Judgement()
	settings := m.validator.monitor.Settings
	for _, name := range settings.Nodes {
		n := seen.Nodes[name]
		condition := judgement.Conditions[name]
		gauge(m.active, truth(roles.Active == name), name)
		gauge(m.ready, truth(condition.Ready), name)
		if condition.Code != "" {
			gauge(m.condition, 1, name, condition.Code)
		}
		moment(m.lastRequest, n.Last(), name)
		moment(m.lastPing, n.Heard, name)
		gauge(m.height, float64(max(n.Status.Height, n.Place.Height)), name)
		gauge(m.lag, lagOf(n.Place, seen.Bound), name)
		gauge(m.leftover, truth(n.LeftoverKey != ""), name)
		gauge(m.undrilled, truth(n.Undrilled != ""), name)
		gauge(m.unknown, truth(n.Unknown != ""), name)
		gauge(m.fault, truth(!n.Fault.IsZero()), name)
		gauge(m.main, truth(settings.Main == name), name)
		gauge(m.upgrade, float64(n.Status.UpgradeEra), name)
	}
}

// lagOf returns how many of the newest era's rounds that are bound the node has not come to.
func lagOf(node, bound failover.Place) float64 {
	switch {
	case node.Era > bound.Era, node.Era == bound.Era && node.Round >= bound.Round:
		return 0
	case node.Era == bound.Era:
		return float64(bound.Round - node.Round)
	}
	return float64(bound.Round) + 1
}
