package cluster

import (
	"fmt"
	"slices"
)

// What a stock node does that is not active.
const (
	standbyPassive = "passive"
	standbyHot     = "hot"
)

// stockFaults returns what is wrong with the settings for stock nodes.
func (f Failover) stockFaults() (faults []error) {
	if !slices.Contains([]string{"", standbyPassive, standbyHot}, f.Standby) {
		faults = append(faults, fmt.Errorf("failover.standby: want passive or hot, got %q", f.Standby))
	}
	if !slices.Contains([]string{"", "auto", "manual"}, f.Rearm) {
		faults = append(faults, fmt.Errorf("failover.rearm: want auto or manual, got %q", f.Rearm))
	}
	return faults
}

// Passive reports whether a stock node casts no vote unless it is the active one. Two that vote
// take each other out of the era at the first round that they lead, and which of them is left then
// is not known before.
func (f Failover) Passive() bool { return f.Standby != standbyHot }

// Rearms returns auto or manual: whether the active stock node is restarted so that it votes again.
func (f Failover) Rearms() string {
	if f.Rearm == "" {
		return "auto"
	}
	return f.Rearm
}
