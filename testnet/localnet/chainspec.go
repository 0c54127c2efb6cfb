package localnet

import (
	"fmt"
	"maps"

	"casper-cosigner/stock/node"
)

// defaultBond is a validator's weight, in motes, unless Config says otherwise.
const defaultBond = 500_000_000_000_000

// chainspec mends casper-types' default chainspec, in place, into one that casper-node's parser
// takes and a network can run with.
func (c Config) chainspec(spec node.Tree) ([]byte, error) {
	network, ok := spec["network"].(node.Tree)
	if !ok {
		return nil, fmt.Errorf("writing the chainspec: casper-node's defaults have no table %q", "network")
	}
	delete(network, "accounts_config") // it has a file of its own (chain_specification/parse_toml.rs)
	values := node.Chain{Name: c.Chain, Genesis: c.Genesis, BlockTime: c.BlockTime, EraDuration: c.EraDuration,
		MinimumEraHeight: c.MinimumEraHeight}.Chainspec()
	maps.Copy(values, map[string]any{
		"protocol.version": protocolVersion,

		"network.maximum_net_message_size": 25 << 20, // 0 by default; the least is what a full block needs

		"core.signature_rewards_max_delay": c.RewardDelay,
		"core.validator_slots":             max(len(c.Validators), 7),
		// Senders say what they pay. A client of the node's default, Fixed, is nowhere in use.
		"core.pricing_handling": node.Tree{"type": "payment_limited"},
	})
	maps.Copy(values, c.Chainspec)
	if err := spec.SetAll(values); err != nil {
		return nil, fmt.Errorf("writing the chainspec: %w", err)
	}
	return spec.TOML()
}

// accounts returns accounts.toml: the faucet and the validators.
func (c Config) accounts() []byte {
	var bonded []node.Bonded
	for i, v := range c.Validators {
		bonded = append(bonded, node.Bonded{Key: c.publicKey(i), Bond: v.Bond})
	}
	return node.Accounts(FaucetKey(c.Seed).Public(), bonded)
}
