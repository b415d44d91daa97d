package drivers

import (
	"context"
	"errors"
	"strings"

	"github.com/clusterform/clusterform/planner/resource"
)

// stopper is a resource.Runtime that tells when its run was asked to stop: nothing new is begun then, and what goes on by
// itself is not waited for. The run's context is not canceled by that, as calls under way go to their end.
type stopper interface{ Stopping() <-chan struct{} }

// stopping is never closed for a runtime that cannot be asked to stop.
func stopping(rt resource.Runtime) <-chan struct{} {
	if s, ok := rt.(stopper); ok {
		return s.Stopping()
	}
	return nil
}

// untilStopped is a context for waiting: it ends with ctx, and when the run is asked to stop.
func untilStopped(ctx context.Context, rt resource.Runtime) (context.Context, context.CancelFunc) {
	waiting, cancel := context.WithCancel(ctx)
	if stop := stopping(rt); stop != nil {
		go func() {
			select {
			case <-stop:
				cancel()
			case <-waiting.Done():
			}
		}()
	}
	return waiting, cancel
}

// interrupted is the error of a wait that a signal ended. While says what was going on: "while it joined".
func interrupted(o *resource.Object, while string, err error) error {
	return &resource.Error{Address: o.Address, ID: o.ID, Message: "interrupted " + while + "; apply again to go on", Err: err}
}

// worded says of work that a signal ended that it was that. Other outcomes stay as they are.
func worded(o *resource.Object, while string, r resource.Result) resource.Result {
	if r.Err == nil || !errors.Is(r.Err, context.Canceled) && !strings.Contains(r.Err.Error(), context.Canceled.Error()) {
		return r
	}
	r.Err = interrupted(o, while, context.Canceled)
	if r.Record != nil && r.Record.LastError != "" {
		r.Record = new(*r.Record)
		r.Record.LastError = r.Err.Error()
	}
	return r
}
