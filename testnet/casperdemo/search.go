package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"casper-cosigner/testnet"
)

// target is a process to search.
type target struct {
	name string
	pid  int
}

// searchKey looks for the validator's secret wherever it could be, and for its public key to see that it would be found.
func (s *demo) searchKey(context.Context) error {
	p := s.pair
	needles, err := secretNeedles(p.key)
	if err != nil {
		return err
	}
	files, err := searchFiles(needles, s.networkDir(), s.clusterDir())
	if err != nil {
		return err
	}
	s.count("files", files.Files)
	s.count("bytes_of_files", int(files.Bytes))
	s.Claimf(len(files.Where) == 0 && files.Files > 0, "%d files of the nodes and the cosigners, %d MB: none holds the key%s",
		files.Files, files.Bytes>>20, list(": ", files.Where))

	public := needle{"the public key", p.ours[:]}
	targets := []target{{p.main.node.Name, p.main.node.PID()}, {p.standby.node.Name, p.standby.node.PID()}}
	nodes := len(targets)
	for _, process := range slices.Concat(p.cluster.Cosigners, p.cluster.Agents) {
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
		where = append(where, slices.DeleteFunc(found.Where, func(w string) bool { return strings.HasSuffix(w, public.name) })...)
	}
	s.count("bytes_of_memory", int(bytes))
	s.Claimf(len(unread) == 0, "the memory of %d processes can be read%s", len(targets), list("; run as root, or with CAP_SYS_PTRACE: ", unread))
	s.Claimf(len(where) == 0 && len(unread) == 0, "%d MB of memory, of the 2 nodes, the cosigners and the agents: no key%s", bytes>>20, list(": ", where))
	s.Claimf(known == nodes, "the search works: it finds the public key in the memory of %d of %d nodes", known, nodes)
	names := make([]string, len(needles))
	for i, n := range needles {
		names[i] = n.name
	}
	s.Sayf("searched for: %s", strings.Join(names, ", "))
	return nil
}

func processName(p *testnet.Process) string { return fmt.Sprintf("%s, pid %d", p.Name, p.PID()) }
