package cluster

import (
	"fmt"
	"time"
)

const (
	witnessWait = 30 * time.Second // unless the file says otherwise
	maxWait     = 10 * time.Minute
	// pingsToHear is in how many ping intervals a cosigner that starts must have heard what others
	// remember of it: one until an agent pings another cosigner, one until that one tells it, and one
	// for a call that is lost.
	pingsToHear = 3
)

// WaitForWitnesses is how long a cosigner that starts waits for the agents.
func (f *File) WaitForWitnesses() time.Duration {
	if f.WitnessWait == 0 {
		return max(witnessWait, f.leastWait())
	}
	return time.Duration(f.WitnessWait)
}

// leastWait is how long a cosigner that starts must wait at least.
func (f *File) leastWait() time.Duration { return pingsToHear * time.Duration(f.Failover.PingInterval) }

func (f *File) waitFaults() (faults []error) {
	if w := time.Duration(f.WitnessWait); w < 0 || w > maxWait {
		faults = append(faults, fmt.Errorf("witness_wait: want at most %v, or nothing for %v, got %v",
			maxWait, witnessWait, w))
	}
	if w := f.WaitForWitnesses(); w < f.leastWait() {
		faults = append(faults, fmt.Errorf("witness_wait: want at least %d times failover.ping_interval, %v, got %v: what "+
			"agents and other cosigners remember of one that was put back would come after it had begun to sign",
			pingsToHear, f.leastWait(), w))
	}
	return faults
}
