package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// balancers are the network load balancers of one VPC: TCP proxies on addresses of the VPC, with one health checker per
// target group.
type balancers struct {
	ns       *namespace
	log      *slog.Logger
	onHealth func(group, id string, port int, healthy bool, reason string)

	fronts map[netip.AddrPort]*front
	groups map[string]*targetGroup
}

func newBalancers(ns *namespace, log *slog.Logger, onHealth func(string, string, int, bool, string)) *balancers {
	if onHealth == nil {
		onHealth = func(string, string, int, bool, string) {}
	}
	return &balancers{ns: ns, log: log, onHealth: onHealth, fronts: map[netip.AddrPort]*front{}, groups: map[string]*targetGroup{}}
}

// apply makes listeners and target groups match. The caller serialises calls.
func (b *balancers) apply(want []api.LoadBalancerTopology) error {
	var errs []error
	fronts, groups := map[netip.AddrPort]bool{}, map[string]bool{}
	for _, lb := range want {
		for _, l := range lb.Listeners {
			if len(lb.Addresses) == 0 {
				continue
			}
			group := b.groups[l.TargetGroupARN]
			if !groups[l.TargetGroupARN] { // the first that names it decides from where it is checked
				groups[l.TargetGroupARN] = true
				if group == nil {
					group = newTargetGroup(b.ns, l.TargetGroupARN, b.onHealth)
					b.groups[l.TargetGroupARN] = group
				}
				group.apply(lb.Addresses[0], l)
			}
			for _, a := range lb.Addresses {
				at := netip.AddrPortFrom(a, uint16(l.Port))
				fronts[at] = true
				if f := b.fronts[at]; f != nil {
					f.group.Store(group)
					continue
				}
				f, err := b.listen(at, group)
				if err != nil {
					errs = append(errs, fmt.Errorf("load balancer %s: listen on %s: %w", lb.Name, at, err))
					continue
				}
				b.fronts[at] = f
			}
		}
	}
	for at, f := range b.fronts {
		if !fronts[at] {
			f.stop()
			delete(b.fronts, at)
		}
	}
	for arn, g := range b.groups {
		if !groups[arn] {
			g.stop()
			delete(b.groups, arn)
		}
	}
	return errors.Join(errs...)
}

func (b *balancers) stop() { _ = b.apply(nil) }

// front is one listener on one address.
type front struct {
	at       netip.AddrPort
	ns       *namespace
	log      *slog.Logger
	listener net.Listener
	group    atomic.Pointer[targetGroup]
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup
}

// connectTimeout bounds the search for a target that answers.
const connectTimeout = 10 * time.Second

func (b *balancers) listen(at netip.AddrPort, group *targetGroup) (*front, error) {
	listener, err := b.ns.listen(at)
	if err != nil {
		return nil, err
	}
	f := &front{at: at, ns: b.ns, log: b.log, listener: listener}
	f.group.Store(group)
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.wg.Go(f.serve)
	return f, nil
}

// stop closes the listener and, as its addresses go away with it, the connections.
func (f *front) stop() {
	f.listener.Close()
	f.cancel()
	f.wg.Wait()
}

func (f *front) serve() {
	for {
		conn, err := f.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			f.log.Warn("load balancer cannot accept", "listener", f.at, "error", err)
			time.Sleep(50 * time.Millisecond) // out of descriptors: let some close
			continue
		}
		f.wg.Go(func() { f.handle(conn.(*net.TCPConn)) })
	}
}

// handle connects a client to a target. Without one that answers the client sees a reset, as from an NLB.
func (f *front) handle(client *net.TCPConn) {
	defer client.Close()
	ctx, cancel := context.WithTimeout(f.ctx, connectTimeout)
	defer cancel()
	for _, t := range f.group.Load().choose() {
		conn, err := f.ns.dial(ctx, f.at.Addr(), t.addr)
		if err != nil {
			f.log.Debug("load balancer cannot reach target", "listener", f.at, "target", t.addr, "error", err)
			continue
		}
		t.connections.Add(1)
		defer t.connections.Add(-1)
		proxy(f.ctx, t.gone, client, conn.(*net.TCPConn))
		return
	}
	_ = client.SetLinger(0)
}

// proxy copies both ways until both sides have said all, or the listener ends, or the target has been away for its
// time of drain. A side that has said all is told to the other side, which may still answer.
func proxy(ctx context.Context, gone <-chan struct{}, a, b *net.TCPConn) {
	defer b.Close()
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(both, func() { a.Close(); b.Close() })
	defer stop()
	finished := make(chan struct{})
	defer close(finished)
	go func() {
		select {
		case <-gone:
			cancel()
		case <-finished:
		}
	}()
	var wg sync.WaitGroup
	pipe := func(to, from *net.TCPConn) {
		if _, err := io.Copy(to, from); err != nil {
			cancel() // broken, not ended: the other way is of no use
			return
		}
		_ = to.CloseWrite()
	}
	wg.Go(func() { pipe(a, b) })
	wg.Go(func() { pipe(b, a) })
	wg.Wait()
}
