package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"casper-cosigner/agent"
	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
)

// maxRequest is the longest request in bytes that sign reads from standard input; a line of the
// vectors has under 2 KiB.
const maxRequest = 1 << 16

// signFlags are sign's flags.
type signFlags struct {
	as, file, output, level string
	timeout                 time.Duration
}

// signAnswer is what sign prints as JSON.
type signAnswer struct {
	Schema    string            `json:"schema"`
	Answer    string            `json:"answer"` // signed, bound or refused
	DecidedBy string            `json:"decided_by,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	Detail    string            `json:"detail,omitempty"`
	Held      *messageJSON      `json:"held,omitempty"` // when bound: what the slot holds
	Signature *casper.Signature `json:"signature,omitempty"`
}

func signCommand() *cobra.Command {
	var f signFlags
	c := &cobra.Command{
		Use:   "sign",
		Short: "ask for one signature with a node's identity",
		Long: `sign reads one typed request in JSON and asks the cosigners as the node's agent
would. It claims the slot for good, as any request does.

  {"kind":"zug","chainspec_hash":HEX,"era_id":N,"key_block_hash":HEX,"round_id":N,
   "validator_index":N,"echo":HEX}     or "vote":true|false in place of echo
  {"kind":"finality_v2","block_hash":HEX,"block_height":N,"era_id":N,"chain_name_hash":HEX}
  {"kind":"consensus_certificate","combined_random":HEX,"our_tls_point":HEX,"their_tls_point":HEX}`,
		Example: "  casper-cosigner sign --as agent.toml --file request.json",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	c.Flags().StringVar(&f.as, "as", agentConfig, "settings of the node's agent")
	c.Flags().StringVar(&f.file, "file", "-", "the request, - for standard input")
	c.Flags().DurationVar(&f.timeout, "timeout", 5*time.Second, "how long to wait for the answer")
	c.Flags().StringVarP(&f.output, "output", "o", "text", "text or json")
	c.Flags().StringVar(&f.level, "log-level", "warn", "debug, info, warn or error")
	return c
}

func (f *signFlags) run(c *cobra.Command) error {
	if err := checkOutput(f.output, "text"); err != nil {
		return err
	}
	logger, err := newLogger(c.ErrOrStderr(), f.level)
	if err != nil {
		return err
	}
	message, err := f.read(c.InOrStdin())
	if err != nil {
		return err
	}
	settings, err := daemon.ReadAgentFile(f.as)
	if err != nil {
		return err
	}
	member, err := settings.Host()
	if err != nil {
		return err
	}
	if err := checkRole(member, cluster.Node); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), f.timeout)
	defer cancel()
	asker, closeAll, err := daemon.DialAgent(ctx, settings, logger)
	if err != nil {
		return err
	}
	defer closeAll()
	response, err := asker.Sign(ctx, wire.Request(message))
	if err != nil {
		return signFault(message, err)
	}
	answer, err := agent.Read(member.Cluster.Validator, message, response)
	if err != nil {
		return err
	}
	return f.print(c.OutOrStdout(), message, showAnswer(answer, response.GetDecidedBy()))
}

func (f *signFlags) read(in io.Reader) (casper.Message, error) {
	var text []byte
	var err error
	if f.file == "-" {
		text, err = io.ReadAll(io.LimitReader(in, maxRequest))
	} else {
		text, err = os.ReadFile(f.file)
	}
	if err != nil {
		return nil, errorf("reading the request: %w", err)
	}
	m, err := parseMessage(text)
	return m, withHint(err, "casper-cosigner sign --help shows the forms")
}

// showAnswer is the answer as it is printed.
func showAnswer(a agent.Answer, decidedBy string) signAnswer {
	shown := signAnswer{Schema: report.Schema, Answer: "signed", DecidedBy: decidedBy, Signature: a.Signature}
	switch {
	case a.Refused != nil:
		shown.Answer, shown.Reason, shown.Detail = "refused", a.Refused.GetReason().String(), a.Refused.GetDetail()
	case a.Bound:
		held := showMessage(a.Held)
		shown.Answer, shown.Held = "bound", &held
	}
	return shown
}

func (f *signFlags) print(w io.Writer, m casper.Message, a signAnswer) error {
	var outcome error
	if a.Answer != "signed" {
		outcome = &fault{code: exitRefused}
	}
	if f.output == "json" {
		if err := printJSON(w, a); err != nil {
			return err
		}
		return outcome
	}
	fmt.Fprintf(w, "%s %s, decided by %s\n", a.Answer, describe(m), a.DecidedBy)
	if a.Answer == "refused" {
		fmt.Fprintf(w, "reason    %s\ndetail    %s\n", a.Reason, a.Detail)
	}
	if a.Held != nil {
		fmt.Fprintf(w, "held      ")
		if err := printJSON(w, a.Held); err != nil {
			return err
		}
	}
	if a.Signature != nil {
		fmt.Fprintf(w, "signature %v\n", a.Signature)
	}
	return outcome
}

// signFault maps "nothing is known" and "you may not ask".
func signFault(m casper.Message, err error) error {
	f := &fault{code: exitFailed, err: errorf("asking for %s: %s", describe(m), reason(err))}
	if isUnknown(err) {
		f.code = exitUnavailable
		f.hints = []string{"ask again: the slot may or may not be claimed by now, and the answer tells",
			"`casper-cosigner status`"}
	}
	return f
}
