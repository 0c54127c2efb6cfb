package localnet

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU time in /proc; Linux shows 100 a second to programs on every machine.
const clockTick = 10 * time.Millisecond

// Usage is what a node's process has used.
type Usage struct {
	Resident int64         // memory, in bytes
	Own      int64         // of it, what is not pages of files, which the system takes back when it needs them
	CPU      time.Duration // since the process was started
}

// Usage reads what the node's process has used so far.
func (n *Node) Usage() (u Usage, err error) {
	dir := fmt.Sprintf("/proc/%d/", n.PID())
	status, err := os.ReadFile(dir + "status")
	if err != nil {
		return u, fmt.Errorf("reading what %s uses: %w", n.Name, err)
	}
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return u, fmt.Errorf("reading what %s uses: %w", n.Name, err)
	}
	if u, err = parseUsage(string(status), string(stat)); err != nil {
		return u, fmt.Errorf("reading what %s uses: %w", n.Name, err)
	}
	return u, nil
}

// parseUsage reads /proc/PID/status and /proc/PID/stat (proc_pid_status(5), proc_pid_stat(5)).
func parseUsage(status, stat string) (u Usage, err error) {
	for line := range strings.Lines(status) {
		name, rest, _ := strings.Cut(line, ":")
		into := map[string]*int64{"VmRSS": &u.Resident, "RssAnon": &u.Own}[name]
		if into == nil {
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		if err != nil {
			return u, err
		}
		*into = kilobytes << 10
	}
	if u.Resident == 0 {
		return u, fmt.Errorf("no VmRSS; it has ended")
	}
	// The name, in parentheses, may hold spaces. Behind it the user and system time are fields 14 and 15 of the line.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const user, system = 14 - 3, 15 - 3
	if len(fields) <= system {
		return u, fmt.Errorf("stat is %q", stat)
	}
	for _, i := range []int{user, system} {
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return u, err
		}
		u.CPU += time.Duration(ticks) * clockTick
	}
	return u, nil
}
