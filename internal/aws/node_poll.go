package aws

import (
	"context"
	"slices"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// poller asks about all instances of a region that anything waits for, with one question at a time. It works while
// somebody waits, and stops with the last.
type poller struct {
	region *region

	mu     sync.Mutex
	groups []*watch
	stop   context.CancelFunc
	// entered is when the last watch came; calls is how many the last look took.
	entered time.Time
	calls   int
	// launching counts launches that are under way: their instances are about to be waited for, too.
	launching int
}

// The pace of the poller: it looks again after a part of the time that the youngest has waited already, so that nothing
// is seen much later than it happens, however long that takes; but never so often that it uses more than half of what
// AWS allows.
const (
	patience  = 0.2
	quickest  = 200 * time.Millisecond
	slowestBy = 5 * time.Second
	// gathering is how long a look waits for launches under way, so that it serves them as well.
	gathering = time.Second
)

// launch counts a launch until the function returned is called.
func (p *poller) launch() (done func()) {
	p.mu.Lock()
	p.launching++
	p.mu.Unlock()
	return func() {
		p.mu.Lock()
		p.launching--
		p.mu.Unlock()
	}
}

// gather waits for launches under way, and for what they launched to have had its time.
func (p *poller) gather(ctx context.Context) error {
	for end := time.Now().Add(gathering); ; {
		p.mu.Lock()
		young := quickest - time.Since(p.entered)
		if p.launching > 0 {
			young = quickest / 4
		}
		p.mu.Unlock()
		if young <= 0 || !time.Now().Before(end) {
			return nil
		}
		if err := sleep(ctx, young); err != nil {
			return err
		}
	}
}

func (p *poller) interval() time.Duration {
	d := time.Duration(float64(time.Since(p.entered)) * patience)
	return max(min(d, slowestBy), quickest*time.Duration(max(p.calls, 1)))
}

// watch is one caller's wait.
type watch struct {
	// tokens has the launch token of each instance still waited for; "" where it is not known.
	tokens map[string]string
	// states are those in which an instance can be done; the others are not asked for. done decides.
	states []types.InstanceStateName
	done   func(types.Instance) bool

	ready  []types.Instance
	err    error
	signal chan struct{}
}

// wait calls each for every instance as soon as it is done, and returns the ids of those that were not within the bound
// or before an error.
func (p *poller) wait(
	ctx context.Context, tokens map[string]string, bound time.Duration, states []types.InstanceStateName, done func(types.Instance) bool,
	each func(types.Instance),
) (left []string, err error) {
	w := &watch{tokens: tokens, states: states, done: done, signal: make(chan struct{}, 1)}
	p.enter(ctx, w)
	defer p.leave(w)
	timer := time.NewTimer(bound)
	defer timer.Stop()
	open := make(map[string]bool, len(tokens))
	for id := range tokens {
		open[id] = true
	}
	for len(open) > 0 {
		select {
		case <-w.signal:
		case <-ctx.Done():
			err = ctx.Err()
		case <-timer.C:
			return keysOf(open), nil
		}
		p.mu.Lock()
		ready := w.ready
		w.ready = nil
		if err == nil {
			err = w.err
		}
		p.mu.Unlock()
		for _, i := range ready {
			delete(open, sdk.ToString(i.InstanceId))
			each(i)
		}
		if err != nil {
			break
		}
	}
	return keysOf(open), err
}

func keysOf(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (p *poller) enter(ctx context.Context, w *watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.tokens = cloneTokens(w.tokens)
	p.groups = append(p.groups, w)
	p.entered = time.Now()
	if p.stop != nil {
		return
	}
	// The loop serves also those who come later: it must not end with the first.
	loop, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	go p.loop(loop)
}

func cloneTokens(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

func (p *poller) leave(w *watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.groups = slices.DeleteFunc(p.groups, func(o *watch) bool { return o == w })
	if len(p.groups) == 0 && p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

func (p *poller) loop(ctx context.Context) {
	for {
		p.mu.Lock()
		d := p.interval()
		p.mu.Unlock()
		if sleep(ctx, d) != nil || p.gather(ctx) != nil {
			return
		}
		all, err := p.look(ctx)
		if ctx.Err() != nil {
			return
		}
		p.deliver(all, err)
	}
}

func (p *poller) deliver(all []types.Instance, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.groups {
		if err != nil {
			w.err = err
		}
		for _, i := range all {
			id := sdk.ToString(i.InstanceId)
			if _, waits := w.tokens[id]; waits && w.done(i) {
				delete(w.tokens, id)
				w.ready = append(w.ready, i)
			}
		}
		if w.err != nil || len(w.ready) > 0 {
			select {
			case w.signal <- struct{}{}:
			default:
			}
		}
	}
}

// look describes what is waited for and may be done: few by their ids, many by the tokens of the calls that launched
// them together, which takes one call for a thousand.
func (p *poller) look(ctx context.Context) ([]types.Instance, error) {
	var byID, byToken []string
	tokens, states := map[string]bool{}, map[string]bool{}
	p.mu.Lock()
	for _, w := range p.groups {
		for _, s := range w.states {
			states[string(s)] = true
		}
		for id, token := range w.tokens {
			byID = append(byID, id)
			if token != "" {
				tokens[token] = true
			}
		}
	}
	if len(byID) <= filterValues {
		clear(tokens)
	} else {
		byID = nil
		byToken = keysOf(tokens)
		for _, w := range p.groups {
			for id, token := range w.tokens {
				if token == "" {
					byID = append(byID, id)
				}
			}
		}
	}
	p.calls = (len(byID)+filterValues-1)/filterValues + (len(tokens)*launchBatch+999)/1000
	p.mu.Unlock()
	slices.Sort(byID)
	var out []types.Instance
	for _, q := range []struct {
		name   string
		values []string
	}{{"instance-id", slices.Compact(byID)}, {"tag:" + resource.TagToken, byToken}} {
		for part := range slices.Chunk(q.values, filterValues) {
			all, err := p.region.instances(ctx, filter(q.name, part...), filter("instance-state-name", keysOf(states)...))
			if err != nil {
				return nil, err
			}
			out = append(out, all...)
		}
	}
	return out, nil
}
