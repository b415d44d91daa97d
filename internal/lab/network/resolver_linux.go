package network

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// resolver is a VPC's DNS: it answers the lab's names and EC2's private ones and passes everything else on to the
// host's own servers, which a machine could not reach when they listen on the host's loopback.
type resolver struct {
	names map[string]netip.Addr
	// balancers are the names of the VPC's load balancers, which come and go.
	balancers atomic.Pointer[map[string]netip.Addr]
	log       *slog.Logger
	udp       net.PacketConn
	tcp       net.Listener
	slots     chan struct{}
	ctx       context.Context
	cancel    context.CancelFunc
	wg        sync.WaitGroup
}

const (
	dnsTimeout = 4 * time.Second
	dnsAtOnce  = 256
)

func startResolver(ns *namespace, names map[string]netip.Addr, log *slog.Logger) (*resolver, error) {
	at := netip.AddrPortFrom(resolverAddr, 53)
	udp, err := ns.listenPacket(at)
	if err != nil {
		return nil, err
	}
	tcp, err := ns.listen(at)
	if err != nil {
		udp.Close()
		return nil, err
	}
	r := &resolver{names: names, log: log, udp: udp, tcp: tcp, slots: make(chan struct{}, dnsAtOnce)}
	r.setBalancers(nil)
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.wg.Go(r.serveUDP)
	r.wg.Go(r.serveTCP)
	return r, nil
}

// setBalancers answers for these load balancers from now on. A name has one address here, the first.
func (r *resolver) setBalancers(all []api.LoadBalancerTopology) {
	names := make(map[string]netip.Addr, len(all))
	for _, b := range all {
		if b.DNSName != "" && len(b.Addresses) > 0 {
			names[strings.ToLower(b.DNSName)] = b.Addresses[0]
		}
	}
	r.balancers.Store(&names)
}

func (r *resolver) stop() {
	r.cancel()
	r.udp.Close()
	r.tcp.Close()
	r.wg.Wait()
}

func (r *resolver) serveUDP() {
	buf := make([]byte, 65535)
	for {
		n, from, err := r.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		msg := append([]byte(nil), buf[:n]...)
		r.limited(func() {
			if reply := r.reply("udp", msg); reply != nil {
				_, _ = r.udp.WriteTo(reply, from) // the machine asks again
			}
		})
	}
}

func (r *resolver) serveTCP() {
	for {
		conn, err := r.tcp.Accept()
		if err != nil {
			return
		}
		r.limited(func() {
			defer conn.Close()
			stop := context.AfterFunc(r.ctx, func() { conn.Close() })
			defer stop()
			for {
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				msg, err := readFramed(conn)
				if err != nil {
					return
				}
				reply := r.reply("tcp", msg)
				if reply == nil || writeFramed(conn, reply) != nil {
					return
				}
			}
		})
	}
}

// limited runs fn unless too many run already: a flood of queries must not take the lab's memory.
func (r *resolver) limited(fn func()) {
	select {
	case r.slots <- struct{}{}:
		r.wg.Go(func() {
			defer func() { <-r.slots }()
			fn()
		})
	default:
	}
}

func (r *resolver) reply(protocol string, msg []byte) []byte {
	q, err := parseQuestion(msg)
	if err != nil {
		return nil
	}
	if addr, ok := r.names[q.name]; ok {
		return answer(msg, q, addr)
	}
	if addr, ok := (*r.balancers.Load())[q.name]; ok {
		return answer(msg, q, addr)
	}
	if addr, ok := privateName(q.name); ok {
		return answer(msg, q, addr)
	}
	for _, server := range hostServers() {
		if reply, err := forward(r.ctx, protocol, server, msg); err == nil {
			return reply
		}
	}
	return failure(msg, q)
}

func forward(ctx context.Context, protocol, server string, msg []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, dnsTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, protocol, net.JoinHostPort(server, "53"))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if protocol == "tcp" {
		if err := writeFramed(conn, msg); err != nil {
			return nil, err
		}
		return readFramed(conn)
	}
	if _, err := conn.Write(msg); err != nil {
		return nil, err
	}
	buf := make([]byte, 65535)
	n, err := conn.Read(buf)
	return buf[:n], err
}

func readFramed(r io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(r, msg)
	return msg, err
}

func writeFramed(w io.Writer, msg []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...))
	return err
}

// hostServers reads the host's servers each time, as the host may change its network.
func hostServers() []string {
	f, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	defer f.Close()
	var servers []string
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		if fields := strings.Fields(scanner.Text()); len(fields) > 1 && fields[0] == "nameserver" {
			servers = append(servers, fields[1])
		}
	}
	return servers
}
