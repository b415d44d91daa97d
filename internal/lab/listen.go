package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// The ports of a lab with machines on its own address; machines and host use the same.
const (
	endpointPort = 4566
	registryPort = 5000
	artifactPort = 5080
)

// listenEndpoint opens what the endpoint listens on, and notes the URLs.
func (r *runner) listenEndpoint(ctx context.Context, host netip.Addr, old *Info) ([]net.Listener, error) {
	var all []net.Listener
	if r.machines != nil || r.cfg.Listen == "" {
		listener, err := r.listenPart(ctx, "endpoint", host, endpointPort, hostPort(old.Endpoint))
		if err != nil {
			return nil, err
		}
		all = append(all, listener)
		r.info.Endpoint = urlOf(listener)
	}
	if r.cfg.Listen == "" {
		return all, nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", r.cfg.Listen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lab %q: the endpoint cannot listen on %s: %w. Choose another with -listen", r.cfg.Name, r.cfg.Listen, err), closeAll(all))
	}
	if r.machines == nil {
		r.info.Endpoint = urlOf(listener)
	} else {
		r.info.Listen = urlOf(listener)
	}
	return append(all, listener), nil
}

// urlOf is where a client on this host finds a listener, also one that listens everywhere.
func urlOf(l net.Listener) string {
	address, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return "http://" + l.Addr().String()
	}
	if address.Addr().IsUnspecified() {
		address = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), address.Port())
	}
	return "http://" + address.String()
}

// listenPart takes the part's port on the lab's own address, which nobody else uses. Without machines it is the port of
// last time, so that an environment stays valid, or a free one.
func (r *runner) listenPart(ctx context.Context, part string, host netip.Addr, port int, last string) (net.Listener, error) {
	var lc net.ListenConfig
	if r.machines == nil {
		port = 0
		if address, err := netip.ParseAddrPort(last); err == nil && address.Addr().IsLoopback() {
			if listener, err := lc.Listen(ctx, "tcp", last); err == nil {
				return listener, nil
			}
		}
	}
	listener, err := lc.Listen(ctx, "tcp", netip.AddrPortFrom(host, uint16(port)).String())
	if err != nil {
		return nil, fmt.Errorf("lab %q: the %s: %w", r.cfg.Name, part, err)
	}
	return listener, nil
}

// hostPort is the address in a URL of ours.
func hostPort(url string) string {
	return strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")
}

func (r *runner) serve(listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 30 * time.Second, ErrorLog: slog.NewLogLogger(r.log.Handler(), slog.LevelDebug)}
	r.serving = append(r.serving, server)
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			r.failed <- fmt.Errorf("lab %q: %w", r.cfg.Name, err)
		}
	}()
}

func (r *runner) stopServing(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, downTimeout)
	defer cancel()
	var errs []error
	for _, s := range r.serving {
		if s.Shutdown(ctx) != nil { // somebody holds on to an answer
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, l := range listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
