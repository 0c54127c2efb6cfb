package agent

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/rule/lead"
)

// ask asks one cosigner after the other, as lead says, until one answers or the caller gives up.
func (a *Agent) ask(ctx context.Context, method string,
	do func(context.Context, Cosigner) (decider string, err error)) error {
	start := time.Now()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = start.Add(patience)
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	err := status.Error(codes.Unavailable, "this agent was paused, its node may have given up")
	tried := make([]bool, len(a.Cosigners))
	for a.Steady() && ctx.Err() == nil {
		i, ok := a.guide.next(tried, time.Until(deadline))
		if !ok {
			break
		}
		tried[i] = true
		if err = a.try(ctx, i, do); err == nil {
			break
		}
		a.Logger.Debug().Err(err).Str("cosigner", a.Cosigners[i].Name).Str("method", method).Msg("asking a cosigner")
		if !unanswered(ctx, err) {
			break // an answer, if not one to be glad of
		}
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = status.Error(codes.DeadlineExceeded, err.Error())
	}
	a.Observe(method, err, time.Since(start))
	return err
}

// try asks one cosigner, and notes what that says of it. It returns early, Unavailable, if the
// cosigner falls silent meanwhile. One that takes long is in doubt before the caller's time is
// over, which may be seconds for a finality signature.
func (a *Agent) try(ctx context.Context, i int, do func(context.Context, Cosigner) (string, error)) error {
	asked := time.Now()
	late := func() {
		a.guide.note(func(b *lead.Belief) { b.Late(i, asked, time.Now()) })
		a.Nudge()
	}
	long := time.AfterFunc(lead.Long, late)
	defer long.Stop()
	once, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	defer a.guide.enter(i, leave)()
	decider, err := do(once, a.Cosigners[i])
	switch {
	case err == nil:
		a.guide.note(func(b *lead.Belief) { b.Answered(i, decider, time.Now()) })
	case context.Cause(once) == errSilent:
		err = status.Errorf(codes.Unavailable, "cosigner %q has fallen silent", a.Cosigners[i].Name)
	case status.Code(err) == codes.Unavailable:
		a.guide.note(func(b *lead.Belief) { b.Gone(i, time.Now()) })
		a.Nudge()
	case unanswered(ctx, err):
		late()
	}
	return err
}

// withdrawn reports whether the caller gave up before its time, as a node does that ends. One
// whose time is over may cancel a moment before our own clock says so; that one was left
// without an answer.
func withdrawn(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return errors.Is(ctx.Err(), context.Canceled) && (!ok || time.Until(deadline) > deadlineSlack)
}

// unanswered reports whether the error says no more than that the cosigner did not do it in time.
func unanswered(ctx context.Context, err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	case codes.Canceled: // its time was over, if by the caller's clock
		return !withdrawn(ctx)
	}
	return false
}
