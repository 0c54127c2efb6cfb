package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
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
		{"failover promote b --reason maintenance", 0, "Done: b is active, hot, epoch 6. Before: a active, hot, epoch 5."},
		{"status", 0, "b, mode hot, epoch 6"},
		{"failover mode fenced --reason doubt", 0, "Done: b is active, fenced, epoch 7. Before: b active, hot, epoch 6."},
		{"failover suspend a --reason doubt", 0, "Done: a is suspended, epoch 8. Before: b active, fenced, epoch 7."},
		{"failover suspend b --reason doubt", 5, "suspending b: nobody would sign; --force if that is what you want"},
		{"failover promote a --force --reason x",
			5, "making a active: a is suspended: end that first (failover suspend a --end)\n"},
		{"status", 0, "suspended  a"},
		{"status -o json", 0, `"mode":"fenced"`},
		{"failover suspend a --end --reason cleared", 0, "Done: a is no longer suspended, epoch 9. "},
		{"failover suspend a --end --reason again", 0, "Nothing was changed: a is not suspended"},
		{"failover promote nobody --reason typo", 5, `making nobody active: no node "nobody" in the cluster file`},
		{"failover promote b --reason again", 0, "Nothing was changed: b is active already. Epoch 9 "},
		{"failover mode fenced --reason again", 0, "Nothing was changed: the mode is fenced already. Epoch 9 "},
		{"failover resume --reason again", 0, "Nothing was changed: the roles are not held. Epoch 9 "},
		{"failover hold --for 2h --reason network",
			0, "Done: the roles are held for 2h0m0s, epoch 10. Before: b active, fenced, epoch 9."},
		{"failover status", 0, "in 2h0m0s"},
		{"failover hold --for 1h --reason less", 5, "held for longer already"},
		{"failover hold --reason network", 0, "Done: the roles are held until failover resume, epoch 11. "},
		{"failover hold --reason again", 0, "Nothing was changed: the roles are held until failover resume already"},
		{"failover hold --for 1h --reason less", 5, "held for longer already"},
		{"failover status -o json", 0, `"hold":{}`},
		{"status", 0, "until failover resume"},
		{"failover resume --reason over", 0, "Done: the roles may change by themselves again, epoch 12. "},
		{"failover history", 0, "12     2026-11-20T12:00:00Z  resume       operator  over"},
		{"failover history -o json",
			0, `{"epoch":6,"at":"2026-11-20T12:00:00Z","what":"activate","subject":"b","cause":"operator",` +
				`"reason":"maintenance"}`},
		{"watermark floor --era 12 --reason split", 0, "floor era 12 height 0, was era 0 height 0"},
		{"watermark floor --height 100 --reason split", 0, "floor era 12 height 100, was era 12 height 0"},
		{"failover history", 0, "-      2026-11-20T12:00:00Z  floor era 12 height 100  operator  split"},
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
	if code, _, errOut := f.operate("failover", "promote", "a", "--reason",
		"x"); code != exitNoQuorum || !strings.Contains(errOut, "does not lead") {
		t.Errorf("without a leader: code %d, error %s", code, errOut)
	}
	if code, out, _ := f.operate("failover", "history"); code != 0 || !strings.Contains(out, "maintenance") {
		t.Errorf("history without a leader: code %d, output %s", code, out)
	}
}

// TestFaultShow: what nodes tell of faults, for people and for programs.
func TestFaultShow(t *testing.T) {
	f := startFakes(t)
	if code, out, _ := f.operate("failover", "fault", "show"); code != 0 || !strings.Contains(out, "no node tells") {
		t.Errorf("no fault: code %d, output %s", code, out)
	}
	ago := uint64(1)
	f.view.Nodes[1].Health = &cosignerv1.NodeHealth{FaultAgoMs: &ago, FaultEra: 9}
	f.view.Nodes[1].Fault = &cosignerv1.FaultFinding{Proof: "false", Why: "nobody signed it"}
	if code, out, _ := f.operate("failover", "fault", "show"); code != exitDegraded || !strings.Contains(out,
		"nobody signed it") || !strings.Contains(out, "to do") {
		t.Errorf("code %d, output %s", code, out)
	}
	code, out, _ := f.operate("failover", "fault", "show", "-o", "json")
	var v report.Faults
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != exitDegraded || len(v.Faults) != 1 ||
		v.Faults[0].Era != 9 || v.Faults[0].Proof != "false" {
		t.Errorf("code %d, %v, output %s", code, err, out)
	}
	if code, _, _ := f.operate("failover", "fault", "show", "-o", "yaml"); code != exitUsage {
		t.Errorf("a form that there is not: code %d", code)
	}
	if code, _, _ := f.operate("failover", "fault"); code != exitUsage {
		t.Errorf("no command: code %d", code)
	}
}

// TestPromoteNotReady: the leader refuses a node that is not ready, unless it is forced.
func TestPromoteNotReady(t *testing.T) {
	f := startFakes(t)
	f.view.Nodes[1] = &cosignerv1.NodeStatus{Name: "b", Condition: "catching_up", Why: "40 rounds behind"}
	code, _, errOut := f.operate("failover", "promote", "b", "--reason", "x")
	if code != exitRefused || !strings.Contains(errOut, "b is not ready") || strings.Count(errOut, "--force") != 1 ||
		strings.Count(errOut, "try: ") != 1 || f.view.Epoch != 5 {
		t.Errorf("code %d, epoch %d, error %s", code, f.view.Epoch, errOut)
	}
	if code, out, errOut := f.operate("failover", "promote", "b", "--force", "--reason",
		"x"); code != 0 || !strings.Contains(out, "epoch 6") {
		t.Errorf("forced: code %d, output %s%s", code, out, errOut)
	}
	// A refusal that has nothing to do with it does not suggest force.
	f.view.Nodes[1].Ready = true
	f.fail = func(string) error { return status.Error(codes.FailedPrecondition, "this cosigner does not lead") }
	if code, _, errOut := f.operate("failover", "promote", "a", "--reason",
		"x"); code != exitRefused || strings.Contains(errOut, "--force") {
		t.Errorf("other refusal: code %d, error %s", code, errOut)
	}
}

// TestSuspendLast: the last node that is not suspended is suspended by force only, and then
// is not promoted.
func TestSuspendLast(t *testing.T) {
	f := startFakes(t)
	f.view.Suspended = []string{"b"}
	if code, out, _ := f.operate("failover", "suspend", "a", "--reason", "x",
		"--force"); code != 0 || !strings.Contains(out, "Done: a is suspended") {
		t.Errorf("forced: code %d, output %s", code, out)
	}
	code, _, errOut := f.operate("failover", "promote", "a", "--reason", "x")
	if code != exitRefused || !strings.Contains(errOut, "a is suspended: end that first") ||
		strings.Contains(errOut, "--force") {
		t.Errorf("promoting the active and suspended: code %d, error %s", code, errOut)
	}
}

// TestFailoverWatch looks twice, where no terminal is, and is interrupted.
func TestFailoverWatch(t *testing.T) {
	f := startFakes(t)
	ctx, cancel := context.WithCancel(context.Background())
	looks := 0
	f.looked = func() {
		if looks++; looks == 3 {
			cancel()
		}
	}
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs([]string{"failover", "status", "--watch", "--config", filepath.Join(f.dir, "operator", "operator.toml")})
	root.SetOut(&out)
	if err := root.ExecuteContext(ctx); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, line := range lines {
		if len(lines) != 2 || !strings.HasSuffix(line, "Z active a, epoch 5, mode hot; a ready; b ready; next nothing "+
			"(well): all is well") {
			t.Fatalf("printed %q", out.String())
		}
	}
}

func TestExport(t *testing.T) {
	f := startFakes(t)
	f.held = []fakeHeld{
		{"a", casper.Vote{Round: casper.Round{Era: 12, ID: 3}, Value: true}},
		{"a", casper.Echo{Round: casper.Round{Era: 12, ID: 3}, Proposal: casper.Hash{1}}},
		{"b", casper.Finality{Height: 7, Era: 12}},
	}
	if code, out, _ := f.operate("watermark", "show", "-o",
		"json"); code != 0 || !strings.Contains(out, `"held":{"echo":1,"finality":1,"vote":1}`) {
		t.Errorf("show: code %d, output %s", code, out)
	}
	if code, out, _ := f.operate("watermark",
		"show"); code != 0 || !strings.Contains(out, "held: 1 echo, 1 vote, 1 finality signature") {
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
		if m, err := parseMessage([]byte(line)); err != nil || m != f.held[i].Message {
			t.Errorf("line %s: read as %v, %v", line, m, err)
		}
	}
	if code, _, errOut := f.operate("watermark", "export", "--out",
		path); code != 1 || !strings.Contains(errOut, "file exists") {
		t.Errorf("over a file: code %d, error %s", code, errOut)
	}
}

// TestSign asks with a node's identity. A signature that is not the validator's is not printed,
// whoever says so.
func TestSign(t *testing.T) {
	f := startFakes(t)
	asked := casper.Vote{Round: casper.Round{Era: 12, ID: 3}, Value: true}
	other := casper.Vote{Round: casper.Round{Era: 12, ID: 3}, Value: false}
	next := casper.Vote{Round: casper.Round{Era: 12, ID: 4}, Value: false}
	text, err := json.Marshal(showMessage(asked))
	if err != nil {
		t.Fatal(err)
	}
	request := filepath.Join(t.TempDir(), "request.json")
	if err := os.WriteFile(request, text, 0o600); err != nil {
		t.Fatal(err)
	}
	signed := func(s casper.Signature) *cosignerv1.SignResponse {
		return &cosignerv1.SignResponse{DecidedBy: "c2",
			Answer: &cosignerv1.SignResponse_Signed{Signed: &cosignerv1.Signed{Signature: s[:]}}}
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
		{"signed, the other's signature", signed(signature(t, other)), exitUnavailable, "is not the validator's"},
		{"bound", bound(other, signature(t, other)), exitRefused, `"vote":false`},
		{"bound, the wrong signature", bound(other, signature(t, asked)), exitUnavailable, "is not the validator's"},
		{"bound, of another slot", bound(next, signature(t, next)), exitUnavailable, "of another slot"},
		{"bound, to what was asked for", bound(asked, signature(t, asked)), exitUnavailable, "of another slot"},
		{"refused",
			&cosignerv1.SignResponse{DecidedBy: "c2", Answer: &cosignerv1.SignResponse_Refused{Refused: &cosignerv1.Refused{
				Reason: cosignerv1.RefusalReason_REFUSAL_REASON_BELOW_FLOOR, Detail: "too old"}}}, exitRefused, "BELOW_FLOOR"},
		{"nothing", &cosignerv1.SignResponse{DecidedBy: "c2"}, exitUnavailable, "does not know"},
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

// TestAnothersClusterFile: an operator with the file of another cluster is told so, and not that
// nothing is signed.
func TestAnothersClusterFile(t *testing.T) {
	f := startFakes(t)
	folder := filepath.Join(f.dir, "operator")
	file, err := os.ReadFile(filepath.Join(folder, "cluster.toml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	other, err := cluster.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	own, err := other.Issue(c.Operators[0].Name, ed25519.PublicKey(c.Operators[0].Key), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	file = bytes.Replace(file, []byte(c.CACertificate), other.CertificatePEM(), 1)
	for name, text := range map[string][]byte{"cluster.toml": file, "tls.crt": own} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for args, want := range map[string]string{
		"status":                        "c2 shows a certificate that this operator's cluster file does not know",
		"failover fault show":           "Not known",
		"failover promote a --reason x": "compare the operator's cluster file",
	} {
		code, out, errOut := f.operate(strings.Fields(args)...)
		if code != exitUnavailable || !strings.Contains(out+errOut, want) {
			t.Errorf("%s: code %d, output %s%s, want %q", args, code, out, errOut, want)
		}
	}
}

// TestStrangersCertificate: an operator whom the cosigners do not take learns nothing, and is told
// so: that is another exit code than that of a cluster that cannot sign.
func TestStrangersCertificate(t *testing.T) {
	f := startFakes(t)
	folder := filepath.Join(f.dir, "operator")
	file, err := os.ReadFile(filepath.Join(folder, "cluster.toml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	public, secret, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := cluster.EncodeKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	known := fmt.Sprintf("%x", []byte(c.Operators[0].Key)) // the operator's host has another key than the others know
	file = []byte(strings.Replace(string(file), known, fmt.Sprintf("%x", []byte(public)), 1))
	for name, text := range map[string][]byte{"cluster.toml": file, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(folder, "tls.crt")); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := f.run("certificate", "issue", "--ca", filepath.Join(f.dir, "ca"), "--cluster",
		filepath.Join(folder, "cluster.toml"), "--out", filepath.Join(folder, "tls.crt"), c.Operators[0].Name); code != 0 {
		t.Fatal(errOut)
	}
	for _, args := range []string{"status", "failover status", "status -o json", "failover promote a --reason x"} {
		code, out, errOut := f.operate(strings.Fields(args)...)
		if code != exitUnavailable {
			t.Errorf("%s: code %d, output %s%s", args, code, out, errOut)
		}
		if args == "status" && (!strings.Contains(out, "UNKNOWN") ||
			!strings.Contains(out, "c2 does not take this operator's certificate") ||
			strings.Contains(out, "no answer")) {
			t.Errorf("%s: output %s", args, out)
		}
	}
}
