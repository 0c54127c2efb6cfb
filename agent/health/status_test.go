package health

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"casper-cosigner/rule/wire"
)

// answer returns an answer of /status as casper-node 2.0.3 shapes it, with one field at the top set
// to JSON, or left out.
func answer(t testing.TB, field, value string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "status.json"))
	if err != nil {
		t.Fatal(err)
	}
	if field == "" {
		return text
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	if fields[field] = json.RawMessage(value); value == "" {
		delete(fields, field)
	}
	if text, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	return text
}

// validating is what testdata/status.json says.
func validating() Status {
	round, era := 8*time.Second, uint64(18)
	return Status{
		Build: "2.0.3-0123abcde-cosigner1", Version: "2.0.0", Chain: "casper-example", State: "Validate",
		Key: "01a9b8c7d6e5f40312213041506f7e8d9cabbac9d8e7f6051423324150617f8e90",
		LastBlock: &Block{Era: 17, Height: 1204, Hash: strings.Repeat("2", 64),
			At: time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC)}, RoundLength: &round, UpgradeEra: &era,
		Uptime: 5*24*time.Hour + 13*time.Hour + 46*time.Minute + 54*time.Second + 520*time.Millisecond,
		Lowest: 200, Highest: 1204, Peers: 3,
		Addresses: []string{"192.0.2.10:35000", "192.0.2.11:35000", "[2001:db8::7]:35000"},
	}
}

func TestParseStatus(t *testing.T) {
	secp := "02" + strings.Repeat("ab", 33)
	round := 32768 * time.Millisecond
	tests := map[string]struct {
		field, value string
		change       func(*Status)
	}{
		"as it is":      {"", "", func(*Status) {}},
		"a new field":   {"health_score", `{"of":[1,2]}`, func(*Status) {}},
		"a new state":   {"reactor_state", `"Meditate"`, func(s *Status) { s.State = "Meditate" }},
		"no block":      {"last_added_block_info", `null`, func(s *Status) { s.LastBlock = nil }},
		"block unnamed": {"last_added_block_info", ``, func(s *Status) { s.LastBlock = nil }},
		"genesis block": {"last_added_block_info", `{"era_id":0,"height":0}`, func(s *Status) { s.LastBlock = &Block{} }},
		"timeless block": {"last_added_block_info", `{"era_id":3,"height":4,"hash":"ab","timestamp":"noon"}`,
			func(s *Status) { s.LastBlock = &Block{Era: 3, Height: 4, Hash: "ab"} }},
		"switch block":  {"latest_switch_block_hash", `"ab"`, func(s *Status) { s.SwitchBlock = "ab" }},
		"unnamed chain": {"chainspec_name", ``, func(s *Status) { s.Chain = "" }},
		"no key":        {"our_public_signing_key", `null`, func(s *Status) { s.Key = "" }},
		"secp256k1 key": {"our_public_signing_key", `"` + secp + `"`, func(s *Status) { s.Key = secp }},
		"no open era":   {"round_length", `null`, func(s *Status) { s.RoundLength = nil }},
		"longer rounds": {"round_length", `"32s 768ms"`, func(s *Status) { s.RoundLength = &round }},
		"no upgrade":    {"next_upgrade", `null`, func(s *Status) { s.UpgradeEra = nil }},
		"genesis staged": {"next_upgrade", `{"activation_point":"2030-01-02T03:04:05.678Z","protocol_version":"2.0.0"}`,
			func(s *Status) { s.UpgradeEra = nil }},
		"era 0 staged": {"next_upgrade", `{"activation_point":0,"protocol_version":"2.0.0"}`,
			func(s *Status) { s.UpgradeEra = new(uint64) }},
		"nothing stored": {"available_block_range", `{"low":0,"high":0}`, func(s *Status) { s.Lowest, s.Highest = 0, 0 }},
		"alone":          {"peers", `[]`, func(s *Status) { s.Peers, s.Addresses = 0, nil }},
		"just started":   {"uptime", `"520ms"`, func(s *Status) { s.Uptime = 520 * time.Millisecond }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want := validating()
			test.change(&want)
			if got, err := ParseStatus(answer(t, test.field, test.value)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

// TestParseStatusRefuses: what a judgement rests on is never taken for zero, nor for what
// it is not.
func TestParseStatusRefuses(t *testing.T) {
	long := `"` + strings.Repeat("x", nameSize+1) + `"`
	tests := map[string]struct{ field, value, want string }{
		"no build":              {"build_version", "", "build_version"},
		"no version":            {"api_version", "null", "api_version"},
		"no state":              {"reactor_state", "", "reactor_state"},
		"an empty state":        {"reactor_state", `""`, "reactor_state"},
		"a state too long":      {"reactor_state", long, "128 bytes"},
		"a build too long":      {"build_version", long, "128 bytes"},
		"a version too long":    {"api_version", long, "128 bytes"},
		"no uptime":             {"uptime", "", "uptime"},
		"uptime a number":       {"uptime", "5", "uptime"},
		"uptime unclear":        {"uptime", `"5 fortnights"`, "fortnights"},
		"no range":              {"available_block_range", "", "available_block_range"},
		"no lowest":             {"available_block_range", `{"high":5}`, "available_block_range"},
		"lowest below 0":        {"available_block_range", `{"low":-1,"high":5}`, "low"},
		"block without era":     {"last_added_block_info", `{"height":5}`, "era_id"},
		"block without height":  {"last_added_block_info", `{"era_id":5}`, "height"},
		"block at half height":  {"last_added_block_info", `{"era_id":5,"height":1.5}`, "height"},
		"round length unclear":  {"round_length", `"8"`, "duration"},
		"round length a number": {"round_length", `8000`, "round_length"},
		"key too short":         {"our_public_signing_key", `"01ab"`, "public key"},
		"key of no algorithm":   {"our_public_signing_key", `"03` + strings.Repeat("ab", 33) + `"`, "public key"},
		"secp256k1 not hex":     {"our_public_signing_key", `"02` + strings.Repeat("zz", 33) + `"`, "secp256k1"},
		"upgrade at no point":   {"next_upgrade", `{"protocol_version":"2.0.4"}`, "activation_point"},
		"upgrade at null":       {"next_upgrade", `{"activation_point":null}`, "activation_point"},
		"upgrade at a word":     {"next_upgrade", `{"activation_point":"soon"}`, "activation_point"},
		"upgrade below 0":       {"next_upgrade", `{"activation_point":-4}`, "activation_point"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := ParseStatus(answer(t, test.field, test.value)); err == nil || !strings.Contains(err.Error(),
				test.want) {
				t.Errorf("got %+v, %v, want an error about %s", got, err, test.want)
			}
		})
	}
	for _, text := range []string{"", "null", "{}", "[]", "<html>", `{"reactor_state":"Validate"`,
		string(answer(t, "", "")) + "x"} {
		if got, err := ParseStatus([]byte(text)); err == nil {
			t.Errorf("%.30q was read as %+v", text, got)
		}
	}
}

func TestPrintable(t *testing.T) {
	tests := map[string]struct {
		text string
		size int
		want string
	}{
		"short":           {"abc", 3, "abc"},
		"long":            {"abcd", 3, "abc"},
		"not within rune": {"aé", 2, "a"},
		"invalid":         {"a\xffb", 10, "a\uFFFDb"},
	}
	for name, test := range tests {
		if got := printable(test.text, test.size); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// FuzzParseStatus: whatever is read can be told in a ping of bounded size.
func FuzzParseStatus(f *testing.F) {
	f.Add(answer(f, "", ""))
	f.Add(answer(f, "next_upgrade", `{"activation_point":"2030-01-02T03:04:05.678Z"}`))
	f.Add(answer(f, "our_public_signing_key", `"02`+strings.Repeat("ab", 33)+`"`))
	f.Add(answer(f, "reactor_state", `"\ud800\u0000"`))
	f.Add([]byte(`{"round_length":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseStatus(text)
		if err != nil {
			if !utf8.ValidString(printable(err.Error(), errorSize)) {
				t.Errorf("error %q", err)
			}
			return
		}
		if s.State == "" || s.Uptime < 0 || s.RoundLength != nil && *s.RoundLength < 0 {
			t.Errorf("read %+v", s)
		}
		var r account
		r.answered(s, time.Unix(1e9, 0), time.Unix(1e9, 0))
		told, err := proto.Marshal(wire.Health(r.Node, time.Unix(1e9+1, 0)))
		if err != nil || len(told) > 1024 {
			t.Errorf("%d bytes, %v", len(told), err)
		}
	})
}
