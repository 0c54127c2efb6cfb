package localnet

import (
	"crypto/ed25519"
	"encoding/binary"
	"time"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
)

// Transfer is a native transfer of tokens.
type Transfer struct {
	From   Key
	To     casper.PublicKey // an account that need not exist yet
	Amount uint64           // motes, at least 2.5e9
	ID     uint64           // whatever the sender likes; two transfers of one millisecond must differ in something
	Time   time.Time        // when it is made; a node takes it up to 2 s early and until 30 minutes later
}

const (
	transferTTL = 30 * time.Minute
	// transferPayment is the most that a transfer may cost, in motes: the chainspec's gas
	// limit of its lane.
	transferPayment   = 2_500_000_000
	gasPriceTolerance = 10 // the highest price that is paid, as a multiple of 1
)

// Tags of casper-types' encoding, bytesrepr: of keys and signatures, of kinds of value
// (cl_type.rs), of the variants that a native transfer has (transaction/*.rs).
const (
	tagEd25519        = 1
	typeU64           = 5
	typeU512          = 8
	typeOption        = 13
	typePublicKey     = 22
	variantV1         = 1 // of Transaction
	variantPublicKey  = 0 // of InitiatorAddr
	variantLimited    = 0 // of PricingMode
	variantNamed      = 0 // of TransactionArgs
	variantNative     = 0 // of TransactionTarget
	variantTransfer   = 2 // of TransactionEntryPoint
	variantStandard   = 0 // of TransactionScheduling
	argsKey           = 0 // of the payload's fields
	targetKey         = 1
	entryPointKey     = 2
	schedulingKey     = 3
	standardPaymentOn = 1
)

// encode returns the signed transaction (casper-types transaction/transaction_v1.rs) and its hash.
func (t Transfer) encode(chain string) (transaction []byte, hash casper.Hash) {
	payload := t.payload(chain)
	hash = blake2b.Sum256(payload)
	approval := append([]byte{tagEd25519}, t.From.private.Public().(ed25519.PublicKey)...)
	approval = append(approval, tagEd25519)
	approval = append(approval, ed25519.Sign(t.From.private, hash[:])...)
	approvals := append(u32(1), approval...)
	return append([]byte{variantV1}, envelope(hash[:], payload, approvals)...), hash
}

// payload is what is hashed and signed (casper-types
// transaction/transaction_v1/transaction_v1_payload.rs).
func (t Transfer) payload(chain string) []byte {
	initiator := envelope([]byte{variantPublicKey}, publicKey(t.From.Public()))
	pricing := envelope([]byte{variantLimited}, u64(transferPayment), []byte{gasPriceTolerance}, []byte{standardPaymentOn})
	fields := u32(4)
	for _, f := range []struct {
		key   uint16
		value []byte
	}{
		{argsKey, append([]byte{variantNamed}, t.arguments()...)},
		{targetKey, envelope([]byte{variantNative})},
		{entryPointKey, envelope([]byte{variantTransfer})},
		{schedulingKey, envelope([]byte{variantStandard})},
	} {
		fields = binary.LittleEndian.AppendUint16(fields, f.key)
		fields = append(fields, withLength(f.value)...)
	}
	return envelope(initiator, u64(uint64(t.Time.UnixMilli())), u64(uint64(transferTTL.Milliseconds())),
		withLength([]byte(chain)), pricing, fields)
}

// arguments are the named arguments of a transfer (casper-types
// transaction/runtime_args.rs, cl_value.rs).
func (t Transfer) arguments() []byte {
	b := u32(3)
	add := func(name string, value []byte, kind ...byte) {
		b = append(b, withLength([]byte(name))...)
		b = append(b, withLength(value)...)
		b = append(b, kind...)
	}
	add("target", publicKey(t.To), typePublicKey)
	add("amount", u512(t.Amount), typeU512)
	add("id", append([]byte{1}, u64(t.ID)...), typeOption, typeU64)
	return b
}

// envelope joins fields behind a table of their numbers, from 0, and offsets (casper-types
// transaction/serialization).
func envelope(fields ...[]byte) []byte {
	table := u32(uint32(len(fields)))
	var payload []byte
	for i, field := range fields {
		table = binary.LittleEndian.AppendUint16(table, uint16(i))
		table = binary.LittleEndian.AppendUint32(table, uint32(len(payload)))
		payload = append(payload, field...)
	}
	return append(table, withLength(payload)...)
}

func u32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
func u64(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

// u512 is a number without its leading zeroes, behind how many bytes it has.
func u512(n uint64) []byte {
	b := []byte{0}
	for ; n > 0; n >>= 8 {
		b = append(b, byte(n))
	}
	b[0] = byte(len(b) - 1)
	return b
}

func withLength(b []byte) []byte { return append(u32(uint32(len(b))), b...) }

func publicKey(k casper.PublicKey) []byte { return append([]byte{tagEd25519}, k[:]...) }
