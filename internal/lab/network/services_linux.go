package network

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// services are what a VPC answers at link-local addresses.
type services struct {
	http *http.Server
	dns  *resolver
	done chan struct{}
}

func (n *Network) startServices(v *vpc) (*services, error) {
	listener, err := v.ns.listen(netip.AddrPortFrom(metadataAddr, 80))
	if err != nil {
		return nil, fmt.Errorf("metadata service: %w", err)
	}
	dns, err := startResolver(v.ns, n.names(), n.log)
	if err != nil {
		listener.Close()
		return nil, fmt.Errorf("DNS: %w", err)
	}
	s := &services{dns: dns, done: make(chan struct{}), http: &http.Server{
		Handler:           n.metadata(v.topology.ID),
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
	}}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			n.log.Error("metadata service ended", "vpc", v.topology.ID, "error", err)
		}
	}()
	return s, nil
}

func (s *services) stop() {
	_ = s.http.Close() // the connections' owners are machines that are going away
	<-s.done
	s.dns.stop()
}

type connKey struct{}

// metadata hands each request to Options.Metadata with the instance that sent it. The answer to a request for a token
// travels as many hops as the instance allows: a container behind its node's bridge is one hop further.
func (n *Network) metadata(vpcID string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		remote, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		instance, known := n.instanceAt(vpcID, remote.Addr())
		if !known || n.opts.Metadata == nil {
			http.NotFound(w, r)
			return
		}
		hops := 64
		if r.Method == http.MethodPut {
			hops = 1
			if n.opts.HopLimit != nil {
				hops = max(1, n.opts.HopLimit(instance))
			}
		}
		conn, _ := r.Context().Value(connKey{}).(*net.TCPConn)
		if conn == nil || setHops(conn, hops) != nil {
			http.Error(w, "cannot honour the hop limit", http.StatusInternalServerError)
			return
		}
		n.opts.Metadata(w, r, instance)
	})
}

func setHops(conn *net.TCPConn, hops int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var setErr error
	if err := raw.Control(func(fd uintptr) { setErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, hops) }); err != nil {
		return err
	}
	return setErr
}

// names are what the lab's DNS answers itself.
func (n *Network) names() map[string]netip.Addr {
	host := n.HostAddr()
	all := map[string]netip.Addr{"endpoint.lab": host, "registry.lab": host, "artifacts.lab": host}
	for name, addr := range n.opts.Names {
		if !addr.IsValid() {
			addr = host
		}
		all[name] = addr
	}
	return all
}
