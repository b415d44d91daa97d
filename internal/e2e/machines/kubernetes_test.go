//go:build linux

package machines_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	current  = "1.34.4"
	previous = "1.33.13"
)

// TestKubernetes brings up one control-plane node and two workers from nothing, and takes the cluster through its life. Its
// parts build on one another.
func TestKubernetes(t *testing.T) {
	needs(t, previous, current)
	w := newWorld(t, "testdata/web")
	w.add("testdata/sidecar")
	w.add("testdata/busy")
	k := &kubernetes{world: w, args: []string{"-var=kubernetes=" + previous, "-var=instance_type=t3.large"}}
	k.parts(t, []part{
		{"from nothing to answering", k.fromNothing},
		{"pods reach one another across nodes and by name", k.acrossNodes},
		{"nothing secret is seen", func(t *testing.T) { k.secrets(t, 4, k.args...) }},
		{"commands on a running cluster", k.commands},
		{"a pool grows and shrinks", k.scale},
		{"load has made a workload grow", k.grown},
		{"to the next minor version and to larger instances, killed in the middle", k.upgradeAndRoll},
		{"a worker loses power, and two new nodes cannot join", k.powerLoss},
		{"the only control-plane node dies", k.loneControlPlaneDies},
		{"destroy leaves nothing", k.destroy},
	})
}

// kubernetes is a world with kubectl.
type kubernetes struct {
	*world
	args []string // the variables as they are now
	busy *load    // of workload.busy, once it began
}

// set gives a variable of the configuration another value.
func (k *kubernetes) set(variable, value string) {
	k.args = with(k.args, variable, value)
}

// add copies more files beside the configuration.
func (w *world) add(dir string) {
	w.Helper()
	if err := os.CopyFS(w.config(), os.DirFS(dir)); err != nil {
		w.Fatal(err)
	}
}

func kubectlPath() string {
	return filepath.Join(cacheDir(), "bundles", "kubernetes-"+current+"-amd64", "files", "kubectl")
}

// kubectl runs the bundle's kubectl with our kubeconfig.
func (k *kubernetes) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := k.tryKubectl(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// tryKubectl is kubectl for what may fail.
func (k *kubernetes) tryKubectl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	file := filepath.Join(k.dir, "kubeconfig")
	if _, err := os.Stat(file); err != nil {
		k.run(0, "kubeconfig", "-file="+file)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, kubectlPath(), args...)
	cmd.Env = []string{"KUBECONFIG=" + file, "HOME=" + k.dir}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

func (k *kubernetes) fromNothing(t *testing.T) {
	k.apply(k.args...)
	k.wantEmpty(k.args...)
	ready := strings.Fields(k.kubectl(t, "get", "nodes", "-o", `jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{" "}{end}`))
	if want := []string{"True", "True", "True"}; !slices.Equal(ready, want) {
		t.Errorf("nodes are ready: %v, want %v", ready, want)
	}
	k.kubectl(t, "-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=30s")
	for address, n := range k.nodes() {
		if strings.HasPrefix(address, "node_pool.") {
			k.answers(t, fmt.Sprintf("http://%s:30080/", n.Spec.PublicIP), "hello")
		}
	}
	if on := k.nodesOf(t, "web"); len(on) != 2 {
		t.Errorf("the three replicas are on %v, want them spread over both workers", on)
	}
	status := k.run(0, "status").stdout
	for _, want := range []string{"cluster.lab", "node_pool.worker[1]", "workload.web", "3/3"} {
		if !strings.Contains(status, want) {
			t.Errorf("status does not say %q:\n%s", want, status)
		}
	}
}

// pods of a workload, as far as the tests look at them.
type pods struct {
	Items []pod `json:"items"`
}

type pod struct {
	Spec struct {
		NodeName string `json:"nodeName"`
	} `json:"spec"`
	Status struct {
		PodIP      string `json:"podIP"`
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
	} `json:"status"`
}

func (p pod) ready() bool {
	for _, c := range p.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True"
		}
	}
	return false
}

func (k *kubernetes) pods(t *testing.T, workload string) pods {
	t.Helper()
	var p pods
	out := k.kubectl(t, "get", "pods", "-l", "app.kubernetes.io/name="+workload, "--field-selector=status.phase=Running", "-o", "json")
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// nodesOf are the nodes that run a workload's pods.
func (k *kubernetes) nodesOf(t *testing.T, workload string) []string {
	var on []string
	for _, p := range k.pods(t, workload).Items {
		on = append(on, p.Spec.NodeName)
	}
	slices.Sort(on)
	return slices.Compact(on)
}

func (k *kubernetes) acrossNodes(t *testing.T) {
	beside := k.pods(t, "beside").Items
	if len(beside) != 2 || beside[0].Spec.NodeName == beside[1].Spec.NodeName {
		t.Fatalf("workload.beside is not on both nodes: %+v", beside)
	}
	from := k.nodeOf(t, beside[0].Spec.NodeName)
	ask := func(url string) string {
		return k.node(from, "curl", "-sS", "-m", "5", "--retry", "3", "--retry-connrefused", fmt.Sprintf("http://%s:8080/?get=%s", beside[0].Status.PodIP, url))
	}
	if got := ask("http://" + beside[1].Status.PodIP + ":8080/"); !strings.Contains(got, beside[1].Status.PodIP) {
		t.Errorf("from pod to pod on the other node: %q", got)
	}
	eventually(t, 30*time.Second, "the pod on the other node answers by the DNS name", func() error {
		if got := ask("http://beside.default.svc.cluster.local/"); !strings.Contains(got, beside[1].Status.PodIP) {
			return fmt.Errorf("it says %q", got)
		}
		return nil
	})
	// A process in the network of a pod, with the tools of the node: it gets no token of the metadata service.
	inPod := func(args ...string) outcome {
		const enter = `for p in /proc/[0-9]*; do [ "$(cat $p/comm 2>/dev/null)" = hello ] && break; done; exec nsenter -t ${p#/proc/} -n curl -sS -m 3 "$@"`
		return k.try(nil, append([]string{"lab", "exec", from, "--", "sh", "-c", enter, "sh"}, args...)...)
	}
	if o := inPod("http://127.0.0.1:8080/"); !strings.Contains(o.stdout, "hello") {
		t.Errorf("this is not the network of a pod: %v", o)
	}
	if o := inPod("-X", "PUT", "-H", "X-aws-ec2-metadata-token-ttl-seconds: 60", "http://169.254.169.254/latest/api/token"); o.code == 0 {
		t.Errorf("a pod gets a token of the metadata service: %v", o)
	}
}

// nodeOf is the address of an instance.
func (w *world) nodeOf(t *testing.T, instance string) string {
	t.Helper()
	for address, n := range w.nodes() {
		if n.ID == instance {
			return address
		}
	}
	t.Fatalf("no node is recorded for %s", instance)
	return ""
}

// scale also begins the load that grown looks at: an autoscaler needs its time.
func (k *kubernetes) scale(t *testing.T) {
	k.busy = k.load(fmt.Sprintf("http://%s:30081/", k.nodes()["cluster.lab.control_plane[0]"].Spec.PublicIP))
	more := append([]string{"-var=workers=3"}, k.args...)
	k.apply(more...)
	if n := len(k.nodes()); n != 4 {
		t.Errorf("%d nodes after growing, want 4", n)
	}
	k.wantEmpty(more...)
	k.apply(k.args...)
	if n := len(strings.Fields(k.kubectl(t, "get", "nodes", "-o", "name"))); n != 3 {
		t.Errorf("%d nodes are members after shrinking, want 3", n)
	}
	k.wantEmpty(k.args...)
}

// grown sees that an autoscaler has added replicas, and that these are no drift.
func (k *kubernetes) grown(t *testing.T) {
	eventually(t, 4*time.Minute, "three replicas share the load", func() error {
		ready := k.kubectl(t, "get", "deployment", "busy", "-o", "jsonpath={.status.readyReplicas}")
		if ready == "3" {
			return nil
		}
		used, err := k.tryKubectl(t, "top", "pods") // metrics come a minute after their server
		if err != nil {
			used = err.Error()
		}
		return fmt.Errorf("%s are ready:\n%s%s", ready, k.kubectl(t, "describe", "hpa", "busy"), used)
	})
	k.wantEmpty(k.args...)
	status := k.run(0, "status").stdout
	if !slices.ContainsFunc(strings.Split(status, "\n"), func(line string) bool {
		return strings.Contains(line, "workload.busy") && strings.Contains(line, "3/3")
	}) {
		t.Errorf("status does not say that three replicas of workload.busy are ready:\n%s", status)
	}
	for _, p := range k.pods(t, "busy").Items {
		eventually(t, 2*time.Minute, "metrics of "+p.Spec.NodeName, func() error {
			used, err := k.tryKubectl(t, "top", "node", p.Spec.NodeName, "--no-headers")
			if err == nil && !strings.Contains(used, p.Spec.NodeName) {
				err = fmt.Errorf("the metrics are %q", used)
			}
			return err
		})
	}
	k.busy.end()
}

// upgradeAndRoll changes the version and the instances of the pool in one apply, which dies when the first replacement, of
// the only control-plane node, is under way: its successor joins before it goes.
func (k *kubernetes) upgradeAndRoll(t *testing.T) {
	before := k.nodes()
	k.set("instance_type", "t3.xlarge")
	k.upgrade(t, func(args []string) {
		k.killWhen(t, func() bool { return len(k.running()) > len(before) }, append([]string{"apply", "-auto-approve"}, args...)...)
		k.apply(args...)
	})
	for address, n := range k.nodes() {
		if strings.HasPrefix(address, "node_pool.") && n.Spec.InstanceType != "t3.xlarge" {
			t.Errorf("%s is a %s, want a t3.xlarge", address, n.Spec.InstanceType)
		}
	}
	if n := len(strings.Fields(k.kubectl(t, "get", "nodes", "-o", "name"))); n != 3 {
		t.Errorf("%d nodes are members, want 3", n)
	}
}

func (k *kubernetes) destroy(t *testing.T) {
	o := k.run(0, "destroy", "-auto-approve")
	t.Logf("destroy took %s", o.took)
	if left := k.leftovers(t); len(left) > 0 {
		t.Errorf("destroy left:\n%s", strings.Join(left, "\n"))
	}
}
