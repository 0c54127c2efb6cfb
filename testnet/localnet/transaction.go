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

// Activation puts back a validator's bid that the network took out, as of one that was silent for
// an era. Its account pays for that, and must have what that costs.
type Activation struct {
	Of   Key
	Time time.Time // as a Transfer's
}

// Withdrawal takes a validator's bid back, of which the network frees the tokens later.
type Withdrawal struct {
	Of     Key
	Amount uint64    // motes; all of the bid: the validator is none any more
	Time   time.Time // as a Transfer's
}

const (
	transactionTTL = 30 * time.Minute
	// payment is the most that one may cost, in motes: what a transfer and an activation do.
	payment           = 2_500_000_000
	gasPriceTolerance = 10 // the highest price that is paid, as a multiple of 1
)

// Tags of casper-types' encoding, bytesrepr: of keys and signatures, of kinds of value
// (cl_type.rs), of the variants that these native transactions have (transaction/*.rs).
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
	variantWithdraw   = 4 // likewise
	variantActivate   = 8
	variantStandard   = 0 // of TransactionScheduling
	argsKey           = 0 // of the payload's fields
	targetKey         = 1
	entryPointKey     = 2
	schedulingKey     = 3
	standardPaymentOn = 1
)

// native is a transaction that a part of the chain itself executes.
type native struct {
	from       Key
	time       time.Time
	entryPoint byte
	arguments  []byte
}

func (t Transfer) native() native {
	return native{from: t.From, time: t.Time, entryPoint: variantTransfer, arguments: arguments(
		argument{"target", publicKey(t.To), []byte{typePublicKey}},
		argument{"amount", u512(t.Amount), []byte{typeU512}},
		argument{"id", append([]byte{1}, u64(t.ID)...), []byte{typeOption, typeU64}})}
}

func (a Activation) native() native {
	return native{from: a.Of, time: a.Time, entryPoint: variantActivate, arguments: arguments(
		argument{"validator", publicKey(a.Of.Public()), []byte{typePublicKey}})}
}

func (w Withdrawal) native() native {
	return native{from: w.Of, time: w.Time, entryPoint: variantWithdraw, arguments: arguments(
		argument{"public_key", publicKey(w.Of.Public()), []byte{typePublicKey}},
		argument{"amount", u512(w.Amount), []byte{typeU512}})}
}

// encode returns the signed transaction (casper-types transaction/transaction_v1.rs) and its hash.
func (n native) encode(chain string) (transaction []byte, hash casper.Hash) {
	payload := n.payload(chain)
	hash = blake2b.Sum256(payload)
	approval := append([]byte{tagEd25519}, n.from.private.Public().(ed25519.PublicKey)...)
	approval = append(approval, tagEd25519)
	approval = append(approval, ed25519.Sign(n.from.private, hash[:])...)
	approvals := append(u32(1), approval...)
	return append([]byte{variantV1}, envelope(hash[:], payload, approvals)...), hash
}

// payload is what is hashed and signed (casper-types
// transaction/transaction_v1/transaction_v1_payload.rs).
func (n native) payload(chain string) []byte {
	initiator := envelope([]byte{variantPublicKey}, publicKey(n.from.Public()))
	pricing := envelope([]byte{variantLimited}, u64(payment), []byte{gasPriceTolerance}, []byte{standardPaymentOn})
	fields := u32(4)
	for _, f := range []struct {
		key   uint16
		value []byte
	}{
		{argsKey, append([]byte{variantNamed}, n.arguments...)},
		{targetKey, envelope([]byte{variantNative})},
		{entryPointKey, envelope([]byte{n.entryPoint})},
		{schedulingKey, envelope([]byte{variantStandard})},
	} {
		fields = binary.LittleEndian.AppendUint16(fields, f.key)
		fields = append(fields, withLength(f.value)...)
	}
	return envelope(initiator, u64(uint64(n.time.UnixMilli())), u64(uint64(transactionTTL.Milliseconds())),
		withLength([]byte(chain)), pricing, fields)
}

// argument is one with a name, its value and the kind of that.
type argument struct {
	name        string
	value, kind []byte
}

// arguments are those of a transaction (casper-types transaction/runtime_args.rs, cl_value.rs).
func arguments(all ...argument) []byte {
	b := u32(uint32(len(all)))
	for _, a := range all {
		b = append(b, withLength([]byte(a.name))...)
		b = append(b, withLength(a.value)...)
		b = append(b, a.kind...)
	}
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
