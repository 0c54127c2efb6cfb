package health

import "context"

// Ask asks a node once for its status; base is as Config.REST. It waits as long as ctx lasts, and
// half a minute at most.
func Ask(ctx context.Context, base string) (Status, error) {
	c := Config{REST: base}
	if err := c.Validate(); err != nil {
		return Status{}, err
	}
	w := New(c)
	defer w.client.CloseIdleConnections()
	return w.status(ctx)
}
