package wire

import (
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
)

// finals tells the finality signatures that are known.
func finals(all [failover.Finals]failover.Final) (out []*cosignerv1.FinalSeen) {
	for _, f := range all {
		if f != (failover.Final{}) {
			out = append(out, &cosignerv1.FinalSeen{Block: f.Block[:], Height: f.Height, Era: f.Era,
				ChainNameHash: f.ChainName[:], Signature: f.Signature[:]})
		}
	}
	return out
}

// toldFinals is the inverse of finals. What is malformed is left out: no signature of it is valid.
func toldFinals(in []*cosignerv1.FinalSeen) (all [failover.Finals]failover.Final) {
	n := 0
	for _, f := range in {
		var out failover.Final
		out.Height, out.Era = f.GetHeight(), f.GetEra()
		if n < len(all) && Copy(out.Block[:], f.GetBlock(), "block") == nil &&
			Copy(out.ChainName[:], f.GetChainNameHash(), "chain_name_hash") == nil &&
			Copy(out.Signature[:], f.GetSignature(), "signature") == nil {
			all[n] = out
			n++
		}
	}
	return all
}
