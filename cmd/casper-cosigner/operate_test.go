package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/signer/casper"
	"casper-cosigner/signer/wire"
)

// TestOperate steers a cluster: each change reaches the leader with the epoch that it shows.
func TestOperate(t *testing.T) {
	f := startFakes(t)
	for _, test := range []struct {
		args string
		code int
		want string // part of the output, or of the error
	}{
		{"status", 0, "a, mode hot, epoch 5"},
		{"failover promote b --reason maintenance", 0, "epoch 6, was 5 (a active, hot)"},
		{"status", 0, "b, mode hot, epoch 6"},
		{"failover mode fenced --reason doubt", 0, "Epoch 7, was 6 (b active, hot)"},
		{"failover suspend a --reason doubt", 0, "Done: suspending a"},
		{"status", 0, "suspended  a"},
		{"status -o json", 0, `"mode":"fenced"`},
		{"failover suspend a --end --reason cleared", 0, "Done: ending the suspension of a"},
		{"failover promote nobody --reason typo", 5, `making nobody active: no node "nobody" in the cluster file`},
		{"watermark floor --era 12 --reason split", 0, "floor era 12 height 0, was era 0 height 0"},
		{"watermark floor --height 100 --reason split", 0, "floor era 12 height 100, was era 12 height 0"},
	} {
		code, out, errOut := f.operate(strings.Fields(test.args)...)
		if code != test.code || !strings.Contains(strings.ToLower(out+errOut), strings.ToLower(test.want)) {
			t.Errorf("%s: code %d, output %s%s, want %d and %q", test.args, code, out, errOut, test.code, test.want)
		}
	}
	f.leader = ""
	if code, out, _ := f.operate("status"); code != exitNoQuorum {
		t.Errorf("without a leader: code %d, output %s", code, out)
	}
	if code, _, errOut := f.operate("failover", "promote", "a", "--reason", "x"); code != exitNoQuorum || !strings.Contains(errOut, "does not lead") {
		t.Errorf("without a leader: code %d, error %s", code, errOut)
	}
}

func TestExport(t *testing.T) {
	f := startFakes(t)
	f.held = []casper.Message{
		casper.Vote{Round: casper.Round{Era: 12, ID: 3}, Value: true},
		casper.Echo{Round: casper.Round{Era: 12, ID: 3}, Proposal: casper.Hash{1}},
		casper.Finality{Height: 7, Era: 12},
	}
	if code, out, _ := f.operate("watermark", "show", "-o", "json"); code != 0 || !strings.Contains(out, `"held":{"echo":1,"finality":1,"vote":1}`) {
		t.Errorf("show: code %d, output %s", code, out)
	}
	if code, out, _ := f.operate("watermark", "show"); code != 0 || !strings.Contains(out, "held: 1 echo, 1 vote, 1 finality signature") {
		t.Errorf("show: code %d, output %s", code, out)
	}
	path := filepath.Join(t.TempDir(), "export.jsonl")
	if code, _, errOut := f.operate("watermark", "export", "--out", path); code != 0 {
		t.Fatal(errOut)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != len(f.held) {
		t.Fatalf("%d lines, want %d", len(lines), len(f.held))
	}
	for i, line := range lines {
		if m, err := parseMessage([]byte(line)); err != nil || m != f.held[i] {
			t.Errorf("line %s: read as %v, %v", line, m, err)
		}
	}
	if code, _, errOut := f.operate("watermark", "export", "--out", path); code != 1 || !strings.Contains(errOut, "file exists") {
		t.Errorf("over a file: code %d, error %s", code, errOut)
	}
}

// TestSign asks with a node's identity. A signature that is not the validator's is not printed, whoever says so.
func TestSign(t *testing.T) {
	f := startFakes(t)
	asked := casper.Vote{Round: casper.Round{Era: 12, ID: 3}, Value: true}
	other := casper.Vote{Round: casper.Round{Era: 12, ID: 3}, Value: false}
	text, err := json.Marshal(showMessage(asked))
	if err != nil {
		t.Fatal(err)
	}
	request := filepath.Join(t.TempDir(), "request.json")
	if err := os.WriteFile(request, text, 0o600); err != nil {
		t.Fatal(err)
	}
	signed := func(s casper.Signature) *cosignerv1.SignResponse {
		return &cosignerv1.SignResponse{DecidedBy: "c2", Answer: &cosignerv1.SignResponse_Signed{Signed: &cosignerv1.Signed{Signature: s[:]}}}
	}
	bound := func(m casper.Message, s casper.Signature) *cosignerv1.SignResponse {
		return &cosignerv1.SignResponse{DecidedBy: "c2", Answer: &cosignerv1.SignResponse_Bound{Bound: wire.Bound(m, s)}}
	}
	for _, test := range []struct {
		name   string
		answer *cosignerv1.SignResponse
		code   int
		want   string
	}{
		{"signed", signed(signature(t, asked)), 0, "signature " + signature(t, asked).String()},
		{"signed, the other's signature", signed(signature(t, other)), 1, "is not the validator's"},
		{"bound", bound(other, signature(t, other)), exitRefused, `"vote":false`},
		{"bound, the wrong signature", bound(other, signature(t, asked)), 1, "is not the validator's"},
		{"refused", &cosignerv1.SignResponse{DecidedBy: "c2", Answer: &cosignerv1.SignResponse_Refused{Refused: &cosignerv1.Refused{
			Reason: cosignerv1.RefusalReason_REFUSAL_REASON_BELOW_FLOOR, Detail: "too old"}}}, exitRefused, "BELOW_FLOOR"},
		{"nothing", &cosignerv1.SignResponse{DecidedBy: "c2"}, 1, "does not know"},
	} {
		f.answer = func(m casper.Message) *cosignerv1.SignResponse { return test.answer }
		for _, form := range []string{"text", "json"} {
			code, out, errOut := f.run("sign", "--as", filepath.Join(f.dir, "a", "agent.toml"), "--file", request, "-o", form)
			want := test.want
			if form == "json" {
				want = strings.TrimPrefix(want, "signature ")
			}
			if code != test.code || !strings.Contains(out+errOut, want) {
				t.Errorf("%s, %s: code %d, output %s%s, want %d and %q", test.name, form, code, out, errOut, test.code, want)
			}
		}
	}
}
