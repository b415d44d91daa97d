package cli

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
)

// interrupts turns signals into the two ways a run ends early. The first one closes drain: nothing new is started, what
// runs is waited for. The second cancels the context that running work has. Later ones do nothing more.
type interrupts struct {
	// plan is canceled by the first signal: reading has nothing to drain.
	plan context.Context
	// work is canceled by the second.
	work  context.Context
	drain chan struct{}

	say      atomic.Pointer[func(string)]
	applying atomic.Bool
	close    func()
}

func (a *App) interrupts(ctx context.Context) *interrupts {
	work, cancelWork := context.WithCancel(ctx)
	plan, cancelPlan := context.WithCancel(work)
	i := &interrupts{plan: plan, work: work, drain: make(chan struct{})}
	signals := make(chan os.Signal, 4)
	stop := a.Signals(signals)
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; {
			select {
			case <-quit:
				return
			case s := <-signals:
				n++
				switch n {
				case 1:
					i.tell("Received signal \"" + s.String() + "\": " + i.first())
					close(i.drain)
					cancelPlan()
				case 2:
					i.tell("Received a second signal: no longer waiting. What is under way is in the journal; the next run finds it.")
					cancelWork()
				}
			}
		}
	})
	i.close = func() {
		stop()
		close(quit)
		wg.Wait()
		cancelPlan()
		cancelWork()
	}
	return i
}

func (i *interrupts) first() string {
	if i.applying.Load() {
		return "calls that run are finished and recorded; nodes and roll-outs are not waited for. A second signal stops waiting."
	}
	return "stopping; nothing was changed."
}

func (i *interrupts) tell(message string) {
	if f := i.say.Load(); f != nil {
		(*f)(message)
	}
}

// interrupted tells whether a signal came.
func (i *interrupts) interrupted() bool {
	select {
	case <-i.drain:
		return true
	default:
		return false
	}
}
