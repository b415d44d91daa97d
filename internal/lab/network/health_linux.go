package network

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// drainTime is how long connections to a target that was taken out may go on.
const drainTime = 30 * time.Second

// targetGroup knows which targets there are and which are healthy.
type targetGroup struct {
	ns       *namespace
	arn      string
	onHealth func(group, id string, port int, healthy bool, reason string)

	mu      sync.Mutex
	from    netip.Addr
	check   api.ListenerTopology
	targets map[targetKey]*target
}

type targetKey struct {
	id   string
	addr netip.AddrPort
}

type target struct {
	targetKey
	connections atomic.Int64
	gone        chan struct{} // closed when its connections must end
	cancel      context.CancelFunc
	done        chan struct{}

	// guarded by the group's mu
	known   bool
	healthy bool
	streak  int
}

func newTargetGroup(ns *namespace, arn string, onHealth func(string, string, int, bool, string)) *targetGroup {
	return &targetGroup{ns: ns, arn: arn, onHealth: onHealth, targets: map[targetKey]*target{}}
}

func (g *targetGroup) apply(from netip.Addr, l api.ListenerTopology) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.from, g.check = from, l
	want := map[targetKey]bool{}
	for _, t := range l.Targets {
		key := targetKey{t.ID, netip.AddrPortFrom(t.Addr, uint16(t.Port))}
		if !t.Addr.IsValid() || want[key] {
			continue
		}
		want[key] = true
		if g.targets[key] == nil {
			ctx, cancel := context.WithCancel(context.Background())
			added := &target{targetKey: key, gone: make(chan struct{}), cancel: cancel, done: make(chan struct{})}
			g.targets[key] = added
			go g.watch(ctx, added)
		}
	}
	for key, t := range g.targets {
		if !want[key] {
			g.remove(key, t, drainTime)
		}
	}
}

func (g *targetGroup) stop() {
	g.mu.Lock()
	var stopped []*target
	for key, t := range g.targets {
		g.remove(key, t, 0)
		stopped = append(stopped, t)
	}
	g.mu.Unlock()
	for _, t := range stopped {
		<-t.done
	}
}

// remove takes a target out; new connections go elsewhere at once.
func (g *targetGroup) remove(key targetKey, t *target, drain time.Duration) {
	delete(g.targets, key)
	t.cancel()
	if drain == 0 {
		close(t.gone)
		return
	}
	time.AfterFunc(drain, func() { close(t.gone) })
}

// choose returns the targets to try, in order: healthy ones with the fewest connections first, and all of them when
// none is healthy, as a network load balancer does.
func (g *targetGroup) choose() []*target {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []*target
	for _, t := range g.targets {
		if t.healthy {
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		for _, t := range g.targets {
			list = append(list, t)
		}
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	slices.SortStableFunc(list, func(a, b *target) int { return int(a.connections.Load() - b.connections.Load()) })
	return list
}

// watch checks one target until it is removed.
func (g *targetGroup) watch(ctx context.Context, t *target) {
	defer close(t.done)
	for {
		g.mu.Lock()
		from, check := g.from, g.check
		g.mu.Unlock()
		interval := check.HealthInterval
		if interval <= 0 {
			interval = 10 * time.Second
		}
		err := g.probe(ctx, from, check, t, min(interval, 6*time.Second))
		if ctx.Err() != nil {
			return
		}
		g.record(t, check, err)
		// A target that is not known yet is checked more often, so that a new one soon takes its share.
		g.mu.Lock()
		if !t.known {
			interval = min(interval, time.Second)
		}
		g.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

func (g *targetGroup) probe(ctx context.Context, from netip.Addr, check api.ListenerTopology, t *target, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addr := t.addr
	if check.HealthPort != 0 {
		addr = netip.AddrPortFrom(addr.Addr(), uint16(check.HealthPort))
	}
	conn, err := g.ns.dial(ctx, from, addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if check.HealthPath == "" {
		return nil
	}
	client := http.Client{
		Transport: &http.Transport{
			DialContext:       func(context.Context, string, string) (net.Conn, error) { return conn, nil },
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr.String()+check.HealthPath, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		return fmt.Errorf("GET %s answered %d", check.HealthPath, resp.StatusCode)
	}
	return nil
}

// record counts a result and tells a change once the threshold is reached. A new target's first result sets its state
// as soon as its own threshold is.
func (g *targetGroup) record(t *target, check api.ListenerTopology, err error) {
	g.mu.Lock()
	changed, healthy := t.count(err == nil, max(check.Healthy, 1), max(check.Unhealthy, 1))
	g.mu.Unlock()
	if !changed {
		return
	}
	reason := ""
	if err != nil {
		reason = "Health checks failed: " + err.Error()
	}
	g.onHealth(g.arn, t.id, int(t.addr.Port()), healthy, reason)
}

// count adds a result; streak is positive for successes and negative for failures in a row.
func (t *target) count(ok bool, up, down int) (changed, healthy bool) {
	if ok {
		t.streak = max(t.streak, 0) + 1
	} else {
		t.streak = min(t.streak, 0) - 1
	}
	switch {
	case t.streak >= up && !(t.known && t.healthy):
		t.known, t.healthy = true, true
	case -t.streak >= down && !(t.known && !t.healthy):
		t.known, t.healthy = true, false
	default:
		return false, t.healthy
	}
	return true, t.healthy
}
