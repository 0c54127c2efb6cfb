// Package deploy_test checks what deploy/ ships for Prometheus and Grafana: that it asks for no
// figure that the programs do not have, and that each alert is documented and tested. Of the
// programs it reads the source.
package deploy_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	namespace = "casper_cosigner"
	rules     = "prometheus/alerts.yml"
	ruleTests = "prometheus/alerts_test.yml"
	dashboard = "grafana/casper-cosigner.json"
	metered   = "../daemon" // the only package that registers metrics
)

// helpers are the programs' own functions whose first argument is a metric's name.
var helpers = []string{"gauge", "counter", "desc", "describe"}

// metrics are the full names that can be asked for, those that a histogram is stored as among them.
type metrics map[string]bool

// add adds what a call registers or describes, if it does.
func (m metrics) add(call *ast.CallExpr) {
	function := called(call)
	if function == "" || len(call.Args) == 0 {
		return
	}
	switch {
	case strings.HasPrefix(function, "New") && strings.Contains(function, "Desc"):
		if name := described(call.Args[0]); name != "" {
			m[name] = true
		}
	case strings.HasPrefix(function, "New"): // prometheus.NewGaugeVec and the like
		if name := option(call.Args[0], "Name"); name != "" {
			m[namespace+"_"+name] = true
			if strings.Contains(function, "Histogram") {
				m.addHistogram(name)
			}
		}
	case slices.Contains(helpers, function):
		if name := literal(call.Args[0]); name != "" {
			m[namespace+"_"+name] = true
		}
	}
}

func (m metrics) addHistogram(name string) {
	for _, suffix := range []string{"", "_bucket", "_count", "_sum"} {
		m[namespace+"_"+name+suffix] = true
	}
}

// called returns the bare name of the function or method.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// literal returns the value of a string literal.
func literal(e ast.Expr) string {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(l.Value)
	if err != nil {
		return ""
	}
	return s
}

// option returns a field of a prometheus.GaugeOpts or the like that is written out.
func option(e ast.Expr, field string) string {
	opts, ok := e.(*ast.CompositeLit)
	if !ok {
		return ""
	}
	for _, element := range opts.Elts {
		if kv, ok := element.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == field {
				return literal(kv.Value)
			}
		}
	}
	return ""
}

// described returns the full name in prometheus.NewDesc(prometheus.BuildFQName(namespace, "",
// name), ...), or in NewDesc(namespace+"_name", ...).
func described(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.CallExpr:
		if called(e) == "BuildFQName" && len(e.Args) == 3 {
			return namespace + "_" + literal(e.Args[2])
		}
	case *ast.BinaryExpr:
		return namespace + literal(e.Y)
	case *ast.BasicLit:
		return literal(e)
	}
	return ""
}

func find(t *testing.T, source any, path string) metrics {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	m := metrics{}
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			m.add(call)
		}
		return true
	})
	return m
}

// registered reads the sources of the programs.
func registered(t *testing.T) metrics {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(metered, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	all := metrics{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for name := range find(t, nil, path) {
			all[name] = true
		}
	}
	return all
}

var metricName = regexp.MustCompile(`\b` + namespace + `_\w+`)

// unknown returns the metrics in the text that are not there.
func (m metrics) unknown(text string) (names []string) {
	for _, name := range metricName.FindAllString(text, -1) {
		if !m[name] && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFind(t *testing.T) {
	m := find(t, `package x
	func f() {
		m.gauge("epoch", "help", nil)
		counter("lost_total", "help", nil)
		desc("up", "help")
		a := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: "ready", Help: "h"}, nil)
		b := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: "rtt_seconds"})
		c := prometheus.NewDesc(prometheus.BuildFQName(namespace, "", "lag"), "h", nil, nil)
		d := prometheus.NewDesc(namespace+"_height", "h", nil, nil)
	}`, "x.go")
	for _, name := range []string{"epoch", "lost_total", "up", "ready", "rtt_seconds_bucket", "rtt_seconds_count", "lag",
		"height"} {
		if !m[namespace+"_"+name] {
			t.Errorf("%s was not found, only %v", name, m)
		}
	}
	text := namespace + "_ready > 0 or " + namespace + "_ready_bucket > 0 or " + namespace + "_epok > 0"
	if got, want := m.unknown(text), []string{namespace + "_ready_bucket", namespace + "_epok"}; !slices.Equal(got, want) {
		t.Errorf("unknown are %v, want %v", got, want)
	}
}

func TestEveryMetricExists(t *testing.T) {
	have := registered(t)
	for _, path := range []string{rules, ruleTests, dashboard} {
		text := read(t, path)
		if !metricName.MatchString(text) {
			t.Errorf("%s names no metric: the check is broken", path)
		}
		for _, name := range have.unknown(text) {
			t.Errorf("%s: %s is registered nowhere in %s", path, name, metered)
		}
	}
}

// TestEveryRecordExists: what a rule takes from another rule is recorded.
func TestEveryRecordExists(t *testing.T) {
	text := read(t, rules)
	for _, name := range regexp.MustCompile(namespace+`:\w+`).FindAllString(text, -1) {
		if !strings.Contains(text, "- record: "+name+"\n") {
			t.Errorf("%s: %s is recorded nowhere", rules, name)
		}
	}
}

var (
	alert   = regexp.MustCompile(`(?m)^ *- alert: (\w+)$`)
	runbook = regexp.MustCompile(`(?m)^ *runbook: \S`)
)

func TestEveryAlertHasRunbookAndTest(t *testing.T) {
	text, tests := read(t, rules), read(t, ruleTests)
	starts := alert.FindAllStringSubmatchIndex(text, -1)
	if len(starts) == 0 {
		t.Fatal("no alert was found")
	}
	for i, start := range starts {
		name, end := text[start[2]:start[3]], len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		if !runbook.MatchString(text[start[0]:end]) {
			t.Errorf("%s has no runbook", name)
		}
		if !strings.Contains(tests, `"`+name+`"`) {
			t.Errorf("%s is tested nowhere in %s", name, ruleTests)
		}
	}
}

// TestDashboard: each panel has its own id and something to show.
func TestDashboard(t *testing.T) {
	var d struct {
		Title  string `json:"title"`
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(read(t, dashboard)), &d); err != nil {
		t.Fatal(err)
	}
	if d.Title == "" || len(d.Panels) == 0 {
		t.Fatalf("title %q, %d panels", d.Title, len(d.Panels))
	}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if p.ID == 0 || ids[p.ID] || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q: id used twice, or no title, or no targets", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			if !metricName.MatchString(target.Expr) {
				t.Errorf("panel %q asks for nothing of ours: %s", p.Title, target.Expr)
			}
		}
	}
}

// TestPromtool has Prometheus' own tool check the rules and run their tests.
func TestPromtool(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("SKIPPED, promtool not found: the rules are not checked and their tests are not run (Debian: prometheus)")
	}
	for _, args := range [][]string{{"check", "rules", rules}, {"test", "rules", ruleTests}} {
		if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
