package daemon

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/status"

	"casper-cosigner/agent"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// pingBuckets are in seconds, from two processes on one host to two continents and a lost packet.
var pingBuckets = []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1}

// gateQuiet is how long a gate that stands, and tells each second, may be silent.
const gateQuiet = 3 * time.Second

// agentMetrics counts what an agent passed on and whom it reached.
type agentMetrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	rtt      *prometheus.HistogramVec
	lost     *prometheus.CounterVec
	lies     *prometheus.CounterVec
	restarts *prometheus.CounterVec
}

// newAgentMetrics returns the metrics of one node's agent, which pings the named peers.
func newAgentMetrics(node string, peers []string) *agentMetrics {
	labels := prometheus.Labels{"node": node}
	m := &agentMetrics{
		registry: newRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "agent_requests_total",
			Help: "Requests of the node, by method and gRPC code.", ConstLabels: labels}, []string{"method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace,
			Name: "agent_request_duration_seconds",
			Help: "Time from the node's request to its answer.", Buckets: latencyBuckets, ConstLabels: labels},
			[]string{"method"}),
		rtt: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: "ping_rtt_seconds",
			Help: "Round-trip times of the pings that were answered in time.", Buckets: pingBuckets, ConstLabels: labels},
			[]string{"peer"}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "pings_lost_total",
			Help: "Pings that were not answered in time.", ConstLabels: labels}, []string{"peer"}),
		lies: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "agent_false_answers_total",
			Help: "Answers of a cosigner with a signature that is not the validator's, or of another slot, or that grant " +
				"what is not attested.",
			ConstLabels: labels}, []string{"cosigner"}),
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "agent_restart_orders_total",
			Help: "Restarts of the stock node that the cosigners ordered, by what came of them.", ConstLabels: labels},
			[]string{"result"}),
	}
	for _, peer := range peers { // so that the first loss is seen as a rise
		m.rtt.WithLabelValues(peer)
		m.lost.WithLabelValues(peer)
	}
	m.registry.MustRegister(m.requests, m.duration, m.rtt, m.lost, m.lies, m.restarts)
	return m
}

func (m *agentMetrics) observe(method string, err error, elapsed time.Duration) {
	m.requests.WithLabelValues(method, status.Code(err).String()).Inc()
	m.duration.WithLabelValues(method).Observe(elapsed.Seconds())
}

func (m *agentMetrics) lied(cosigner string) { m.lies.WithLabelValues(cosigner).Inc() }

func (m *agentMetrics) restarted(result string) { m.restarts.WithLabelValues(result).Inc() }

func (m *agentMetrics) observePing(peer string, rtt time.Duration, err error) {
	if err != nil {
		m.lost.WithLabelValues(peer).Inc()
		return
	}
	m.rtt.WithLabelValues(peer).Observe(rtt.Seconds())
}

// follow adds which of the cosigners the node's agent takes for the leader, read when it is asked
// for.
func (m *agentMetrics) follow(node string, cosigners []agent.Cosigner, leader func() string) {
	for _, c := range cosigners {
		m.lies.WithLabelValues(c.Name) // so that the first one is seen as a rise
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: "agent_leader",
			Help:        "1 for the cosigner that the agent takes for the leader, and asks first.",
			ConstLabels: prometheus.Labels{"node": node, "cosigner": c.Name}},
			func() float64 { return truth(leader() == c.Name) }))
	}
}

// watch adds what is known of the node, read when it is asked for. now is the wall clock.
func (m *agentMetrics) watch(node string, health func(time.Time) *cosignerv1.NodeHealth, now func() time.Time) {
	labels := prometheus.Labels{"node": node}
	describe := func(name, help string, variable ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, variable, labels)
	}
	m.registry.MustRegister(nodeCollector{
		health: health, now: now,
		up:      describe("node_up", "1 if the node answered the last /status, 0 if not; absent if it is not watched."),
		reactor: describe("node_reactor_state", "1 for the state that /status tells.", "state"),
		height:  describe("node_height", "Height of the node's last block, as /status tells it."),
		request: describe("last_signing_request_timestamp_seconds",
			"When the node last asked for a signature of a round or block."),
		events: describe("node_events", "1 if the node's events are heard, 0 if no fault of our validator would be noticed."),
		key:    describe("leftover_key", "1 if a secret key of the validator lies on the node's host."),
		undrilled: describe("undrilled",
			"1 while a program that the node's launcher runs, or that is staged, would get no key when it starts."),
		unknown: describe("unknown_instance", "1 while it is not known what an instance is made of that the node votes in."),
		gate: describe("gate_up", "1 if the gate of the stock node stands, 0 if it, or its watch, says otherwise, or "+
			"nothing; absent beside another node."),
		passed: describe("gate_passed", "1 once the gate let pass what it must refuse, until the node is started anew."),
	})
}

// nodeCollector turns a node's health into metrics. What is not known is absent.
type nodeCollector struct {
	health func(time.Time) *cosignerv1.NodeHealth
	now    func() time.Time

	up, reactor, height, request, events, key, undrilled, unknown, gate, passed *prometheus.Desc
}

// Describe sends every description.
func (c nodeCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.up, c.reactor, c.height, c.request, c.events, c.key, c.undrilled, c.unknown,
		c.gate, c.passed} {
		out <- d
	}
}

// Collect sends what is known now.
func (c nodeCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	truth := func(d *prometheus.Desc, is bool) {
		if is {
			gauge(d, 1)
		} else {
			gauge(d, 0)
		}
	}
	h := c.health(time.Now())
	if h.StatusAgoMs != nil || h.GetStatusError() != "" {
		truth(c.up, h.GetStatusError() == "")
	}
	if h.GetReactorState() != "" {
		gauge(c.reactor, 1, h.GetReactorState())
	}
	if h.GetBlock() != nil {
		gauge(c.height, float64(h.GetBlock().GetHeight()))
	}
	if ago, asked := lastAsked(h); asked {
		gauge(c.request, float64(c.now().Add(-ago).UnixMilli())/1000)
	}
	truth(c.events, h.GetEventsError() == "")
	truth(c.key, h.GetLeftoverKey() != "")
	truth(c.undrilled, h.GetUndrilled() != "")
	truth(c.unknown, h.GetUnknownInstance() != "")
	if g := h.GetGate(); g != nil {
		quiet := g.AgoMs == nil || time.Duration(g.GetAgoMs())*time.Millisecond > gateQuiet
		truth(c.gate, g.GetError() == "" && !quiet)
		truth(c.passed, g.PassedAgoMs != nil)
	}
}

// lastAsked returns how long ago the node last asked for a round or a height, if it ever did.
func lastAsked(h *cosignerv1.NodeHealth) (ago time.Duration, asked bool) {
	for _, a := range []*cosignerv1.Asked{h.GetRounds(), h.GetHeights()} {
		if a == nil || a.AgoMs == nil {
			continue
		}
		if d := time.Duration(a.GetAgoMs()) * time.Millisecond; !asked || d < ago {
			ago, asked = d, true
		}
	}
	return ago, asked
}
