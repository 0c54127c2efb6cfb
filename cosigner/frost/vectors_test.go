package frost

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"go.dedis.ch/kyber/v3"
	"go.dedis.ch/kyber/v3/share"
)

// vector is the layout that RFC 9591's reference code and ZF's crate share.
type vector struct {
	Inputs struct {
		GroupSecret  string   `json:"group_secret_key"`
		Public       string   `json:"verifying_key_key"`
		Msg          string   `json:"message"`
		Coefficients []string `json:"share_polynomial_coefficients"`
		Shares       []struct {
			ID     int    `json:"identifier"`
			Secret string `json:"participant_share"`
		} `json:"participant_shares"`
	} `json:"inputs"`
	RoundOne struct {
		Outputs []roundOne `json:"outputs"`
	} `json:"round_one_outputs"`
	RoundTwo struct {
		Outputs []struct {
			ID    int    `json:"identifier"`
			Share string `json:"sig_share"`
		} `json:"outputs"`
	} `json:"round_two_outputs"`
	Final struct {
		Signature string `json:"sig"`
	} `json:"final_output"`
}

type roundOne struct {
	ID                int    `json:"identifier"`
	HidingRandom      string `json:"hiding_nonce_randomness"`
	BindingRandom     string `json:"binding_nonce_randomness"`
	HidingNonce       string `json:"hiding_nonce"`
	BindingNonce      string `json:"binding_nonce"`
	HidingCommitment  string `json:"hiding_nonce_commitment"`
	BindingCommitment string `json:"binding_nonce_commitment"`
	BindingFactor     string `json:"binding_factor"`
}

// TestVectors runs RFC 9591 appendix E.1 and the set of ZF frost-ed25519 3.0.0,
// which has the same key and other nonces.
func TestVectors(t *testing.T) {
	for _, name := range []string{"rfc9591_e1", "zf_frost_ed25519_3.0.0"} {
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile("testdata/" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var v vector
			if err := json.Unmarshal(raw, &v); err != nil {
				t.Fatal(err)
			}
			perGroup(t, func(t *testing.T, g kyber.Group) { runVector(t, g, v) })
		})
	}
}

func runVector(t *testing.T, g kyber.Group, v vector) {
	group, keys := vectorKeys(t, g, v)
	msg := unhex(t, v.Inputs.Msg)
	var nonces []*Nonce
	var commitments []Commitment
	for _, o := range v.RoundOne.Outputs {
		n := vectorNonce(t, keys[o.ID], o)
		c, err := ParseCommitment(group, o.ID, unhex(t, o.HidingCommitment), unhex(t, o.BindingCommitment))
		if err != nil {
			t.Fatal(err)
		}
		nonces, commitments = append(nonces, n), append(commitments, c)
	}
	s, err := NewSession(group, msg, commitments)
	if err != nil {
		t.Fatal(err)
	}
	shares := make(map[int][32]byte)
	for i, o := range v.RoundOne.Outputs {
		same(t, "binding factor", encode(s.rho[i]), o.BindingFactor)
		z, err := keys[o.ID].Sign(nonces[i], s)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "share", z, v.RoundTwo.Outputs[i].Share)
		if err := s.VerifyShare(o.ID, z); err != nil {
			t.Error(err)
		}
		shares[o.ID] = z
	}
	sig, err := s.Aggregate(shares)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(sig[:]); got != v.Final.Signature {
		t.Errorf("signature %s, want %s", got, v.Final.Signature)
	}
}

// vectorKeys rebuilds the polynomial of a vector and all its shares.
func vectorKeys(t *testing.T, g kyber.Group, v vector) (*GroupKey, map[int]*KeyShare) {
	var coefficients []kyber.Scalar
	for _, c := range append([]string{v.Inputs.GroupSecret}, v.Inputs.Coefficients...) {
		s, ok := decodeScalar(g, unhex(t, c))
		if !ok {
			t.Fatalf("coefficient %s", c)
		}
		coefficients = append(coefficients, s)
	}
	_, commitments := share.CoefficientsToPriPoly(g, coefficients).Commit(nil).Info()
	group, err := NewGroupKey(g, commitments, len(v.Inputs.Shares))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "group key", group.Public(), v.Inputs.Public)
	keys := make(map[int]*KeyShare)
	for _, s := range v.Inputs.Shares {
		if keys[s.ID], err = ParseKeyShare(group, s.ID, unhex(t, s.Secret)); err != nil {
			t.Fatal(err)
		}
	}
	return group, keys
}

func vectorNonce(t *testing.T, k *KeyShare, o roundOne) *Nonce {
	n, err := k.Commit(bytes.NewReader(append(unhex(t, o.HidingRandom), unhex(t, o.BindingRandom)...)))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "hiding nonce", encode(n.hiding), o.HidingNonce)
	same(t, "binding nonce", encode(n.binding), o.BindingNonce)
	same(t, "hiding commitment", n.Commitment().Hiding, o.HidingCommitment)
	same(t, "binding commitment", n.Commitment().Binding, o.BindingCommitment)
	return n
}

func same(t *testing.T, what string, got [32]byte, want string) {
	t.Helper()
	if hex.EncodeToString(got[:]) != want {
		t.Errorf("%s is %x, want %s", what, got, want)
	}
}
