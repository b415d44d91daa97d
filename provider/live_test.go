package provider_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
)

// live is a lab whose clusters have a real API: when a control-plane node boots, etcd and the API server of a bundle start
// with the keys that the engine made for it, and every node that boots is a member. Only containers are played.
type live struct {
	*lab
	// front stands for every public address of the lab, which routes nowhere.
	front string

	mu     sync.Mutex
	planes map[string]*controlplane.ControlPlane // by the cluster's UID
	serves string                                // the UID of the one behind front; "" when nobody answers
	leader string                                // its instance
}

// publicAddress is one that the lab gives out.
var publicAddress = regexp.MustCompile(`\b198\.18\.\d+\.\d+\b`)

// startLive starts the lab, without a cluster yet. The test is skipped where there is no Kubernetes to run.
func startLive(t *testing.T) *live {
	t.Helper()
	needKubernetes(t)
	l := &live{front: controlplane.FreeHost(), planes: map[string]*controlplane.ControlPlane{}}
	l.lab = startLabWith(t, api.Options{Machines: &played{t: t, live: l}})
	l.rewrite = func(body []byte) []byte { return publicAddress.ReplaceAll(body, []byte(l.front)) }
	listener, err := net.Listen("tcp", net.JoinHostPort(l.front, "6443"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go l.forward(listener)
	return l
}

// needKubernetes looks for a bundle before machines need it: a start that is called off finds that there is none, or ends.
func needKubernetes(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := controlplane.Start(ctx, controlplane.Options{})
	switch {
	case !errors.Is(err, fs.ErrNotExist):
	case os.Getenv(controlplane.RequireEnv) == "1":
		t.Fatal(err)
	default:
		t.Skipf("no Kubernetes to run: %v", err)
	}
}

// config waits for nodes to be ready, and for workloads.
func (l *live) config(text string) string {
	return strings.Replace(l.lab.config(text), `wait         = "launched"`, `wait         = "ready"`, 1)
}

// plane is the control plane that answers now.
func (l *live) plane(t *testing.T) *controlplane.ControlPlane {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	cp := l.planes[l.serves]
	if cp == nil {
		t.Fatal("no cluster runs")
	}
	return cp
}

func (l *live) forward(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		l.mu.Lock()
		cp := l.planes[l.serves]
		l.mu.Unlock()
		if cp == nil {
			_ = conn.Close()
			continue
		}
		go pipe(conn, net.JoinHostPort(cp.Host, "6443"))
	}
}

func pipe(from net.Conn, address string) {
	defer func() { _ = from.Close() }()
	to, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	go func() {
		_, _ = io.Copy(to, from)
		_ = to.Close()
	}()
	_, _ = io.Copy(from, to)
}

// join makes an instance that runs a member of its cluster.
func (l *live) join(t *testing.T, instance string) {
	tags, err := l.tags(instance)
	if err != nil {
		t.Error(err)
		return
	}
	uid, isLeader := tags["clusterform:cluster"], strings.HasSuffix(tags["clusterform:address"], ".control_plane")
	if isLeader {
		keys := map[string]string{}
		for name, value := range l.parameters(t) {
			if name, ours := strings.CutPrefix(name, "/clusterform/"+uid+"/"); ours {
				keys[name] = value
			}
		}
		cp := controlplane.New(t, controlplane.Options{Parameters: keys})
		l.mu.Lock()
		l.planes[uid], l.serves, l.leader = cp, uid, instance
		l.mu.Unlock()
	}
	deadline := time.Now().Add(time.Minute)
	for {
		l.mu.Lock()
		cp := l.planes[uid]
		l.mu.Unlock()
		if cp != nil {
			cp.Play(t, controlplane.Kubelet{Node: instance, ControlPlane: isLeader})
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s found no control plane to join", instance)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (l *live) tags(instance string) (map[string]string, error) {
	out, err := l.client().DescribeTags(context.Background(), &ec2.DescribeTagsInput{Filters: []types.Filter{
		{Name: aws.String("resource-id"), Values: []string{instance}},
	}})
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, tag := range out.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags, nil
}

// leave ends the API with its node.
func (l *live) leave(instance string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if instance == l.leader {
		l.serves, l.leader = "", ""
	}
}

// played are machines of which nothing is real but their being there.
type played struct {
	t    *testing.T
	live *live
}

var _ api.Machines = (*played)(nil)

func (p *played) Launch(_ context.Context, m api.Machine) error {
	go p.live.join(p.t, m.InstanceID)
	return nil
}

func (p *played) Terminate(_ context.Context, instance string) error {
	p.live.leave(instance)
	return nil
}

func (*played) Start(context.Context, api.Machine) error           { return nil }
func (*played) Stop(context.Context, string, bool) error           { return nil }
func (*played) Reboot(context.Context, string) error               { return nil }
func (*played) Console(context.Context, string) ([]byte, error)    { return nil, nil }
func (*played) Network(context.Context, api.Topology) error        { return nil }
func (*played) Reach(_ string, addr netip.Addr) (netip.Addr, bool) { return addr, true }
