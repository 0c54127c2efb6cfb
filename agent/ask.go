package agent

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/rule/lead"
)

// answer is a cosigner's: with who decided, as it says, and whether it is a no.
type answer[R any] struct {
	response R
	decider  string
	refused  bool
}

// question asks one cosigner. Its error is a lie if the answer is not what it claims to be.
type question[R any] func(context.Context, Cosigner) (answer[R], error)

type lie struct{ error }

// within bounds the time of a caller that does not bound it.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, patience)
}

// ask asks one cosigner after the other until one gives an answer that counts, or the caller, whose
// ctx has a deadline, gives up. It observes how that went.
func ask[R any](ctx context.Context, a *Agent, method string, do question[R]) (R, error) {
	start := time.Now()
	response, err := askAll(ctx, a, do)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = status.Error(codes.DeadlineExceeded, err.Error())
	}
	a.Observe(method, err, time.Since(start))
	return response, err
}

// askAll asks in the order that lead says. A refusal counts from the leader. From another it does
// if nobody says better in time: one that is compromised could refuse all, whoever leads.
func askAll[R any](ctx context.Context, a *Agent, do question[R]) (response R, err error) {
	deadline, _ := ctx.Deadline()
	hurried, cancel := context.WithDeadline(ctx, deadline.Add(-deadlineSlack))
	defer cancel()
	err = status.Error(codes.Unavailable, "this agent was paused, its node may have given up")
	refused, tried := false, make([]bool, len(a.Cosigners))
	for a.Steady() && ctx.Err() == nil {
		i, ok := a.guide.next(tried, time.Until(deadline))
		if !ok {
			break
		}
		tried[i] = true
		got, failed := try(ctx, a, i, do)
		switch {
		case failed == nil && (!got.refused || a.guide.leads(i)):
			return got.response, nil
		case failed == nil && !refused:
			response, err, refused, ctx = got.response, nil, true, hurried
		case failed != nil:
			a.Logger.Debug().Err(failed).Str("cosigner", a.Cosigners[i].Name).Msg("asking a cosigner")
			if !refused {
				err = failed
			}
			if !unanswered(ctx, failed) {
				return response, err // an answer, if not one to be glad of
			}
		}
	}
	return response, err
}

// try asks one cosigner, and notes what that says of it. It returns early, Unavailable, if the
// cosigner falls silent meanwhile. One that takes long is in doubt before the caller's time is
// over, which may be seconds for a finality signature. One that lies is not there.
func try[R any](ctx context.Context, a *Agent, i int, do question[R]) (got answer[R], err error) {
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
	got, err = do(once, a.Cosigners[i])
	if false := (lie{}); errors.As(err, &false) {
		a.Lied(a.Cosigners[i].Name)
		a.Logger.Warn().Err(err).Str("cosigner", a.Cosigners[i].Name).Msg("an answer is false: asking another cosigner")
		err = status.Errorf(codes.Unavailable, "cosigner %q: %v", a.Cosigners[i].Name, err)
	}
	switch {
	case err == nil:
		a.guide.note(func(b *lead.Belief) { b.Answered(i, got.decider, time.Now()) })
		if a.Doubts() {
			a.Nudge()
		}
	case context.Cause(once) == errSilent:
		err = status.Errorf(codes.Unavailable, "cosigner %q has fallen silent", a.Cosigners[i].Name)
	case status.Code(err) == codes.Unavailable:
		a.guide.note(func(b *lead.Belief) { b.Gone(i, time.Now()) })
		a.Nudge()
	case unanswered(ctx, err):
		late()
	}
	return got, err
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
