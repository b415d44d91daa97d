package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

const (
	// dialTimeout bounds one address, handshake included.
	dialTimeout = 5 * time.Second
	// dialStagger is how long an address has before the next one is tried beside it: a machine that died does not answer
	// at all.
	dialStagger = 300 * time.Millisecond
	// leftStagger is how long the others have before an address that was given up is tried.
	leftStagger = 2 * time.Second
)

// dialer finds an address that answers as the cluster. The one that answered last is tried first; one that failed, last.
type dialer struct {
	address resource.Address // of the cluster, for errors

	mu    sync.Mutex
	hosts []string
	last  string // that answered last; "" for none yet
	left  string // that was given up: for a moment it may seem to answer still
	open  map[*dialed]bool
}

// dialed is a connection that is open.
type dialed struct {
	net.Conn
	dialer *dialer
}

func (c *dialed) Close() error {
	c.dialer.mu.Lock()
	delete(c.dialer.open, c)
	c.dialer.mu.Unlock()
	return c.Conn.Close()
}

// keep remembers a connection until it is closed.
func (d *dialer) keep(raw net.Conn) net.Conn {
	c := &dialed{Conn: raw, dialer: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = map[*dialed]bool{}
	}
	d.open[c] = true
	return c
}

// cut gives up the address that answered last, and closes what is open: what runs on it fails at once.
func (d *dialer) cut() {
	d.mu.Lock()
	if last := d.last; d.demote() {
		d.left = last
	}
	open := slices.Collect(maps.Keys(d.open))
	d.mu.Unlock()
	for _, c := range open {
		_ = c.Close() // it leads to nobody any more
	}
}

func newDialer(c orchestrator.Cluster) *dialer {
	d := &dialer{address: c.Address}
	for _, h := range c.Hosts {
		if h != "" && !slices.Contains(d.hosts, h) {
			d.hosts = append(d.hosts, h)
		}
	}
	return d
}

func hostPort(host string) string { return net.JoinHostPort(host, port) }

// attempt is the outcome of one address.
type attempt struct {
	host string
	conn *tls.Conn
	err  error
}

// dial connects to the first address that proves to be the cluster.
func (d *dialer) dial(ctx context.Context, config *tls.Config) (*tls.Conn, error) {
	hosts, left := d.order()
	if len(hosts) == 0 {
		return nil, fmt.Errorf("%s: %w: the cluster has no address yet", d.address, orchestrator.ErrUnreachable)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout+leftStagger+time.Duration(len(hosts))*dialStagger)
	defer cancel()

	done := make(chan attempt, len(hosts))
	var failed []attempt
	started, running := 0, 0
	next := func() {
		host := hosts[started]
		started++
		running++
		go func() {
			conn, err := d.handshake(ctx, host, config)
			done <- attempt{host, conn, err}
		}()
	}
	next()
	began, timer := time.Now(), time.NewTicker(dialStagger)
	defer timer.Stop()
	due := func(host string) bool { return host != left || time.Since(began) > leftStagger }
	for {
		select {
		case a := <-done:
			running--
			if a.err == nil && a.host != left && d.isLeft(a.host) {
				_ = a.conn.Close() // it was given up meanwhile
				a.err = errGivenUp
			}
			if a.err == nil {
				d.answered(a.host)
				go drop(done, running)
				return a.conn, nil
			}
			failed = append(failed, a)
			if started < len(hosts) && (running == 0 || due(hosts[started])) {
				next()
			} else if running == 0 {
				return nil, d.unreachable(failed)
			}
		case <-timer.C:
			if started < len(hosts) && due(hosts[started]) {
				next()
			}
		}
	}
}

// errGivenUp is of an address that was given up while it was being dialed.
var errGivenUp = errors.New("given up")

// drop closes the connections that came too late.
func drop(done <-chan attempt, running int) {
	for range running {
		if a := <-done; a.conn != nil {
			_ = a.conn.Close()
		}
	}
}

func (d *dialer) handshake(ctx context.Context, host string, config *tls.Config) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext(ctx, "tcp", hostPort(host))
	if err != nil {
		return nil, err
	}
	conn := tls.Client(d.keep(raw), config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.NetConn().Close()
		return nil, err
	}
	return conn, nil
}

func (d *dialer) answered(host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = host
	if d.left == host {
		d.left = ""
	}
	if i := slices.Index(d.hosts, host); i > 0 {
		d.hosts = slices.Insert(slices.Delete(d.hosts, i, i+1), 0, host)
	}
}

// order is the one in which addresses are tried, and which of them was given up.
func (d *dialer) order() (hosts []string, left string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	hosts = slices.Clone(d.hosts)
	if i := slices.Index(hosts, d.left); i >= 0 {
		hosts = append(slices.Delete(hosts, i, i+1), d.left)
	}
	return hosts, d.left
}

func (d *dialer) isLeft(host string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.left == host
}

// elsewhere puts the address that answered last at the end: what answers there is not well. It says whether there is another.
func (d *dialer) elsewhere() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.demote()
}

// demote is elsewhere; the lock is held.
func (d *dialer) demote() bool {
	if len(d.hosts) < 2 || d.last == "" {
		return false
	}
	if i := slices.Index(d.hosts, d.last); i >= 0 {
		d.hosts = append(slices.Delete(d.hosts, i, i+1), d.last)
	}
	d.last = ""
	return true
}

// unreachable lists what was tried.
func (d *dialer) unreachable(failed []attempt) error {
	reasons := make([]string, len(failed))
	hint := ". Does control_plane.access of the cluster admit this machine's address, and do the control-plane nodes run?"
	for i, a := range failed {
		reasons[i] = hostPort(a.host) + ": " + plain(a.err)
		if _, ok := errors.AsType[*tls.CertificateVerificationError](a.err); ok {
			hint = ". What answers there is not this cluster: its certificate is of another authority or has ended"
		}
	}
	return fmt.Errorf("%s: %w at %s%s", d.address, orchestrator.ErrUnreachable, strings.Join(reasons, "; "), hint)
}

// plain is a connection's error without the address, which the caller has said.
func plain(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer"
	case errors.Is(err, context.Canceled):
		return "given up"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		if op.Timeout() {
			return "no answer"
		}
		err = op.Err
	}
	text := err.Error()
	if _, syscall, ok := strings.Cut(text, "connect: "); ok {
		text = syscall
	}
	return text
}
