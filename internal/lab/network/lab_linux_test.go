package network

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/internal/lab/machine/hostcheck"
	"github.com/clusterform/clusterform/internal/lab/machine/require"
)

// needNetwork skips a test on a host where namespaces cannot be made, unless that is demanded.
func needNetwork(t *testing.T) {
	t.Helper()
	err := require.Check()
	if err == nil {
		return
	}
	if os.Getenv("CLUSTERFORM_REQUIRE_MACHINES") == "1" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// bench is a network with namespaces in place of machines: sockets in them say what a machine could reach.
type bench struct {
	*Network
	t        *testing.T
	topology api.Topology
}

var anywhere = netip.MustParsePrefix("0.0.0.0/0")

// newBench makes the network of a lab. These tests share the host, so they do not run in parallel.
func newBench(t *testing.T, opts Options) *bench {
	t.Helper()
	needNetwork(t)
	hostcheck.Guard(t)
	opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	n, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if err := Sweep(context.Background(), opts.Lab); err != nil {
			t.Error(err)
		}
	})
	if err := n.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &bench{Network: n, t: t}
}

// vpc adds a VPC with two subnets, PREFIX.0.0/24 with a way to the Internet and PREFIX.1.0/24 without.
func (b *bench) vpc(id, prefix string) {
	v := api.VPCTopology{ID: id, CIDR: netip.MustParsePrefix(prefix + ".0.0/16")}
	for n := range 2 {
		p := netip.MustParsePrefix(fmt.Sprintf("%s.%d.0/24", prefix, n))
		v.Subnets = append(v.Subnets, api.SubnetTopology{ID: fmt.Sprintf("%s-%d", id, n), CIDR: p, Gateway: p.Addr().Next(), Internet: n == 0})
	}
	b.topology.VPCs = append(b.topology.VPCs, v)
}

func (b *bench) group(id, vpc string, ingress ...api.RuleTopology) {
	b.topology.Groups = append(b.topology.Groups, api.GroupTopology{ID: id, VPCID: vpc, Ingress: ingress, Egress: []api.RuleTopology{{Protocol: "-1", Peer: anywhere}}})
}

func tcp(port int, peer string) api.RuleTopology {
	return api.RuleTopology{Protocol: "tcp", FromPort: port, ToPort: port, Peer: netip.MustParsePrefix(peer)}
}

func (b *bench) apply() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	if err := b.Apply(ctx, b.topology); err != nil {
		b.t.Fatal(err)
	}
}

// box is the network namespace of a machine that is none.
type box struct {
	bench *bench
	id    string
	ns    *namespace
	addr  netip.Addr
}

// box attaches one and adds its interface to the topology.
func (b *bench) box(id, vpc string, subnet int, addr, public string, groups ...string) *box {
	b.t.Helper()
	i := api.InterfaceTopology{
		ID: "eni-" + id, InstanceID: id, VPCID: vpc, SubnetID: fmt.Sprintf("%s-%d", vpc, subnet), SourceDestCheck: true,
		MAC: fmt.Sprintf("02:00:00:00:00:%02x", len(b.topology.Interfaces)+1), PrivateIP: netip.MustParseAddr(addr), Groups: groups,
	}
	if public != "" {
		i.PublicIP = netip.MustParseAddr(public)
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	_, err := b.Attach(ctx, api.Machine{InstanceID: id, VPCID: vpc, SubnetID: i.SubnetID, MAC: i.MAC, PrivateIP: i.PrivateIP})
	if err != nil {
		b.t.Fatal(err)
	}
	ns, err := openNamespace(namespaceName(b.opts.Lab, id))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(ns.close)
	b.topology.Interfaces = append(b.topology.Interfaces, i)
	return &box{bench: b, id: id, ns: ns, addr: i.PrivateIP}
}

func (b *bench) iface(id string) *api.InterfaceTopology {
	for n := range b.topology.Interfaces {
		if b.topology.Interfaces[n].InstanceID == id {
			return &b.topology.Interfaces[n]
		}
	}
	b.t.Fatalf("no interface of %s", id)
	return nil
}

// serve answers each connection to a port with the listener's name and the address it came from.
func (x *box) serve(port uint16) {
	x.bench.t.Helper()
	l, err := x.ns.listen(netip.AddrPortFrom(netip.IPv4Unspecified(), port))
	if err != nil {
		x.bench.t.Fatal(err)
	}
	x.bench.answer(l, x.id)
}

func (b *bench) answer(l net.Listener, name string) {
	b.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintf(c, "%s %s", name, c.RemoteAddr().(*net.TCPAddr).IP)
			c.Close()
		}
	}()
}

// noAnswer is longer than anything takes on one host and short enough to wait for what must not come.
const noAnswer = 500 * time.Millisecond

// ask connects to an address and returns the answer, or "" when there is none.
func (x *box) ask(to netip.Addr, port uint16) string {
	var answer string
	_ = x.ns.do(func() error {
		answer = ask(to, port)
		return nil
	})
	return answer
}

func ask(to netip.Addr, port uint16) string {
	conn, err := net.DialTimeout("tcp4", netip.AddrPortFrom(to, port).String(), noAnswer)
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	data, _ := io.ReadAll(conn)
	return string(data)
}

// get fetches a URL from inside the box.
func (x *box) get(method, url string, header http.Header) (status int, body string, err error) {
	err = x.ns.do(func() error {
		conn, err := net.DialTimeout("tcp4", strings.SplitN(strings.TrimPrefix(url, "http://"), "/", 2)[0]+":80", noAnswer)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
		client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }, DisableKeepAlives: true}}
		req, err := http.NewRequest(method, url, nil)
		if err != nil {
			return err
		}
		req.Header = header
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		status, body = resp.StatusCode, string(data)
		return err
	})
	return status, body, err
}

func eventually(t *testing.T, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// dialOnce gives a resolver a socket that was made inside a namespace.
func dialOnce(conn net.Conn) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return conn, nil }
}
