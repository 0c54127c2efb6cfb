package localnet

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// Tokens, in motes. Every node panics at the first rewarded switch block if the supply is below
// 4.2e18 motes, with the default seigniorage rate (casper-node rewards.rs: a denominator of 0), so
// the faucet holds far more than that.
const (
	faucetBalance    = "1000000000000000000000000000"
	validatorBalance = "1000000000000000000"
	defaultBond      = 500_000_000_000_000
)

// chainspec mends casper-types' default chainspec, in place, into one that casper-node's parser
// takes and a network can run with.
func (c Config) chainspec(spec tree) ([]byte, error) {
	network, ok := spec["network"].(tree)
	if !ok {
		return nil, fmt.Errorf("writing the chainspec: casper-node's defaults have no table %q", "network")
	}
	delete(network, "accounts_config") // it has a file of its own (chain_specification/parse_toml.rs)
	values := map[string]any{
		"protocol.version":          protocolVersion,
		"protocol.activation_point": c.Genesis.UTC().Format("2006-01-02T15:04:05.000Z"),
		// The default would have every start throw the chain away from era 0 on.
		"protocol.hard_reset": false,

		"network.name":                     c.Chain,
		"network.maximum_net_message_size": 25 << 20, // 0 by default; the least is what a full block needs

		"core.era_duration":                duration(c.EraDuration),
		"core.minimum_era_height":          c.MinimumEraHeight,
		"core.minimum_block_time":          duration(c.BlockTime),
		"core.signature_rewards_max_delay": c.RewardDelay,
		"core.validator_slots":             max(len(c.Validators), 7),
		// Senders say what they pay. A client of the node's default, Fixed, is nowhere in use.
		"core.pricing_handling": tree{"type": "payment_limited"},
	}
	maps.Copy(values, c.Chainspec)
	if err := spec.setAll(values); err != nil {
		return nil, fmt.Errorf("writing the chainspec: %w", err)
	}
	return spec.toml()
}

// accounts returns accounts.toml: the faucet and the validators (casper-types
// chainspec/accounts_config).
func (c Config) accounts() []byte {
	var b strings.Builder
	account := func(key fmt.Stringer, balance string) {
		fmt.Fprintf(&b, "[[accounts]]\npublic_key = '%s'\nbalance = '%s'\n", key, balance)
	}
	account(FaucetKey(c.Seed).Public(), faucetBalance)
	for i, v := range c.Validators {
		b.WriteString("\n")
		account(c.publicKey(i), validatorBalance)
		fmt.Fprintf(&b, "\n[accounts.validator]\nbonded_amount = '%d'\n", v.Bond)
	}
	return []byte(b.String())
}

// duration writes a time span as casper-types reads it (timestamp.rs, the format of the
// humantime crate).
func duration(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }
