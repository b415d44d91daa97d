package network

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// healthLog collects what the balancers report.
type healthLog struct {
	mu    sync.Mutex
	lines []string
}

func (h *healthLog) note(group, id string, port int, healthy bool, _ string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, fmt.Sprintf("%s %s:%d %v", group, id, port, healthy))
}

func (h *healthLog) has(line string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.lines, line)
}

func TestLoadBalancer(t *testing.T) {
	var health healthLog
	b := newBench(t, Options{Lab: "balancer", OnTargetHealth: health.note})
	b.vpc("vpc-1", "10.88")
	b.group("sg-1", "vpc-1", tcp(6443, "10.88.0.0/16"))
	b.apply()
	lb := netip.MustParseAddr("10.88.0.200")
	var targets []api.TargetTopology
	boxes := map[string]*box{}
	for n, id := range []string{"i-a", "i-b", "i-c"} {
		x := b.box(id, "vpc-1", n%2, fmt.Sprintf("10.88.%d.%d", n%2, 20+n), "", "sg-1")
		boxes[id] = x
		targets = append(targets, api.TargetTopology{ID: id, Addr: x.addr, Port: 6443})
	}
	boxes["i-a"].serve(6443)
	stopB := boxes["i-b"].serveUntil(6443)
	client := b.box("i-client", "vpc-1", 1, "10.88.1.50", "", "sg-1")
	listener := api.ListenerTopology{Port: 443, TargetGroupARN: "tg", HealthInterval: 100 * time.Millisecond, Healthy: 2, Unhealthy: 2, Targets: targets}
	b.topology.LoadBalancers = []api.LoadBalancerTopology{{ARN: "lb", Name: "api", DNSName: "API-0123.elb.example.com", VPCID: "vpc-1", Addresses: []netip.Addr{lb}, Listeners: []api.ListenerTopology{listener}}}
	b.apply()

	t.Run("machines resolve its name", func(t *testing.T) {
		if got := lookup(t, client, "api-0123.elb.example.com"); got != lb.String() {
			t.Errorf("the load balancer's name is %q, want %s", got, lb)
		}
	})

	t.Run("health is told as it becomes known", func(t *testing.T) {
		for _, line := range []string{"tg i-a:6443 true", "tg i-b:6443 true", "tg i-c:6443 false"} {
			eventually(t, line, 10*time.Second, func() bool { return health.has(line) })
		}
	})
	t.Run("only healthy targets serve, the host and machines", func(t *testing.T) {
		seen := map[string]bool{}
		for range 20 {
			for _, answer := range []string{ask(lb, 443), client.ask(lb, 443)} {
				id, _, _ := strings.Cut(answer, " ")
				seen[id] = true
			}
		}
		if len(seen) != 2 || !seen["i-a"] || !seen["i-b"] {
			t.Errorf("answers from %v, want i-a and i-b", seen)
		}
	})
	t.Run("the proxy's address is the balancer's own", func(t *testing.T) {
		if got := ask(lb, 443); !strings.HasSuffix(got, " "+lb.String()) {
			t.Errorf("answer %q", got)
		}
	})
	t.Run("no other port answers", func(t *testing.T) {
		if got := ask(lb, 80) + client.ask(lb, 6443); got != "" {
			t.Errorf("answer %q", got)
		}
	})
	t.Run("a target that fails is left out", func(t *testing.T) {
		stopB()
		eventually(t, "unhealthy", 10*time.Second, func() bool { return health.has("tg i-b:6443 false") })
		for range 10 {
			if got := ask(lb, 443); !strings.HasPrefix(got, "i-a ") {
				t.Errorf("answer %q", got)
			}
		}
	})
	t.Run("with no healthy target all are tried", func(t *testing.T) {
		listener.HealthPort = 1 // where nobody listens
		b.topology.LoadBalancers[0].Listeners[0] = listener
		b.apply()
		eventually(t, "unhealthy", 10*time.Second, func() bool { return health.has("tg i-a:6443 false") })
		if got := ask(lb, 443); !strings.HasPrefix(got, "i-a ") {
			t.Errorf("answer %q", got)
		}
	})
	t.Run("a balancer that is gone does not answer", func(t *testing.T) {
		b.topology.LoadBalancers = nil
		b.apply()
		if got := ask(lb, 443); got != "" {
			t.Errorf("answer %q", got)
		}
	})
}

func TestLoadBalancerPassesBothWays(t *testing.T) {
	b := newBench(t, Options{Lab: "halfclose"})
	b.vpc("vpc-1", "10.88")
	b.group("sg-1", "vpc-1", tcp(7, "10.88.0.0/16"))
	b.apply()
	x := b.box("i-a", "vpc-1", 0, "10.88.0.20", "", "sg-1")
	l, err := x.ns.listen(netip.MustParseAddrPort("0.0.0.0:7"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // answers with everything only after the client has said everything
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			data, _ := io.ReadAll(c)
			fmt.Fprintf(c, "got %d bytes", len(data))
			c.Close()
		}
	}()
	lb := netip.MustParseAddr("10.88.0.200")
	b.topology.LoadBalancers = []api.LoadBalancerTopology{{Name: "echo", VPCID: "vpc-1", Addresses: []netip.Addr{lb}, Listeners: []api.ListenerTopology{
		{Port: 7, TargetGroupARN: "tg", HealthInterval: time.Minute, Targets: []api.TargetTopology{{ID: "i-a", Addr: x.addr, Port: 7}}},
	}}}
	b.apply()
	conn, err := net.DialTimeout("tcp4", netip.AddrPortFrom(lb, 7).String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write(make([]byte, 3<<20)); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != "got 3145728 bytes" {
		t.Errorf("answer %q, error %v", got, err)
	}
}

func TestLoadBalancerChecksHTTP(t *testing.T) {
	var health healthLog
	b := newBench(t, Options{Lab: "httpcheck", OnTargetHealth: health.note})
	b.vpc("vpc-1", "10.88")
	b.group("sg-1", "vpc-1", tcp(80, "10.88.0.0/16"))
	b.apply()
	var targets []api.TargetTopology
	for n, status := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		x := b.box(fmt.Sprintf("i-%d", status), "vpc-1", 0, fmt.Sprintf("10.88.0.%d", 20+n), "", "sg-1")
		l, err := x.ns.listen(netip.MustParseAddrPort("0.0.0.0:80"))
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/readyz" {
				status = http.StatusNotFound
			}
			w.WriteHeader(status)
		})}
		go server.Serve(l)
		t.Cleanup(func() { server.Close() })
		targets = append(targets, api.TargetTopology{ID: x.id, Addr: x.addr, Port: 80})
	}
	b.topology.LoadBalancers = []api.LoadBalancerTopology{{Name: "web", VPCID: "vpc-1", Addresses: []netip.Addr{netip.MustParseAddr("10.88.0.200")}, Listeners: []api.ListenerTopology{
		{Port: 80, TargetGroupARN: "tg", HealthInterval: 100 * time.Millisecond, Healthy: 1, Unhealthy: 1, HealthPath: "/readyz", Targets: targets},
	}}}
	b.apply()
	for _, line := range []string{"tg i-200:80 true", "tg i-503:80 false"} {
		eventually(t, line, 10*time.Second, func() bool { return health.has(line) })
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		results string // + success, - failure
		want    string // what is told, and when
	}{
		{"healthy after three", "+++", "..H"},
		{"a failure starts the count again", "++-+++", ".....H"},
		{"unhealthy after two", "--", ".U"},
		{"told once", "+++++", "..H.."},
		{"there and back", "+++--+++", "..H.U..H"},
		{"one failure does not count", "+++-+-+", "..H...."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got strings.Builder
			x := &target{}
			for _, r := range c.results {
				changed, healthy := x.count(r == '+', 3, 2)
				switch {
				case !changed:
					got.WriteByte('.')
				case healthy:
					got.WriteByte('H')
				default:
					got.WriteByte('U')
				}
			}
			if got.String() != c.want {
				t.Errorf("%s gave %s, want %s", c.results, got.String(), c.want)
			}
		})
	}
}

// serveUntil is serve with an end.
func (x *box) serveUntil(port uint16) (stop func()) {
	x.bench.t.Helper()
	l, err := x.ns.listen(netip.AddrPortFrom(netip.IPv4Unspecified(), port))
	if err != nil {
		x.bench.t.Fatal(err)
	}
	x.bench.answer(l, x.id)
	return func() { l.Close() }
}
