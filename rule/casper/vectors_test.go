package casper

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/blake2b"
)

// line is one recorded signature of a real validator (casper-node 2.0.3).
type line struct {
	Kind      string
	PublicKey PublicKey `json:"public_key"`
	Signature Signature
	SignBytes string `json:"signed_bytes"`

	Chainspec  Hash   `json:"chainspec_hash"`
	Era        uint64 `json:"era_id"`
	KeyBlock   Hash   `json:"key_block_hash"`
	InstanceID Hash   `json:"instance_id"`
	RoundID    uint32 `json:"round_id"`
	Validator  uint32 `json:"validator_index"`
	Echo       *Hash
	Vote       *bool
	Preimage   string

	Block     Hash   `json:"block_hash"`
	Height    uint64 `json:"block_height"`
	ChainName Hash   `json:"chain_name_hash"`

	Random      string `json:"combined_random"`
	OurPoint    string `json:"our_tls_point"`
	TheirPoint  string `json:"their_tls_point"`
	OurNodeID   string `json:"our_node_id"`
	TheirNodeID string `json:"their_node_id"`
}

func (l line) message(t *testing.T) Message {
	t.Helper()
	round := Round{Chainspec: l.Chainspec, Era: l.Era, KeyBlock: l.KeyBlock, ID: l.RoundID, Validator: l.Validator}
	switch {
	case l.Kind == "zug" && l.Echo != nil && l.Vote == nil:
		return Echo{Round: round, Proposal: *l.Echo}
	case l.Kind == "zug" && l.Echo == nil && l.Vote != nil:
		return Vote{Round: round, Value: *l.Vote}
	case l.Kind == "finality_v2":
		return Finality{Block: l.Block, Height: l.Height, Era: l.Era, ChainName: l.ChainName}
	case l.Kind == "consensus_certificate":
		var h Handshake
		copy(h.Random[:], unhex(t, l.Random))
		copy(h.Our[:], unhex(t, l.OurPoint))
		copy(h.Their[:], unhex(t, l.TheirPoint))
		return h
	}
	t.Fatalf("vector of unknown kind %q", l.Kind)
	return nil
}

// readVectors returns the lines of a recording in testdata.
func readVectors(t testing.TB, name string) []line {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []line
	for s := bufio.NewScanner(f); s.Scan(); {
		var l line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatalf("%s line %d: %v", name, len(lines)+1, err)
		}
		lines = append(lines, l)
	}
	return lines
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func equalHex(t *testing.T, what string, have []byte, want string) {
	t.Helper()
	if h := hex.EncodeToString(have); h != want {
		t.Errorf("%s:\nhave %s\nwant %s", what, h, want)
	}
}

func TestRecordings(t *testing.T) {
	for name, count := range map[string]int{"node-1": 809, "node-2": 205} {
		lines := readVectors(t, name+".jsonl")
		if len(lines) != count {
			t.Errorf("%s has %d lines, want %d", name, len(lines), count)
		}
		key := keyOf(t, name)
		filled := map[Slot]bool{}
		for i, l := range lines {
			t.Run(fmt.Sprintf("%s/%d", name, i+1), func(t *testing.T) {
				if l.PublicKey != key {
					t.Errorf("key %v is not that of the key file, %v", l.PublicKey, key)
				}
				m := l.message(t)
				checkLine(t, l, m)
				slot, ok := SlotOf(m)
				if ok != (l.Kind != "consensus_certificate") {
					t.Fatalf("%v has a slot: %v", m.Kind(), ok)
				}
				if ok && filled[slot] {
					t.Errorf("%v was filled by an earlier line", slot)
				}
				filled[slot] = true
			})
		}
	}
}

// keyOf returns the public key of the key file that belongs to a recording,
// after a round trip of the file.
func keyOf(t *testing.T, name string) PublicKey {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", name+".secret_key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := ParseSecretKeyPEM(text)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(secretKeyPEM(seed), text) {
		t.Errorf("%s: the key file is not written as it was read", name)
	}
	return PublicKey(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
}

func checkLine(t *testing.T, l line, m Message) {
	t.Helper()
	if err := Validate(m); err != nil {
		t.Error(err)
	}
	equalHex(t, "sign bytes", m.SignBytes(), l.SignBytes)
	if !l.PublicKey.Verify(m, l.Signature) {
		t.Error("the recorded signature does not verify")
	}
	if l.PublicKey.Verify(m, flipBit(l.Signature)) {
		t.Error("a damaged signature verifies")
	}
	if Digest(m) != blake2b.Sum256(unhex(t, l.SignBytes)) {
		t.Error("digest is not the hash of the sign bytes")
	}
	switch m := m.(type) {
	case Echo:
		equalHex(t, "preimage", zugPreimage(m.Round, m.Instance(), m.content()), l.Preimage)
		equalHash(t, "instance", m.Instance(), l.InstanceID)
	case Vote:
		equalHex(t, "preimage", zugPreimage(m.Round, m.Instance(), m.content()), l.Preimage)
		equalHash(t, "instance", m.Instance(), l.InstanceID)
	case Finality:
		equalHash(t, "chain name", ChainNameHash("casper-example"), m.ChainName)
	case Handshake:
		our, their := m.Our.NodeID(), m.Their.NodeID()
		equalHex(t, "our node id", our[:], l.OurNodeID)
		equalHex(t, "their node id", their[:], l.TheirNodeID)
	}
	b, err := m.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(b)
	if err != nil || back != m {
		t.Errorf("decoding the encoding: %v, %v", back, err)
	}
}

func equalHash(t *testing.T, what string, have, want Hash) {
	t.Helper()
	if have != want {
		t.Errorf("%s: have %v, want %v", what, have, want)
	}
}

func flipBit(s Signature) Signature {
	s[40] ^= 1
	return s
}

// hash reads a literal.
func hash(t testing.TB, s string) Hash {
	t.Helper()
	h, err := ParseHash(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// verifies checks a literal signature, given without its tag.
func verifies(t *testing.T, key string, msg []byte, sig string) {
	t.Helper()
	k, err := ParsePublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSignature("01" + sig)
	if err != nil {
		t.Fatal(err)
	}
	if !VerifyStrict(k, msg, s) {
		t.Error("the signature does not verify")
	}
}

// The literals below were taken from another live network than the recordings.

func TestInstanceLiteral(t *testing.T) {
	r := Round{
		Chainspec: hash(t, "ebef7410e5a7e4cc0a773aab1c50b351ec1e549f90ce54366289f62a230e469d"),
		Era:       1,
		KeyBlock:  hash(t, "6dc387d6f5cd8032efa7154f7a39ad3b13e1959483179557b5f224c820f03ea3"),
	}
	equalHash(t, "instance", r.Instance(), hash(t, "7d9f81ac5a9f8dfa49169baa38968147a4849bddbaa281ed07e6cef9571dc231"))
}

func TestZugLiterals(t *testing.T) {
	instance := hash(t, "036ed86312bae71144efbc3edc9ccc1712f66a2a837ac26b0817155afd41e57d")
	proposal := hash(t, "297a72fd17dd4fdf5e0ef61e53246da7520b175404a4a567c6a965e8db67296f")
	tests := []struct {
		name                       string
		content                    []byte
		validator                  uint32
		preimage, digest, key, sig string
	}{
		{
			"echo", Echo{Proposal: proposal}.content(), 2,
			"00000000" + "2000000000000000036ed86312bae71144efbc3edc9ccc1712f66a2a837ac26b0817155afd41e57d" +
				"00000000" + "2000000000000000297a72fd17dd4fdf5e0ef61e53246da7520b175404a4a567c6a965e8db67296f" + "02000000",
			"3698afd64622e538529ba593e37a0b6cc241c83fa0ea005cdfcd8e845716a204",
			"013a42993723208e8bc6ead188943a26450e226b5af63f7a4e05bb4c060b7a0622",
			"b1b2067a0c7140c441f9b719beca86b715ac6bbaf930b69d634a278d8332f80a48678ab949fa8e2537961efd81f4071276e3957eba5acb662" +
				"e5b8805993a770b",
		},
		{
			"vote", Vote{Value: true}.content(), 0,
			"00000000" + "2000000000000000036ed86312bae71144efbc3edc9ccc1712f66a2a837ac26b0817155afd41e57d" +
				"01000000" + "01" + "00000000",
			"e82166cbf14390b76640d6b587bddf06ea47f8c3c0e4659c0ae241fba20ea3b5",
			"0108f38d465aae5035144020f1e6f236bd7ac4c4ecf891573288a8c1b746f4eb76",
			"a86296892701349178437b3c1859c313ce9f46976e1dc575c5e4742d1fe8f9db1b63e5697b31db59c2a534bb6846cf08813a46f7f474cf274" +
				"816a99619bbc307",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			preimage := zugPreimage(Round{ID: 0, Validator: tt.validator}, instance, tt.content)
			equalHex(t, "preimage", preimage, tt.preimage)
			digest := blake2b.Sum256(preimage)
			equalHex(t, "digest", digest[:], tt.digest)
			verifies(t, tt.key, digest[:], tt.sig)
		})
	}
}

func TestFinalityLiteral(t *testing.T) {
	f := Finality{
		Block:     hash(t, "e8fa5d49122c216d9f2cd13d34632de48fdcbe6ae0a9c4c219c3305ced8991cd"),
		Height:    27,
		Era:       1,
		ChainName: ChainNameHash("casper-example"),
	}
	equalHex(t, "sign bytes", f.SignBytes(), "e8fa5d49122c216d9f2cd13d34632de48fdcbe6ae0a9c4c219c3305ced8991cd"+
		"1b00000000000000"+"0100000000000000"+"56723b9706b17fee09cda0c05d88a270e3c672258876942aba5d2f74ceedaa9e")
	verifies(t, "01fad7bf0b27d8e034fa9ff11ed6a1acd6e07af1402fb20e730798a1e4e4ab6a7a", f.SignBytes(),
		"47d5c342a02f1d3e1f19b95ba06310eaba6669914636e524c5f97d67c0d6442fb1abced8e59eefb3d5928326ffc27cdc6078b9e7db7f114e14"+
			"cf255c5047d90a")
}

func TestHandshakeLiteral(t *testing.T) {
	random := [12]byte(unhex(t, "2515526e20e7e736b3ec7837"))
	server := [64]byte(unhex(t, "a0698fe51340bfd49d3002ac7b91d3d14c9e51b3528f52eb23ac7b7ff0bceb484db2745f088290059ea491c"+
		"9c68d86607233cc2cb8d167a6f94be0d49eba685c"))
	client := [64]byte(unhex(t, "e4cdfd7d7eee164a9b762cf2fd208bd843af5bbbd51226d645aa65bc622f62a26f7b6d46cea146ccb099d95"+
		"4987fd658a8644923e666a4ec5dff1c3af6a5a4ce"))
	id := connectionID(random, client, server)
	equalHash(t, "connection id", id, hash(t, "02d35385e452e9efc84a317419d087474f95f00d048c7dec284d259338334dbf"))
	equalHash(t, "from the other end", connectionID(random, server, client), id)
	verifies(t, "01b6c1b226fdeb9581f8be82b8f95ebaf49374fe887249fe3660c657b582179d7f", id[:],
		"23069f69a501f456f8e5d7c337e997709a0ce4f76710303ec0bbdf33c446aa2741ba917e332e3bade5620d3d72ca9abe4015e88bc1de7a056c"+
			"65d6e1dfcc970b")
}
