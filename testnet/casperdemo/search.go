package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
)

// target is a process to search.
type target struct {
	name string
	pid  int
}

// searchKey looks for the validator's secret wherever it could be, and for its public key to see
// that it would be found.
func (s *demo) searchKey(context.Context) error {
	p := s.Pair
	needles, err := secretNeedles(p.Key)
	if err != nil {
		return err
	}
	files, err := searchFiles(needles, s.NetworkDir(), s.ClusterDir())
	if err != nil {
		return err
	}
	s.Count("files", files.Files)
	s.Count("bytes_of_files", int(files.Bytes))
	s.Claimf(len(files.Where) == 0 && files.Files > 0, "%d files of the nodes and the cosigners, %d MB: none holds "+
		"the key%s",
		files.Files, files.Bytes>>20, stage.List(": ", files.Where))

	public := needle{"the public key", p.Ours[:]}
	targets := []target{{p.Main.Node.Name, p.Main.Node.PID()}, {p.Standby.Node.Name, p.Standby.Node.PID()}}
	nodes := len(targets)
	for _, process := range slices.Concat(p.Cluster.Cosigners, p.Cluster.Agents) {
		targets = append(targets, target{processName(process), process.PID()})
	}
	var where, unread []string
	known, bytes := 0, int64(0)
	for i, t := range targets {
		found, err := searchMemory(append(slices.Clone(needles), public), t.name, t.pid)
		if err != nil {
			unread = append(unread, err.Error())
			continue
		}
		bytes += found.Bytes
		if i < nodes && found.Found[public.name] > 0 {
			known++
		}
		where = append(where, slices.DeleteFunc(found.Where, func(w string) bool {
			return strings.HasSuffix(w, public.name)
		})...)
	}
	s.Count("bytes_of_memory", int(bytes))
	s.Claimf(len(unread) == 0, "the memory of %d processes can be read%s",
		len(targets), stage.List("; run as root, or with CAP_SYS_PTRACE: ", unread))
	s.Claimf(len(where) == 0 && len(unread) == 0, "%d MB of memory, of the 2 nodes, the cosigners and the agents: "+
		"no key%s", bytes>>20, stage.List(": ", where))
	s.Claimf(known == nodes, "the search works: it finds the public key in the memory of %d of %d nodes", known, nodes)
	names := make([]string, len(needles))
	for i, n := range needles {
		names[i] = n.name
	}
	s.Sayf("searched for: %s", strings.Join(names, ", "))
	return nil
}

func processName(p *testnet.Process) string { return fmt.Sprintf("%s, pid %d", p.Name, p.PID()) }
