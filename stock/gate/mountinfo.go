package gate

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// fsType is the type by which a gate's file system is known in mountinfo. The kernel wants "fuse."
// in front.
const fsType = "fuse.casper-gate"

// mount is a line of mountinfo. Those of one path lie on each other, the last one on top.
type mount struct {
	point        string
	fsType       string
	source       string
	major, minor int
}

// mounts returns what is mounted in this process's sight. It asks the kernel, and no file system:
// one that hangs does not hang this.
func mounts() (all []mount, err error) {
	const name = "/proc/self/mountinfo"
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(text) {
		m, err := parseMount(strings.TrimSuffix(string(line), "\n"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// mountsAt returns what is mounted at a path.
func mountsAt(path string) ([]mount, error) {
	all, err := mounts()
	return slices.DeleteFunc(all, func(m mount) bool { return m.point != path }), err
}

// parseMount reads a line of proc_pid_mountinfo(5).
func parseMount(line string) (m mount, err error) {
	front, back, found := strings.Cut(line, " - ")
	fields, types := strings.Fields(front), strings.Fields(back)
	if !found || len(fields) < 6 || len(types) < 2 {
		return mount{}, fmt.Errorf("unknown line %q", line)
	}
	major, minor, _ := strings.Cut(fields[2], ":")
	if m.major, err = strconv.Atoi(major); err == nil {
		m.minor, err = strconv.Atoi(minor)
	}
	if err != nil {
		return mount{}, fmt.Errorf("unknown device in %q", line)
	}
	m.point, m.fsType, m.source = unescape(fields[4]), types[0], unescape(types[1])
	return m, nil
}

// unescape reads the octal that mountinfo has for spaces, tabs, line ends and backslashes.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
