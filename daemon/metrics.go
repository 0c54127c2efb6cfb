package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"casper-cosigner/rule/failover"
	"casper-cosigner/signer"
)

const namespace = "casper_cosigner"

// latencyBuckets are in seconds; a node waits for a quarter of one.
var latencyBuckets = []float64{.001, .002, .003, .005, .008, .012, .02, .03, .05, .1, .25, .5, 1, 2}

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// cosignerMetrics counts what the signer answered.
type cosignerMetrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	phases   *prometheus.HistogramVec
	changes  *prometheus.CounterVec
}

func newCosignerMetrics() *cosignerMetrics {
	m := &cosignerMetrics{
		registry: newRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "sign_requests_total",
			Help: "Requests answered by this cosigner as leader: signed, bound, refused_<reason> or unavailable."},
			[]string{"node", "kind", "result"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: "sign_duration_seconds",
			Help: "Time from request to answer at the leader.", Buckets: latencyBuckets}, []string{"kind"}),
	}
	m.phases = prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: "sign_phase_seconds",
		Help: "Of that: the claim's way through the log, and the round of shares.", Buckets: latencyBuckets},
		[]string{"phase"})
	m.changes = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "failovers_total",
		Help: "Times that a node was made active since this cosigner was started, by cause: operator, or the code of a " +
			"failover rule."},
		[]string{"cause"})
	m.registry.MustRegister(m.requests, m.duration, m.phases, m.changes)
	return m
}

// changed counts a change of roles.
func (m *cosignerMetrics) changed(e failover.Event) {
	if e.What == failover.EventActivate {
		m.changes.WithLabelValues(e.Cause).Inc()
	}
}

func (m *cosignerMetrics) phase(name string, took time.Duration) {
	m.phases.WithLabelValues(name).Observe(took.Seconds())
}

func (m *cosignerMetrics) observe(e signer.Event) {
	m.requests.WithLabelValues(e.Node, e.Kind.String(), result(e)).Inc()
	m.duration.WithLabelValues(e.Kind.String()).Observe(e.Elapsed.Seconds())
}

func result(e signer.Event) string {
	var refusal *signer.Refusal
	switch {
	case errors.As(e.Err, &refusal):
		return refusal.Label()
	case e.Err != nil:
		return "unavailable"
	case e.Bound:
		return "bound"
	case e.Granted:
		return "granted"
	}
	return "signed"
}

// gauge adds a figure that is read when it is asked for.
func (m *cosignerMetrics) gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help},
		value))
}

// counter adds a rising figure that is read when it is asked for.
func (m *cosignerMetrics) counter(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help},
		value))
}

// serveMetrics serves /metrics, /livez and, if ready is given, /readyz until ctx ends. An address
// that cannot be bound is reported and nothing more: looking at a signer must not stop it.
func serveMetrics(ctx context.Context, address string, r *prometheus.Registry, ready func() error,
	logger zerolog.Logger) error {
	if address == "" {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		logger.Error().Err(err).Str("address", address).Msg("metrics are off")
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	if ready != nil {
		mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
			if err := ready(); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			fmt.Fprintln(w, "ok")
		})
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		logger.Error().Err(err).Msg("metrics are off")
	}
	return nil
}
