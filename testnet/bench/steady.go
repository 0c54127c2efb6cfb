package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"casper-cosigner/testnet"
)

const (
	idleFor  = 10 * time.Second
	looks    = 5 // at memory and disk, on the way to the total
	megabyte = 1e6

	claimsMetric = "casper_cosigner_ledger_claims_total"
	syncsMetric  = "casper_cosigner_ledger_syncs_total"
	phaseMetric  = "casper_cosigner_sign_phase_seconds"
)

// machine says what the figures were taken on.
func machine() string {
	model := "an unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores of %s", runtime.NumCPU(), model)
}

func (b *bench) size(context.Context) error {
	info, err := os.Stat(b.binary)
	if err != nil {
		return fmt.Errorf("looking at the program: %w", err)
	}
	b.figure("binary", fmt.Sprintf("%.1f MB", float64(info.Size())/megabyte), "under 20 MB")
	return nil
}

// idle measures what the cluster costs when nobody asks.
func (b *bench) idle(ctx context.Context) error {
	for _, group := range []struct {
		name string
		of   []*testnet.Process
	}{{"idle, 3 cosigners", b.cluster.Cosigners}, {"idle, 2 agents", b.cluster.Agents}} {
		before, err := testnet.CPU(group.of)
		if err != nil {
			return err
		}
		if err := testnet.Pause(ctx, idleFor); err != nil {
			return err
		}
		after, err := testnet.CPU(group.of)
		if err != nil {
			return err
		}
		b.figure(group.name, fmt.Sprintf("%.1f %% of a core", 100*(after-before).Seconds()/idleFor.Seconds()), "")
	}
	return nil
}

// latency measures one node that asks for one signature after the other.
func (b *bench) latency(ctx context.Context) error {
	if _, err := b.closedLoop(ctx, b.perRun/10); err != nil { // first connections, first pages
		return err
	}
	claims, syncs, err := b.counters(ctx)
	if err != nil {
		return err
	}
	var best testnet.Latencies
	for i := range b.runs {
		t, err := b.closedLoop(ctx, b.perRun)
		if err != nil {
			return err
		}
		b.figure(fmt.Sprintf("latency, run %d of %d", i+1, b.perRun), quantiles(t.latencies), "")
		if best == nil || t.latencies.Quantile(0.5) < best.Quantile(0.5) {
			best = t.latencies
		}
	}
	b.figure("latency, best run", quantiles(best), "p50 3 ms, p99 12 ms")
	if least := b.floors.least(); least > 0 {
		b.figure("  to the floor",
			fmt.Sprintf("%.1f times %s", float64(best.Quantile(0.5))/float64(least), testnet.Millis(least)), "")
	}
	if err := b.phases(ctx); err != nil {
		return err
	}
	moreClaims, moreSyncs, err := b.counters(ctx)
	if err != nil {
		return err
	}
	signed := b.runs * b.perRun
	if moreSyncs == 0 {
		b.figure("fsyncs of the ledgers", "not counted", fmt.Sprintf("at least the %d claims", signed))
		return nil
	}
	b.figure("fsyncs of the ledgers", fmt.Sprintf("%.0f for %.0f entries", moreSyncs-syncs, moreClaims-claims),
		fmt.Sprintf("at least the %d claims", signed))
	return nil
}

// phases shows where the leader's time went, on average over all that it signed so far.
func (b *bench) phases(ctx context.Context) error {
	for _, phase := range []string{"claim", "shares"} {
		label := `{phase="` + phase + `"}`
		sum, _, err := b.cluster.Metric(ctx, phaseMetric+"_sum"+label)
		if err != nil {
			return err
		}
		count, found, err := b.cluster.Metric(ctx, phaseMetric+"_count"+label)
		if err != nil {
			return err
		}
		if found && count > 0 {
			b.figure("  of which, at the leader: "+phase, fmt.Sprintf("%.2f ms on average", 1000*sum/count), "")
		}
	}
	return nil
}

// counters are what the ledgers of all cosigners have counted, 0 where the program does not say.
func (b *bench) counters(ctx context.Context) (claims, syncs float64, err error) {
	if claims, _, err = b.cluster.Metric(ctx, claimsMetric); err != nil {
		return 0, 0, err
	}
	syncs, _, err = b.cluster.Metric(ctx, syncsMetric)
	return claims, syncs, err
}

// throughput measures many requests at once, and what each costs.
func (b *bench) throughput(ctx context.Context) error {
	restarts := len(b.cluster.Restarts())
	before, err := b.cpu()
	if err != nil {
		return err
	}
	start := time.Now()
	t, err := b.floodWith(ctx, b.flood)
	if err != nil {
		return err
	}
	took := time.Since(start)
	after, err := b.cpu()
	if err != nil {
		return err
	}
	b.figure(fmt.Sprintf("throughput, %d in flight", inFlight), fmt.Sprintf("%.0f a second",
		float64(b.flood)/took.Seconds()), "1000 a second")
	b.figure("  latency then", quantiles(t.latencies), "")
	if len(b.cluster.Restarts()) > restarts {
		b.figure("  CPU", "not known", "1.2 ms each")
		b.printf("  (a process ended by itself, so its CPU time is lost; is the machine quiet?)")
		return nil
	}
	b.figure("  CPU of the cosigners", testnet.Millis((after[0]-before[0])/time.Duration(b.flood))+" each", "1.2 ms each")
	b.figure("  CPU of the agent", testnet.Millis((after[1]-before[1])/time.Duration(b.flood))+" each", "")
	b.figure("  asked again", fmt.Sprintf("%d no answer, %d too early", t.again.Load(), t.early.Load()), "")
	return nil
}

// cpu is the CPU time of cosigners and agents so far.
func (b *bench) cpu() (used [2]time.Duration, err error) {
	for i, of := range [][]*testnet.Process{b.cluster.Cosigners, b.cluster.Agents} {
		if used[i], err = testnet.CPU(of); err != nil {
			return used, err
		}
	}
	return used, nil
}

// memory signs up to the total and looks at memory and disk on the way.
func (b *bench) memory(ctx context.Context) error {
	b.printf("memory and state of %d cosigners (goal: each under 64 MB, and a state that stops growing)",
		len(b.cluster.Cosigners))
	for i := range looks {
		missing := b.total*(i+1)/looks - b.load.count
		if missing <= 0 {
			continue
		}
		if _, err := b.floodWith(ctx, missing); err != nil {
			return err
		}
		var resident, own, disk []string
		for _, p := range b.cluster.Cosigners {
			used, err := testnet.UsageOf(p.PID())
			if err != nil {
				return err
			}
			state, err := testnet.DiskUse(b.cluster.StateDir(p.Name))
			if err != nil {
				return err
			}
			resident = append(resident, fmt.Sprintf("%.0f", float64(used.Resident)/megabyte))
			own = append(own, fmt.Sprintf("%.0f", float64(used.Own)/megabyte))
			disk = append(disk, fmt.Sprintf("%.1f", float64(state)/megabyte))
		}
		b.figure(fmt.Sprintf("  after %d signatures", b.load.count), strings.Join(resident, " / ")+" MB resident", "")
		b.figure("", strings.Join(own, " / ")+" MB without mapped files", "")
		b.figure("", strings.Join(disk, " / ")+" MB on disk", "")
	}
	return nil
}
