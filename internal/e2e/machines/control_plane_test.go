//go:build linux

package machines_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestControlPlane brings up three control-plane nodes of the previous minor version; one dies and is replaced, and then
// the cluster is upgraded with the workload answering throughout.
func TestControlPlane(t *testing.T) {
	needs(t, previous, current)
	w := newWorld(t, "testdata/web")
	k := &kubernetes{world: w, args: []string{"-var=control_planes=3", "-var=workers=1", "-var=kubernetes=" + previous}}
	k.parts(t, []part{
		{"three nodes begin at once", func(*testing.T) { k.apply(k.args...); k.wantEmpty(k.args...) }},
		{"one of three dies", k.controlPlaneDies},
		{"two minor versions at once are refused", k.skipsVersion},
		{"to the next minor version", func(t *testing.T) { k.upgrade(t, func(args []string) { k.apply(args...) }) }},
		{"destroy leaves nothing", k.destroy},
	})
}

// loneControlPlaneDies takes the power of the only control-plane node: the cluster starts anew, its workers come back, and
// the apply puts its workloads back.
func (k *kubernetes) loneControlPlaneDies(t *testing.T) {
	const victim, worker = "cluster.lab.control_plane[0]", "node_pool.worker[0]"
	before := k.nodes()
	k.run(0, "lab", "kill", victim)
	eventually(t, 2*time.Minute, "the plan replaces the dead node and says what that means", func() error {
		o := k.try(nil, append([]string{"plan"}, k.args...)...)
		for _, want := range []string{victim + " must be replaced", "The control plane starts anew", "node_pool.worker[0, 1] (2 nodes) will be updated in place"} {
			if !strings.Contains(o.stdout+o.stderr, want) {
				return fmt.Errorf("it does not say %q:\n%v", want, o)
			}
		}
		return nil
	})
	k.apply(k.args...)
	nodes := k.nodes()
	if nodes[victim].ID == before[victim].ID || nodes[worker].ID != before[worker].ID {
		t.Errorf("the nodes are %+v, were %+v: want another control plane and the same worker", nodes, before)
	}
	k.wantEtcd(t, nodes)
	pool := k.kubectl(t, "get", "node", nodes[worker].ID, "-o", `jsonpath={.metadata.labels.clusterform\.io/pool} {.metadata.annotations.clusterform\.io/address}`)
	if pool != "worker "+worker {
		t.Errorf("of the worker that came back, the cluster knows %q, want its pool and its address", pool)
	}
	k.answers(t, fmt.Sprintf("http://%s:30080/", nodes[worker].Spec.PublicIP), "hello")
	k.wantEmpty(k.args...)
}

// controlPlaneDies cuts the power of one of three control-plane nodes. The API is asked at the endpoint all the time.
func (k *kubernetes) controlPlaneDies(t *testing.T) {
	const victim = "cluster.lab.control_plane[1]"
	api := k.askAPI(t)
	dead := k.nodes()[victim].ID
	k.run(0, "lab", "kill", victim)
	eventually(t, 2*time.Minute, "the plan replaces the dead node and says why", func() error {
		plan := k.try(nil, append([]string{"plan"}, k.args...)...).stdout
		if !strings.Contains(plan, victim+" must be replaced") || !strings.Contains(plan, "status checks fail") {
			return fmt.Errorf("it says:\n%s", plan)
		}
		return nil
	})
	k.apply(k.args...)
	api.stop(t)
	nodes := k.nodes()
	if nodes[victim].ID == dead {
		t.Errorf("%s was not replaced", victim)
	}
	k.wantEtcd(t, nodes)
	k.wantEmpty(k.args...)
}

// wantEtcd fails unless etcd's members are the control-plane nodes, and all of them vote.
func (k *kubernetes) wantEtcd(t *testing.T, nodes map[string]nodeRecord) {
	t.Helper()
	var want, got []string
	at := ""
	for address, n := range nodes {
		if strings.HasPrefix(address, "cluster.lab.control_plane[") {
			want, at = append(want, n.ID), address
		}
	}
	var list struct {
		Members []struct {
			Name      string `json:"name"`
			IsLearner bool   `json:"isLearner"`
		} `json:"members"`
	}
	const pki = "/etc/kubernetes/pki/etcd/"
	out := k.node(at, "curl", "-sS", "-m", "10", "--cacert", pki+"ca.crt", "--cert", pki+"server.crt", "--key", pki+"server.key",
		"-d", "{}", "https://127.0.0.1:2379/v3/cluster/member/list")
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for _, m := range list.Members {
		if m.IsLearner {
			t.Errorf("%s has no vote in etcd yet", m.Name)
		}
		got = append(got, m.Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("etcd's members are %v, want %v", got, want)
	}
	if health := k.kubectl(t, "get", "--raw", "/readyz/etcd"); health != "ok" {
		t.Errorf("etcd is %q", health)
	}
}

func (k *kubernetes) skipsVersion(t *testing.T) {
	o := k.run(1, append([]string{"plan"}, with(k.args, "kubernetes", "1.35.0")...)...)
	for _, want := range []string{"1.35.0", `Write version = "` + current + `"`} {
		if !strings.Contains(o.stderr, want) {
			t.Errorf("the refusal does not say %q:\n%v", want, o)
		}
	}
}

// upgrade changes the version, which apply carries out: the control plane goes first, one at a time, and then the pool.
func (k *kubernetes) upgrade(t *testing.T, apply func(args []string)) {
	k.set("kubernetes", current)
	before := k.nodes()
	watch := k.watch(before)
	// Asked is a node that stays: the worker while the control plane is replaced, and then one of the new control plane.
	client := k.askAt(t, func() string { return fmt.Sprintf("http://%s:30080/", *watch.front.Load()) })
	apply(k.args)
	client.stop(t)
	watch.stop(t)
	versions := strings.Fields(k.kubectl(t, "get", "nodes", "-o", `jsonpath={range .items[*]}{.status.nodeInfo.kubeletVersion}{" "}{end}`))
	if want := slices.Repeat([]string{"v" + current}, len(before)); !slices.Equal(versions, want) {
		t.Errorf("nodes run %v, want %v", versions, want)
	}
	var server struct {
		ServerVersion struct {
			GitVersion string `json:"gitVersion"`
		} `json:"serverVersion"`
	}
	if err := json.Unmarshal([]byte(k.kubectl(t, "version", "-o", "json")), &server); err != nil || server.ServerVersion.GitVersion != "v"+current {
		t.Errorf("the API is %q (%v), want v%s", server.ServerVersion.GitVersion, err, current)
	}
	nodes := k.nodes()
	for address, n := range nodes {
		if n.ID == before[address].ID {
			t.Errorf("%s was not replaced", address)
		}
	}
	k.wantEtcd(t, nodes)
	proxy := k.kubectl(t, "-n", "kube-system", "get", "daemonset", "kube-proxy", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
	if !strings.HasSuffix(proxy, ":v"+current) {
		t.Errorf("kube-proxy is %s, want it to follow the control plane", proxy)
	}
	k.wantEmpty(k.args...)
}

// with gives a variable another value.
func with(args []string, variable, value string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		if strings.HasPrefix(a, "-var="+variable+"=") {
			out[i] = "-var=" + variable + "=" + value
		}
	}
	return out
}

// watching looks at the instances that run while a cluster is upgraded.
type watching struct {
	front atomic.Pointer[string] // the address to ask at
	quit  chan struct{}
	wg    sync.WaitGroup
	wrong []string
}

const controlPlaneType = "t3.medium"

func (w *world) watch(before map[string]nodeRecord) *watching {
	o := &watching{quit: make(chan struct{})}
	old, members := map[string]bool{}, 0
	for _, n := range before {
		old[n.ID] = true
		if n.Spec.InstanceType == controlPlaneType {
			members++
		}
	}
	worker := before["node_pool.worker[0]"].Spec.PublicIP
	o.front.Store(&worker)
	o.wg.Go(func() {
		for {
			select {
			case <-o.quit:
				return
			case <-time.After(300 * time.Millisecond):
				o.look(w, old, members)
			}
		}
	})
	w.Cleanup(o.end)
	return o
}

func (o *watching) look(w *world, old map[string]bool, members int) {
	all, oldMembers, newWorkers, address := 0, 0, 0, ""
	for _, i := range w.running() {
		is, id := string(i.InstanceType) == controlPlaneType, aws.ToString(i.InstanceId)
		switch {
		case is && old[id]:
			all, oldMembers = all+1, oldMembers+1
		case is:
			all, address = all+1, aws.ToString(i.PublicIpAddress)
		case !old[id]:
			newWorkers++
		}
	}
	if all > members+1 {
		o.wrong = append(o.wrong, fmt.Sprintf("%d control-plane nodes run at once", all))
	}
	if newWorkers > 0 && oldMembers > 0 {
		o.wrong = append(o.wrong, fmt.Sprintf("%d new workers run beside %d old control-plane nodes", newWorkers, oldMembers))
	}
	if all >= members && oldMembers == 0 && address != "" {
		o.front.Store(&address)
	}
}

func (o *watching) end() {
	select {
	case <-o.quit:
	default:
		close(o.quit)
	}
	o.wg.Wait()
}

func (o *watching) stop(t *testing.T) {
	t.Helper()
	o.end()
	if len(o.wrong) > 0 {
		t.Errorf("while it was upgraded: %s", strings.Join(slices.Compact(o.wrong), "; "))
	}
}

// askingAPI asks the cluster's endpoint, as anybody with a kubeconfig does, and notes for how long it did not answer.
type askingAPI struct {
	end     context.CancelFunc
	wg      sync.WaitGroup
	asked   int
	longest time.Duration
	last    string
}

func (k *kubernetes) askAPI(t *testing.T) *askingAPI {
	k.kubectl(t, "get", "--raw", "/readyz")
	ctx, cancel := context.WithCancel(t.Context())
	a := &askingAPI{end: cancel}
	a.wg.Go(func() {
		answered := time.Now()
		for ctx.Err() == nil {
			cmd := exec.CommandContext(ctx, kubectlPath(), "get", "--raw", "/readyz", "--request-timeout=5s")
			cmd.Env = []string{"KUBECONFIG=" + filepath.Join(k.dir, "kubeconfig"), "HOME=" + k.dir}
			out, err := cmd.CombinedOutput()
			if ctx.Err() != nil {
				return
			}
			a.asked++
			if err == nil {
				answered = time.Now()
			} else if since := time.Since(answered); since > a.longest {
				a.longest, a.last = since, string(out)
			}
			select {
			case <-time.After(500 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	t.Cleanup(func() { cancel(); a.wg.Wait() })
	return a
}

// noAnswer is how long the endpoint may need to find out that one of its nodes is dead: the balancer looks every ten seconds.
const noAnswer = 45 * time.Second

func (a *askingAPI) stop(t *testing.T) {
	t.Helper()
	a.end()
	a.wg.Wait()
	t.Logf("the API was asked %d times, and was without an answer for %s at most", a.asked, a.longest.Round(100*time.Millisecond))
	if a.asked < 5 || a.longest > noAnswer {
		t.Errorf("the API, asked %d times, did not answer for %s: %s", a.asked, a.longest, a.last)
	}
}
