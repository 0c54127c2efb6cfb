package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protojson"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
	"casper-cosigner/statedir"
)

// An operator signs one reset for a restart of the network, and asks for that very one again if it
// may not have been made. Were he to look anew, two signatures would be about that say differently
// what may be forgotten; whoever leads could have some cosigners follow the one and some the other,
// and what was bound between the two looks would be free.

// resetPath is where the signed reset for that version of the network is kept: beside the
// operator's settings.
func (f *resetFlags) resetPath() string {
	return filepath.Join(filepath.Dir(f.config), fmt.Sprintf("reset-heights-%v.json", f.version))
}

// keep keeps a signed reset, durably.
func (f *resetFlags) keep(r watermark.Reset) error {
	text, err := protojson.MarshalOptions{Multiline: true}.Marshal(wire.ResetRequest(r))
	if err == nil {
		err = statedir.WriteFile(f.resetPath(), append(text, '\n'), 0o600)
	}
	if err != nil {
		return errorf("nothing was done: keeping what was signed, so that it can be sent again: %w", err)
	}
	return nil
}

// kept returns the reset that was signed for this restart of the network; nil if none was.
func (f *resetFlags) kept(file *cluster.File, operator string) (*watermark.Reset, error) {
	text, err := os.ReadFile(f.resetPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	signed, r := &cosignerv1.ResetHeightsRequest{}, watermark.Reset{}
	if err == nil {
		err = protojson.Unmarshal(text, signed)
	}
	if err == nil {
		r, err = wire.Reset(signed, operator)
	}
	if err == nil {
		err = file.VerifyReset(r)
	}
	switch {
	case err != nil:
		return nil, &fault{code: exitRefused, err: errorf("%s, which was signed for the restart as %v: %w", f.resetPath(),
			f.version, err), hints: []string{"it was changed, or is another cluster's or operator's: nothing was done. There " +
			"is one reset for each restart: docs/recovery.md, \"When the network goes back\""}}
	case r.Height != f.height || r.Until != f.until || r.Network != f.version:
		return nil, &fault{code: exitRefused, err: errorf("for the restart as %v the heights %d to %d were signed, in %s, "+
			"and there is one reset for each restart: nothing was done", r.Network, r.Height, r.Until, f.resetPath()),
			hints: []string{"give these heights to ask for that one again"}}
	}
	return &r, nil
}

// signedBefore refuses a second signature for one number of resets, as for the version that was
// typed wrongly at first.
func (f *resetFlags) signedBefore(s sight) error {
	files, err := filepath.Glob(filepath.Join(filepath.Dir(f.config), "reset-heights-*.json"))
	if err != nil {
		return errorf("nothing was done: %w", err)
	}
	for _, file := range files {
		r := &cosignerv1.ResetHeightsRequest{}
		text, err := os.ReadFile(file)
		if err == nil {
			err = protojson.Unmarshal(text, r)
		}
		if err != nil {
			return errorf("nothing was done: reading what was signed before: %w", err)
		}
		first := watermark.Mark{Era: r.GetFirst().GetEra(), Height: r.GetFirst().GetHeight()}
		if r.GetCount() == s.Resets+1 && first == s.First {
			return &fault{code: exitRefused, err: errorf("%s holds a reset that is signed, for %v, and may be made yet: "+
				"nothing was done", file, wire.NetworkVersion(r.GetNetwork())), hints: []string{"give --network-version as it " +
				"was then, to ask for that one again; or let the chain pass these heights"}}
		}
	}
	return nil
}
