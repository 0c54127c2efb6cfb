package daemon

import (
	"encoding/json"
	"fmt"
	"os"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/statedir"
)

// fork is two blocks of one height that the validator's key signed, as the file has it.
type fork struct {
	Says   string           `json:"says"` // for people; what follows proves it
	Height uint64           `json:"height"`
	Blocks [2]signedBlock   `json:"blocks"`
	Key    casper.PublicKey `json:"public_key"`
}

// signedBlock is a finality signature, and which node's agent told of it.
type signedBlock struct {
	Hash      casper.Hash      `json:"block_hash"`
	Era       uint64           `json:"era_id"`
	ChainName casper.Hash      `json:"chain_name_hash"`
	Signature casper.Signature `json:"signature"`
	Node      string           `json:"told_by"`
}

// keepFork writes the evidence of a fork beside the state. One that is there is left alone.
func keepFork(dir *statedir.Dir, key casper.PublicKey, f failover.Fork) (where string, err error) {
	out := fork{Says: f.String(), Height: f.Blocks[0].Height, Key: key}
	for i, b := range f.Blocks {
		out.Blocks[i] = signedBlock{Hash: b.Block, Era: b.Era, ChainName: b.ChainName, Signature: b.Signature,
			Node: f.Nodes[i]}
	}
	where = dir.Path(fmt.Sprintf("two-blocks-%d.json", out.Height))
	if _, err := os.Stat(where); err == nil {
		return where, nil
	}
	data, err := json.MarshalIndent(out, "", "  ")
	if err == nil {
		err = statedir.WriteFile(where, append(data, '\n'), 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("keeping the evidence: %w", err)
	}
	return where, nil
}
