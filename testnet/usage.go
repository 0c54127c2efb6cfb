package testnet

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of CPU time in /proc; Linux shows 100 a second to programs on every machine
// that we build for.
const clockTick = 10 * time.Millisecond

// Usage is what a process has used so far.
type Usage struct {
	CPU      time.Duration // its own time and the system's for it
	Resident int64         // memory, in bytes
	Own      int64         // of it, what is not pages of files, which the system takes back when it needs them
}

// UsageOf reads what the process with this id has used.
func UsageOf(pid int) (u Usage, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	if u, err = parseUsage(string(stat), string(status)); err != nil {
		return u, fmt.Errorf("reading what process %d uses: %w", pid, err)
	}
	return u, nil
}

// parseUsage reads /proc/PID/stat and /proc/PID/status (proc_pid_stat(5), proc_pid_status(5)).
func parseUsage(stat, status string) (u Usage, err error) {
	// The name, in parentheses, may hold spaces. Behind it utime and stime are fields 14 and
	// 15 of the line.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const utime, stime = 14 - 3, 15 - 3
	if len(fields) <= stime {
		return u, fmt.Errorf("stat is %q", stat)
	}
	for _, i := range []int{utime, stime} {
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return u, err
		}
		u.CPU += time.Duration(ticks) * clockTick
	}
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
	return u, nil
}

// CPU is the sum over processes.
func CPU(processes []*Process) (sum time.Duration, err error) {
	for _, p := range processes {
		used, err := UsageOf(p.PID())
		if err != nil {
			return 0, err
		}
		sum += used.CPU
	}
	return sum, nil
}

// DiskUse is what the files below a folder take up on disk, in bytes.
func DiskUse(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if os.IsNotExist(err) { // a snapshot that has just been replaced
				return nil
			}
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil // likewise
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok && d.Type().IsRegular() {
			const unit = 512 // of st_blocks, whatever the file system's own
			sum += s.Blocks * unit
		}
		return nil
	})
	return sum, err
}

// Metric is the sum of a metric over its labels and over all cosigners that serve it; false
// when none does.
func (c *Cluster) Metric(ctx context.Context, name string) (sum float64, found bool, err error) {
	for i := range c.Cosigners {
		text, err := scrape(ctx, c.metricsAddress(i))
		if err != nil {
			return 0, false, err
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			rest, ok := strings.CutPrefix(lines.Text(), name)
			if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
				continue
			}
			value, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
			if err != nil {
				return 0, false, fmt.Errorf("reading metric %s: %w", name, err)
			}
			sum, found = sum+value, true
		}
	}
	return sum, found, nil
}

func scrape(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("asking for metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking for metrics: %w", err)
	}
	defer response.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(response.Body); err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	return b.Bytes(), nil
}

// LoadAverage is how many processes wanted to run, over the last one, five and fifteen minutes.
func LoadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(fields[:3], " ")
}
