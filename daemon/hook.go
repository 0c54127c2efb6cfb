package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
)

const (
	hookLimit    = 10 * time.Second       // after which a run of the hook is ended
	hookQueue    = 64                     // changes that wait for the hook; more are not told
	hookOutput   = 4 << 10                // bytes of its output that are logged
	redirectSize = 512                    // bytes of a URL that are
	rolesEvery   = 100 * time.Millisecond // how often the log is looked at for changes of roles
)

// roleChange is a change of mode or roles as the hook is told it, in JSON.
type roleChange struct {
	Cosigner  string `json:"cosigner"` // that tells it
	Validator string `json:"validator"`
	Epoch     uint64 `json:"epoch"`
	At        string `json:"at"`      // by the clock of the leader that proposed it, RFC 3339
	What      string `json:"what"`    // activate, mode, suspend, unsuspend, hold, resume or restart
	Subject   string `json:"subject"` // the node or the mode
	Cause     string `json:"cause"`   // operator, or the code of a failover rule
	Reason    string `json:"reason"`
	Active    string `json:"active"` // the node that is active when it is told
	Mode      string `json:"mode"`
}

// hook runs an operator's command, or calls a URL, on each change of roles: one at a time, in
// order. It never keeps anybody waiting. newHook makes one.
type hook struct {
	target []string // a command and its arguments, or one URL; empty: no hook
	queue  chan roleChange
	limit  time.Duration
	logger zerolog.Logger
}

func newHook(target []string, logger zerolog.Logger) *hook {
	return &hook{target: target, queue: make(chan roleChange, hookQueue), limit: hookLimit, logger: logger}
}

// tell queues a change. It does not block.
func (h *hook) tell(c roleChange) {
	if len(h.target) == 0 {
		return
	}
	select {
	case h.queue <- c:
	default:
		h.logger.Error().Uint64("epoch", c.Epoch).Str("what", c.What).Int("waiting", hookQueue).
			Msg("the hook is too slow and is not told of this change; see what keeps it")
	}
}

// run tells the hook of what is queued until ctx ends.
func (h *hook) run(ctx context.Context) {
	for {
		select {
		case c := <-h.queue:
			h.call(ctx, c)
		case <-ctx.Done():
			return
		}
	}
}

// call tells the hook of one change and logs what came of it.
func (h *hook) call(ctx context.Context, c roleChange) {
	ctx, cancel := context.WithTimeout(ctx, h.limit)
	defer cancel()
	output, err := "", error(nil)
	body, err := json.Marshal(c)
	if err == nil && isURL(h.target) {
		err = post(ctx, h.target[0], body)
	} else if err == nil {
		output, err = execute(ctx, h.target, append(body, '\n'))
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("ended after at most %v: %w", h.limit, err)
	}
	log := h.logger.Info()
	message := "the hook was told of a change of roles"
	if err != nil {
		log = h.logger.Error().Err(err)
		message = "the hook failed and is not run again for this change; " +
			"try it by hand with the change's JSON, and see `failover history`"
	}
	log.Uint64("epoch", c.Epoch).Str("what", c.What).Str("subject", c.Subject).Str("hook", h.target[0]).
		Str("output", output).Msg(message)
}

// isURL reports whether the hook is a webhook.
func isURL(target []string) bool {
	return len(target) == 1 && (strings.HasPrefix(target[0], "http://") || strings.HasPrefix(target[0], "https://"))
}

// post sends the change to a URL, which must answer with a 2xx. A redirection is not followed: what
// stands behind most of them would be asked with GET, without the change, and say that all is well.
func post(ctx context.Context, url string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if to := response.Header.Get("Location"); response.StatusCode/100 == 3 {
		return fmt.Errorf("answered %s, and a redirection is not followed: set `hook` to where it leads, %q",
			response.Status, to[:min(len(to), redirectSize)])
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}

// execute runs a command with the change on its standard input, and ends it with all that it
// started when ctx ends.
func execute(ctx context.Context, command []string, input []byte) (string, error) {
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	output := &head{}
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(input), output, output
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = time.Second // for what holds on to its output and is not of its group
	err := c.Run()
	return strings.TrimSpace(output.kept.String()), err
}

// head keeps the first bytes that are written to it.
type head struct{ kept bytes.Buffer }

// Write takes all and keeps what there is room for.
func (h *head) Write(p []byte) (int, error) {
	h.kept.Write(p[:min(len(p), hookOutput-h.kept.Len())])
	return len(p), nil
}

// watchRoles tells of each change of mode and roles that the log brings once this cosigner has
// caught up. It looks at the log from outside, so that nothing can keep the log waiting; the log
// remembers far more changes than come between two looks.
func (v *validator) watchRoles(ctx context.Context, told *hook) error {
	tick := time.NewTicker(rolesEvery)
	defer tick.Stop()
	var known uint64 // epoch that has been told of, once started
	for started := false; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		caughtUp := v.server.Ready() == nil // asked first: what is applied until then is not news
		roles := v.roles()
		if !started {
			known, started = roles.Epoch, caughtUp
			continue
		}
		for _, e := range roles.History {
			if e.Epoch <= known {
				continue
			}
			known = e.Epoch
			v.metrics.changed(e)
			v.options.Logger.Info().Uint64("epoch", e.Epoch).Str("what", e.What).Str("subject", e.Subject).
				Str("cause", e.Cause).Str("reason", e.Reason).Str("active", roles.Active).Msg("roles changed")
			told.tell(v.describe(e, roles))
		}
	}
}

// roles returns the mode and the roles that hold now. Later changes leave its lists as they are.
func (v *validator) roles() (roles failover.State) {
	v.store.View(func(m *machine.State) { roles = m.Roles() })
	return roles
}

func (v *validator) describe(e failover.Event, now failover.State) roleChange {
	return roleChange{Cosigner: v.self.Name, Validator: v.self.Cluster.Validator.String(), Epoch: e.Epoch,
		At: time.UnixMilli(e.At).UTC().Format(time.RFC3339Nano), What: e.What, Subject: e.Subject, Cause: e.Cause,
		Reason: e.Reason, Active: now.Active, Mode: now.Mode.String()}
}
