package health

import (
	"encoding/json"
	"strings"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// finalOf returns the finality signature of our validator that an event tells of; false if it tells
// of none. Each validator's come, so what names another key is not parsed. One of a block of
// before casper-node 2.0 does not say its height, and none is made any more.
func finalOf(data string, validator casper.PublicKey) (f failover.Final, ok bool) {
	head := data[:min(len(data), headSize)]
	if !strings.Contains(head, `"FinalitySignature"`) || !strings.Contains(data, validator.String()) {
		return f, false
	}
	var e struct {
		FinalitySignature struct {
			V2 *struct {
				Block     casper.Hash      `json:"block_hash"`
				Height    uint64           `json:"block_height"`
				Era       uint64           `json:"era_id"`
				ChainName casper.Hash      `json:"chain_name_hash"`
				Signature casper.Signature `json:"signature"`
				PublicKey casper.PublicKey `json:"public_key"`
			}
		}
	}
	if json.Unmarshal([]byte(data), &e) != nil || e.FinalitySignature.V2 == nil {
		return f, false
	}
	s := e.FinalitySignature.V2
	f.Finality = casper.Finality{Block: s.Block, Height: s.Height, Era: s.Era, ChainName: s.ChainName}
	f.Signature = s.Signature
	return f, s.PublicKey == validator && validator.Verify(f.Finality, f.Signature)
}
