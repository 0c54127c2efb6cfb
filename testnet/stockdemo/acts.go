package main

import "context"

// steadyRounds are so many as pass undisturbed.
const steadyRounds = 10

// steady lets rounds pass.
func (s *demo) steady(ctx context.Context) error { return s.SomeRounds(ctx, steadyRounds) }
