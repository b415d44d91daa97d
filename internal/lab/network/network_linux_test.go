package network

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/lab/api"
)

func TestSecurityGroups(t *testing.T) {
	b := newBench(t, Options{Lab: "groups"})
	b.vpc("vpc-1", "10.88")
	b.group("sg-web", "vpc-1", tcp(80, "0.0.0.0/0"))
	b.group("sg-node", "vpc-1", api.RuleTopology{Protocol: "-1", Group: "sg-node"}, tcp(22, "10.88.0.11/32"))
	b.apply()
	web := b.box("i-web", "vpc-1", 0, "10.88.0.11", "", "sg-web")
	one := b.box("i-one", "vpc-1", 0, "10.88.0.12", "", "sg-node")
	two := b.box("i-two", "vpc-1", 1, "10.88.1.13", "", "sg-node")
	for _, x := range []*box{web, one, two} {
		for _, port := range []uint16{22, 80, 8080} {
			x.serve(port)
		}
	}

	t.Run("an interface that no topology names yet receives nothing", func(t *testing.T) {
		if got := one.ask(web.addr, 80); got != "" {
			t.Errorf("answer %q", got)
		}
	})
	b.apply()
	for _, c := range []struct {
		name string
		from *box
		to   *box
		port uint16
		want bool
	}{
		{"open to all, from a neighbour", one, web, 80, true},
		{"open to all, from another subnet", two, web, 80, true},
		{"another port of the same machine", one, web, 8080, false},
		{"members of one group across subnets", one, two, 8080, true},
		{"and the other way", two, one, 8080, true},
		{"a machine of another group in the same subnet", web, one, 8080, false},
		{"the one address that a rule names", web, one, 22, true},
		{"its group is not named by that rule", web, two, 80, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := ""
			if c.want {
				want = fmt.Sprintf("%s %s", c.to.id, c.from.addr)
			}
			if got := c.from.ask(c.to.addr, c.port); got != want {
				t.Errorf("%s → %s:%d answered %q, want %q", c.from.id, c.to.addr, c.port, got, want)
			}
		})
	}
	t.Run("the host is an outside address", func(t *testing.T) {
		if got, want := ask(web.addr, 80), "i-web "+b.HostAddr().String(); got != want {
			t.Errorf("port 80 answered %q, want %q", got, want)
		}
		if got := ask(one.addr, 8080); got != "" {
			t.Errorf("a port for members only answered %q", got)
		}
	})
	t.Run("a rule counts as soon as it is applied", func(t *testing.T) {
		b.topology.Groups[0].Ingress = append(b.topology.Groups[0].Ingress, tcp(8080, "10.88.0.0/16"))
		b.apply()
		if got := one.ask(web.addr, 8080); got == "" {
			t.Error("no answer with the rule")
		}
		b.topology.Groups[0].Ingress = b.topology.Groups[0].Ingress[:1]
		b.apply()
		if got := one.ask(web.addr, 8080); got != "" {
			t.Errorf("answer %q without the rule", got)
		}
	})
	t.Run("without egress rules nothing goes out, and answers do", func(t *testing.T) {
		egress := b.topology.Groups[0].Egress
		b.topology.Groups[0].Egress = nil
		b.apply()
		if got := web.ask(one.addr, 22); got != "" {
			t.Errorf("went out: %q", got)
		}
		if got := one.ask(web.addr, 80); got == "" {
			t.Error("no answer to what came in")
		}
		b.topology.Groups[0].Egress = egress
		b.apply()
	})
	t.Run("a source address that is not the machine's own is dropped", func(t *testing.T) {
		if err := ipBatch(t.Context(), web.ns.name, "addr add 10.88.0.99/32 dev "+Device); err != nil {
			t.Fatal(err)
		}
		var dialErr error
		_ = web.ns.do(func() error {
			d := net.Dialer{Timeout: noAnswer, LocalAddr: &net.TCPAddr{IP: net.IPv4(10, 88, 0, 99)}}
			_, dialErr = d.Dial("tcp4", "10.88.0.12:22")
			return nil
		})
		if dialErr == nil {
			t.Error("connected with a borrowed address")
		}
	})
	t.Run("a machine that is cut reaches nobody and nobody reaches it", func(t *testing.T) {
		b.iface("i-web").Cut = true
		b.apply()
		if got := one.ask(web.addr, 80) + web.ask(one.addr, 22) + ask(web.addr, 80); got != "" {
			t.Errorf("answers %q", got)
		}
		b.iface("i-web").Cut = false
		b.apply()
		if got := one.ask(web.addr, 80); got == "" {
			t.Error("no answer after the cut")
		}
	})
}

func TestWaysOut(t *testing.T) {
	b := newBench(t, Options{Lab: "waysout"})
	b.vpc("vpc-1", "10.88")
	b.vpc("vpc-2", "10.89")
	for _, vpc := range []string{"vpc-1", "vpc-2"} {
		b.group("sg-"+vpc, vpc, api.RuleTopology{Protocol: "-1", Peer: anywhere})
	}
	b.apply()
	open := b.box("i-open", "vpc-1", 0, "10.88.0.11", "", "sg-vpc-1")
	private := b.box("i-private", "vpc-1", 1, "10.88.1.11", "", "sg-vpc-1")
	public := b.box("i-public", "vpc-1", 0, "10.88.0.12", "198.18.0.12", "sg-vpc-1")
	other := b.box("i-other", "vpc-2", 0, "10.89.0.11", "198.18.0.13", "sg-vpc-2")
	b.apply()
	for _, x := range []*box{open, private, public, other} {
		x.serve(80)
	}
	outside := outsideAddr(t)
	port := listenOnHost(t, b, outside)
	lab := listenOnHost(t, b, b.HostAddr())

	t.Run("with a way to the Internet, translated", func(t *testing.T) {
		if got := open.ask(outside, port); !strings.HasPrefix(got, "host 198.19.") {
			t.Errorf("answer %q", got)
		}
	})
	t.Run("without one, nothing leaves the VPC", func(t *testing.T) {
		if got := private.ask(outside, port); got != "" {
			t.Errorf("answer %q", got)
		}
		if got := private.ask(open.addr, 80); got == "" {
			t.Error("the VPC itself is not reachable")
		}
	})
	t.Run("every subnet reaches the lab's address", func(t *testing.T) {
		if got := private.ask(b.HostAddr(), lab); got == "" {
			t.Error("no answer")
		}
	})
	t.Run("a public address answers from the host", func(t *testing.T) {
		if got, want := ask(netip.MustParseAddr("198.18.0.12"), 80), "i-public "+b.HostAddr().String(); got != want {
			t.Errorf("answer %q, want %q", got, want)
		}
	})
	t.Run("its machine is known outside by it", func(t *testing.T) {
		if got, want := public.ask(outside, port), "host 198.18.0.12"; got != want {
			t.Errorf("answer %q, want %q", got, want)
		}
	})
	t.Run("it answers a neighbour, and another VPC", func(t *testing.T) {
		if got := open.ask(netip.MustParseAddr("198.18.0.12"), 80); !strings.HasPrefix(got, "i-public ") {
			t.Errorf("neighbour got %q", got)
		}
		if got, want := other.ask(netip.MustParseAddr("198.18.0.12"), 80), "i-public 198.18.0.13"; got != want {
			t.Errorf("other VPC got %q, want %q", got, want)
		}
	})
	t.Run("whoever comes through it is not a member of a group", func(t *testing.T) {
		b.topology.Groups[0].Ingress = []api.RuleTopology{{Protocol: "-1", Group: "sg-vpc-1"}}
		b.apply()
		if got := open.ask(netip.MustParseAddr("198.18.0.12"), 80); got != "" {
			t.Errorf("answer %q", got)
		}
		if got := open.ask(public.addr, 80); got == "" {
			t.Error("no answer at the private address")
		}
		b.topology.Groups[0].Ingress = []api.RuleTopology{{Protocol: "-1", Peer: anywhere}}
		b.apply()
	})
	t.Run("VPCs do not reach one another", func(t *testing.T) {
		if got := open.ask(other.addr, 80) + other.ask(open.addr, 80); got != "" {
			t.Errorf("answer %q", got)
		}
	})
	t.Run("cluster and link-local ranges do not leave", func(t *testing.T) {
		for _, addr := range []string{"10.96.0.10", "10.244.1.2", "169.254.10.10"} {
			// The host answers at each: whatever leaves is heard, and goes no further.
			if err := ipBatch(t.Context(), "", "addr add "+addr+"/32 dev "+bridgeName("waysout")); err != nil {
				t.Fatal(err)
			}
			port := listenOnHost(t, b, netip.MustParseAddr(addr))
			if got := open.ask(netip.MustParseAddr(addr), port); got != "" {
				t.Errorf("%s answered %q", addr, got)
			}
		}
	})
	t.Run("names", func(t *testing.T) {
		for name, want := range map[string]string{"registry.lab": b.HostAddr().String(), "ip-10-88-0-12.lab-1.compute.internal": "10.88.0.12"} {
			if got := lookup(t, open, name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
	t.Run("a VPC that is no longer named is gone", func(t *testing.T) {
		if err := b.Detach(t.Context(), "i-other"); err != nil {
			t.Fatal(err)
		}
		b.topology.VPCs, b.topology.Interfaces = b.topology.VPCs[:1], b.topology.Interfaces[:3]
		b.apply()
		if _, err := openNamespace(namespaceName("waysout", "vpc-2")); err == nil {
			t.Error("its namespace is still there")
		}
		if got := open.ask(public.addr, 80); got == "" {
			t.Error("the other VPC does not work any more")
		}
	})
}

func TestRangeThatCollides(t *testing.T) {
	b := newBench(t, Options{Lab: "collide"})
	host := outsideAddr(t) // a range of the host's own, 10.66 twice
	p, err := host.Prefix(16)
	if err != nil {
		t.Fatal(err)
	}
	a := p.Masked().Addr().As4()
	b.vpc("vpc-1", fmt.Sprintf("%d.%d", a[0], a[1]))
	b.vpc("vpc-2", "10.66")
	b.vpc("vpc-3", "10.66")
	for _, vpc := range []string{"vpc-1", "vpc-2", "vpc-3"} {
		b.group("sg-"+vpc, vpc, tcp(80, "0.0.0.0/0"))
	}
	b.apply()
	said := b.Collisions()
	if len(said) != 2 || !strings.Contains(said["vpc-1"], "collides with") || !strings.Contains(said["vpc-3"], "vpc-2") {
		t.Errorf("collisions %q, want vpc-1 with the host's network and vpc-3 with vpc-2", said)
	}
	for n, vpc := range []string{"vpc-1", "vpc-2", "vpc-3"} {
		addr := nth(b.topology.VPCs[n].CIDR, 77)
		x := b.box("i-"+vpc, vpc, 0, addr.String(), "", "sg-"+vpc)
		b.apply()
		x.serve(80)
		at, ok := b.Reach(vpc, addr)
		if !ok {
			t.Fatalf("%s: no way to %s", vpc, addr)
		}
		if got, want := ask(at, 80), fmt.Sprintf("i-%s %s", vpc, b.HostAddr()); got != want {
			t.Errorf("%s is reached as %s: answer %q, want %q", addr, at, got, want)
		}
		if (at == addr) != (vpc == "vpc-2") {
			t.Errorf("%s is reached as %s", addr, at)
		}
	}
}

func TestRangeThatCannotBe(t *testing.T) {
	b := newBench(t, Options{Lab: "cannot"})
	b.topology.VPCs = []api.VPCTopology{{ID: "vpc-1", CIDR: netip.PrefixFrom(b.HostAddr(), 20).Masked()}, {ID: "vpc-2", CIDR: netip.MustParsePrefix("10.88.0.0/16")}}
	err := b.Apply(t.Context(), b.topology)
	if err == nil || !strings.Contains(err.Error(), "vpc-1") || !strings.Contains(err.Error(), "the lab's own addresses") {
		t.Errorf("error %v does not say that vpc-1 takes the lab's own addresses", err)
	}
	if _, ok := b.Reach("vpc-2", netip.MustParseAddr("10.88.0.1")); !ok {
		t.Error("the other VPC was not made")
	}
}

func TestMetadata(t *testing.T) {
	b := newBench(t, Options{
		Lab: "metadata",
		Metadata: func(w http.ResponseWriter, r *http.Request, id string) {
			fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, id)
		},
		HopLimit: func(id string) int { return map[string]int{"i-two": 2}[id] },
	})
	b.vpc("vpc-1", "10.88")
	b.vpc("vpc-2", "10.66")
	b.apply()
	one := b.box("i-one", "vpc-1", 0, "10.88.0.11", "")
	two := b.box("i-two", "vpc-2", 1, "10.66.1.11", "")
	b.apply()
	for _, x := range []*box{one, two} {
		if _, body, err := x.get("PUT", "http://169.254.169.254/latest/api/token", nil); err != nil || body != "PUT /latest/api/token "+x.id {
			t.Errorf("%s: %q, %v", x.id, body, err)
		}
	}
	// Also a host that is told to look there gets nothing.
	if err := ipBatch(t.Context(), "", fmt.Sprintf("route add %s/32 via %s dev %s", metadataAddr, b.vpcs["vpc-1"].link, bridgeName("metadata"))); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.DialTimeout("tcp4", netip.AddrPortFrom(metadataAddr, 80).String(), noAnswer); err == nil {
		conn.Close()
		t.Error("the metadata service accepts the host")
	}
	if got := ask(nth(b.topology.VPCs[0].CIDR, 1), 80); got != "" {
		t.Errorf("the gateway answered the host: %q", got)
	}

	// A pod: a namespace behind the machine, one hop further, with the node's address outside.
	for _, c := range []struct {
		node *box
		want bool
	}{{one, false}, {two, true}} {
		pod := c.node.pod(t)
		_, body, err := pod.get("PUT", "http://169.254.169.254/latest/api/token", nil)
		if (err == nil) != c.want {
			t.Errorf("a pod on %s asked for a token: %q, %v; want an answer: %v", c.node.id, body, err, c.want)
		}
		if _, body, err := pod.get("GET", "http://169.254.169.254/latest/meta-data", nil); err != nil {
			t.Errorf("a pod on %s without a token: %q, %v; only the answer with the token has a limit", c.node.id, body, err)
		}
	}
}

// pod makes a namespace behind a machine, as a container network does.
func (x *box) pod(t *testing.T) *box {
	t.Helper()
	name := x.ns.name + ".pod"
	ns, err := createNamespace(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ns.close()
		if err := deleteNamespace(name); err != nil {
			t.Error(err)
		}
	})
	for _, step := range []error{
		ipBatch(t.Context(), x.ns.name, "link add pod0 type veth peer name eth0 netns "+name, "addr add 10.244.0.1/24 dev pod0", "link set pod0 up"),
		ipBatch(t.Context(), name, "addr add 10.244.0.2/24 dev eth0", "link set eth0 up", "route add default via 10.244.0.1"),
		x.ns.sysctl(map[string]string{"ipv4/ip_forward": "1"}),
		x.ns.nft(t.Context(), "table ip pod {\nchain out {\ntype nat hook postrouting priority srcnat\noifname "+Device+" masquerade\n}\n}\n"),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	return &box{bench: x.bench, id: x.id + "-pod", ns: ns}
}

// outsideAddr is an address of the host that is not the lab's; to a machine it is as far away as the Internet.
func outsideAddr(t *testing.T) netip.Addr {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() && !benchmarkRange.Contains(p.Addr()) && p.Addr().IsGlobalUnicast() {
			return p.Addr()
		}
	}
	t.Skip("this host has no address but the loopback's")
	return netip.Addr{}
}

func listenOnHost(t *testing.T, b *bench, addr netip.Addr) uint16 {
	t.Helper()
	l, err := net.Listen("tcp4", netip.AddrPortFrom(addr, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	b.answer(l, "host")
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

func lookup(t *testing.T, x *box, name string) string {
	t.Helper()
	var found []string
	err := x.ns.do(func() error {
		conn, err := net.Dial("udp4", netip.AddrPortFrom(resolverAddr, 53).String())
		if err != nil {
			return err
		}
		r := net.Resolver{PreferGo: true, Dial: dialOnce(conn)}
		addrs, err := r.LookupNetIP(t.Context(), "ip4", name+".")
		for _, a := range addrs {
			found = append(found, a.String())
		}
		return err
	})
	if err != nil {
		t.Errorf("look up %s: %v", name, err)
	}
	return strings.Join(found, " ")
}
