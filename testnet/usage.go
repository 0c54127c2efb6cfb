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

// clockTick is the unit of CPU time in /proc; Linux shows 100 a second to programs on every machine that we build for.
const clockTick = 10 * time.Millisecond

// CPU is the time that the process has spent so far, its own and the system's for it.
func (p *Process) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0, fmt.Errorf("reading the CPU time of %s: %w", p.Name, err)
	}
	// The name, in parentheses, may hold spaces. Behind it utime and stime are fields 14 and 15 of the line (proc_pid_stat(5)).
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const utime, stime = 14 - 3, 15 - 3
	if len(fields) <= stime {
		return 0, fmt.Errorf("reading the CPU time of %s: %q", p.Name, text)
	}
	var ticks int64
	for _, i := range []int{utime, stime} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the CPU time of %s: %w", p.Name, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// Memory is what a process has in memory, in bytes.
type Memory struct {
	Resident int64 // all of it
	Own      int64 // without the pages of files that it maps, which the system takes back when it needs them
}

// Memory reads what the process has in memory.
func (p *Process) Memory() (m Memory, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return m, fmt.Errorf("reading the memory of %s: %w", p.Name, err)
	}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		into := map[string]*int64{"VmRSS": &m.Resident, "RssAnon": &m.Own}[name]
		if into == nil {
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		if err != nil {
			return m, fmt.Errorf("reading the memory of %s: %w", p.Name, err)
		}
		*into = kilobytes << 10
	}
	if m.Resident == 0 {
		return m, fmt.Errorf("reading the memory of %s: no VmRSS", p.Name)
	}
	return m, nil
}

// CPU is the sum over processes.
func CPU(processes []*Process) (sum time.Duration, err error) {
	for _, p := range processes {
		used, err := p.CPU()
		if err != nil {
			return 0, err
		}
		sum += used
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

// Metric is the sum of a metric over its labels and over all cosigners that serve it; false when none does.
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
