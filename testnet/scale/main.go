// Scale reckons what many validators on the same hosts cost: how much three hosts spend on
// cosigners that wait, what a burst of requests does to them when all validators of a network vote
// at once, and where that breaks. It compares a process for each validator, which is what there is,
// with processes that share what could be shared, which is not built.
//
// It promises a model, not a measurement: queues for cores and disks, fed with what a signature
// was measured to take (make bench; -syncs measures this machine's disk). The network between the
// hosts has no limit in it, and a host does nothing else. docs/scale.md tells what follows.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	c := measured()
	flag.IntVar(&c.Cores, "cores", c.Cores, "of each host")
	flag.DurationVar(&c.Sync, "sync", c.Sync, "what one durable write takes")
	flag.IntVar(&c.Lanes, "lanes", c.Lanes, "files that are synced at a time as fast as one")
	flag.DurationVar(&c.CPU, "cpu", c.CPU, "processor time of a signature, over all cosigners")
	flag.Float64Var(&c.Idle, "idle", c.Idle, "share of a core of a cosigner that only waits")
	flag.DurationVar(&c.Spread, "spread", c.Spread, "between the first node that asks for a vote and the last")
	seed := flag.Uint64("seed", 1, "of the instants at which nodes ask")
	syncs := flag.Bool("syncs", false, "measure how fast this machine syncs many files, and end")
	flag.Parse()
	if *syncs {
		if err := printSyncs(os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "scale:", err)
			os.Exit(1)
		}
		return
	}
	fmt.Printf("three hosts of %d cores, %v a sync, %d at a time; %v of processor a signature; all ask within %v\n\n",
		c.Cores, c.Sync, c.Lanes, c.CPU, c.Spread)
	for _, s := range shapes() {
		table(c, s, *seed)
	}
	service(c, *seed)
}

// sizes are how many validators are tried.
func sizes() []int { return []int{1, 10, 30, 100, 300, 1000, 3000, 10000} }

func table(c Costs, s Shape, seed uint64) {
	fmt.Printf("%s\n%10s %12s %10s %12s %10s %10s %8s\n", s.Name,
		"validators", "idle, cores", "memory", "messages/s", "p50", "p99", "late")
	for _, n := range sizes() {
		r := Reckon(c, s, n, seed)
		fmt.Printf("%10d %12.2f %7.1f GB %12.0f", n, r.Idle, float64(r.Memory)/(1<<30), r.Messages)
		if r.Drowned {
			fmt.Println("  waiting alone takes all cores")
			continue
		}
		fmt.Printf(" %10v %10v %7.2f%%\n", r.P50.Round(100*time.Microsecond), r.P99.Round(100*time.Microsecond), 100*r.Late)
	}
	fmt.Println()
}

// service prints how many hosts ten thousand validators need for no request to be late.
func service(c Costs, seed uint64) {
	const validators = 10_000
	fmt.Printf("%d validators, and no request late:\n", validators)
	for _, s := range shapes() {
		most := Most(c, s, seed)
		if most == 0 {
			fmt.Printf("  %-58s not on such hosts\n", s.Name)
			continue
		}
		fmt.Printf("  %-58s %5d on three hosts, so %d hosts\n", s.Name, most, 3*((validators+most-1)/most))
	}
}
