package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"casper-cosigner/testnet"
)

const (
	hangTrials = 3
	diskSize   = 256 << 20
)

// hang measures the outage when the leader's disk answers no more. Each cosigner gets a file system
// of its own, in a file; the leader's is frozen, so that every write to it waits. That takes root,
// loop devices and ext4.
func (b *bench) hang(ctx context.Context) (err error) {
	if err := b.close(); err != nil {
		return err
	}
	disks := map[string]*disk{}
	states := map[string]string{}
	defer func() {
		err = errors.Join(err, b.close())
		for _, d := range disks {
			err = errors.Join(err, d.unmount())
		}
	}()
	for _, name := range []string{"c1", "c2", "c3"} {
		d, err := mountDisk(ctx, filepath.Join(b.dir, "disk-"+name))
		if err != nil {
			b.figure("hung disk on the leader", "not run", "3 s")
			b.printf("  (this machine does not allow it: %v)", err)
			return nil
		}
		disks[name], states[name] = d, filepath.Join(d.dir, "state")
	}
	b.load = newLoad()
	if err := b.setup(ctx, filepath.Join(b.dir, "cluster-on-disks"), states); err != nil {
		return err
	}
	var all testnet.Latencies
	ended := 0
	for range hangTrials {
		took, gone, err := b.hangLeader(ctx, disks)
		if err != nil {
			return err
		}
		all = append(all, took)
		if gone {
			ended++
		}
	}
	b.figure("next signature, leader's disk hung", spread(all), "3 s")
	b.figure("  processes that ended themselves", fmt.Sprintf("%d of %d", ended, hangTrials), "")
	return nil
}

// hangLeader freezes the leader's disk until another leads, and reports whether the leader
// ended by itself.
func (b *bench) hangLeader(ctx context.Context, disks map[string]*disk) (took time.Duration, ended bool, err error) {
	if _, err := b.closedLoop(ctx, 20); err != nil {
		return 0, false, err
	}
	status, err := b.cluster.Ready(ctx, comesWithin)
	if err != nil {
		return 0, false, err
	}
	leader, d := b.cluster.Cosigner(status.Leader), disks[status.Leader]
	before := len(leader.Restarts())
	took, err = b.outage(ctx, leader.Name, d.freeze)
	if thawErr := d.thaw(); err != nil || thawErr != nil {
		return 0, false, errors.Join(err, thawErr)
	}
	// A process cannot go while one of its threads waits for the disk; with the thaw it does at once.
	waiting, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for len(leader.Restarts()) == before {
		if testnet.Pause(waiting, askAgain) != nil {
			return took, false, ctx.Err()
		}
	}
	return took, true, nil
}

// disk is a file system in a file.
type disk struct {
	dir    string
	frozen bool
}

func mountDisk(ctx context.Context, dir string) (*disk, error) {
	image := dir + ".img"
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a disk: %w", err)
	}
	f, err := os.Create(image)
	if err != nil {
		return nil, fmt.Errorf("making a disk: %w", err)
	}
	if err := errors.Join(f.Truncate(diskSize), f.Close()); err != nil {
		return nil, fmt.Errorf("making a disk: %w", err)
	}
	if err := command(ctx, "mkfs.ext4", "-q", image); err != nil {
		return nil, err
	}
	if err := command(ctx, "mount", "-o", "loop", image, dir); err != nil {
		return nil, err
	}
	return &disk{dir: dir}, nil
}

// freeze and thaw are not tied to a context: what was frozen must be thawed whatever happens.

func (d *disk) freeze() error {
	d.frozen = true
	return command(context.Background(), "fsfreeze", "--freeze", d.dir)
}

func (d *disk) thaw() error {
	d.frozen = false
	return command(context.Background(), "fsfreeze", "--unfreeze", d.dir)
}

func (d *disk) unmount() error {
	var err error
	if d.frozen {
		err = d.thaw()
	}
	return errors.Join(err, command(context.Background(), "umount", d.dir))
}

func command(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w %s", name, err, out)
	}
	return nil
}
