package workload

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
	"github.com/clusterform/clusterform/planner/resource"
)

var plane controlplane.Shared

func TestMain(m *testing.M) { os.Exit(plane.Main(m)) }

const uid = "0123456789abcdef"

var testKey = []byte("the key of this installation")

// world is one cluster, what is recorded of it, and the run that changes it: it plays the engine's part.
type world struct {
	t         *testing.T
	cp        *controlplane.ControlPlane
	namespace string
	driver    *Driver
	config    *rest.Config

	mu       sync.Mutex
	records  map[resource.Address]*resource.Record
	blobs    map[string][]byte
	intents  []resource.Intent
	said     []string
	launched bool
}

// newWorld has a namespace of its own, in which every pod is played by kubelet unless it is nil.
func newWorld(t *testing.T, kubelet *controlplane.Kubelet) *world {
	t.Helper()
	return newWorldOn(t, plane.Get(t), kubelet)
}

func newWorldOn(t *testing.T, cp *controlplane.ControlPlane, kubelet *controlplane.Kubelet) *world {
	t.Helper()
	w := &world{t: t, cp: cp, namespace: cp.Namespace(t), config: cp.Config, records: map[resource.Address]*resource.Record{}, blobs: map[string][]byte{}}
	w.driver = New(w)
	w.driver.bounds = bounds{patience: 20 * time.Second, delete: 30 * time.Second, ready: 20 * time.Second, poll: 200 * time.Millisecond}
	node := resource.Address("cluster.lab.control_plane[0]")
	w.records[node] = &resource.Record{Object: resource.Object{Address: node, Kind: resource.KindNode, Spec: &resource.Node{}}, Phase: resource.PhaseReady}
	if kubelet != nil {
		k := *kubelet
		k.Node, k.Namespace = "i-"+w.namespace, w.namespace
		cp.Play(t, k)
	}
	return w
}

type fakeClient struct {
	orchestrator.Client
	config *rest.Config
}

func (c *fakeClient) RESTConfig() *rest.Config { return c.config }

func (w *world) Client(context.Context, resource.Runtime, resource.Address) (orchestrator.Client, error) {
	return &fakeClient{config: w.config}, nil
}

func (w *world) ID(ref resource.Ref) (string, bool)                    { return string(ref), true }
func (w *world) Ref(_ resource.Kind, id string) resource.Ref           { return resource.Ref(id) }
func (w *world) Checkpoint(context.Context, ...*resource.Record) error { return nil }
func (w *world) WaitLaunched() bool                                    { return w.launched }

func (w *world) Blob(digest string) ([]byte, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, ok := w.blobs[digest]
	return b, ok
}

func (w *world) Record(a resource.Address) (*resource.Record, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.records[a]
	return r, ok
}

func (w *world) Intend(_ context.Context, list ...resource.Intent) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.intents = append(w.intents, list...)
	return nil
}

func (w *world) Progress(a resource.Address, _ resource.Phase, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
	w.t.Logf("%s: %s", a, text)
}

func (w *world) heard() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.said, "\n")
}

// await returns when a progress line holds the text.
func (w *world) await(text string) {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); !strings.Contains(w.heard(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("%q was not said, only:\n%s", text, w.heard())
		}
	}
}

// desired evaluates workloads and manifests; NS in the text is the world's namespace.
func (w *world) desired(text string) []*resource.Object {
	w.t.Helper()
	text = "cluster \"lab\" {\n  orchestrator = \"kubernetes\"\n  version = \"1.34.4\"\n  region = \"eu-central-1\"\n}\n" + strings.ReplaceAll(text, "NS", w.namespace)
	sources := hclconfig.Sources{Files: []hclconfig.SourceFile{{Path: "main.cluster.hcl", Kind: hclconfig.SourceConfig, Data: []byte(text)}}}
	cfg, diags := hclconfig.Load("/nowhere", hclconfig.Options{Snapshot: &sources, Now: time.Unix(0, 0)})
	d, more := cfg.Evaluate(nil)
	if err := append(diags, more...).Err(); err != nil {
		w.t.Fatal(err)
	}
	if err := kubernetes.Check(d.Clusters[0], d.Workloads, d.Manifests, nil).Err(); err != nil {
		w.t.Fatal(err)
	}
	var out []*resource.Object
	add := func(a hclconfig.Address, s resource.Spec, digest string, data []byte, err error) {
		if err != nil {
			w.t.Fatal(err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.blobs[digest] = data
		out = append(out, &resource.Object{Address: resource.Address(a), Kind: s.Kind(), Cluster: "cluster.lab", UID: uid, Region: "eu-central-1", Spec: s})
	}
	for _, m := range d.Manifests {
		s, c, err := kubernetes.Manifest(d.Clusters[0], m, testKey)
		add(m.Address, s, c.Digest, c.Data, err)
	}
	for _, b := range d.Workloads {
		s, c, err := kubernetes.Workload(d.Clusters[0], b, testKey)
		add(b.Address, s, c.Digest, c.Data, err)
	}
	return out
}

// try applies what the text wants, block by block, and records the outcomes.
func (w *world) try(text string) error {
	w.t.Helper()
	var first error
	for _, o := range w.desired(text) {
		c := resource.Change{Operation: resource.Create, After: o, Generation: 1, Token: "token"}
		if before, ok := w.Record(o.Address); ok {
			c.Operation, c.Before = resource.Update, before
		}
		if err := w.carryOut(w.t.Context(), c); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (w *world) apply(text string) {
	w.t.Helper()
	if err := w.try(text); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) delete(a resource.Address) error {
	w.t.Helper()
	return w.carryOut(w.t.Context(), resource.Change{Operation: resource.Delete, Before: w.records[a]})
}

func (w *world) carryOut(ctx context.Context, c resource.Change) error {
	w.t.Helper()
	reports := 0
	var result resource.Result
	w.driver.Apply(ctx, w, []resource.Change{c}, func(_ int, r resource.Result) { reports, result = reports+1, r })
	if reports != 1 {
		w.t.Fatalf("%d reports", reports)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if result.Record == nil {
		delete(w.records, c.Address())
	} else {
		w.records[c.Address()] = result.Record
	}
	return result.Err
}

// read observes one block.
func (w *world) read(a resource.Address) resource.Observation {
	w.t.Helper()
	list, err := w.driver.Read(w.t.Context(), w, []string{uid}, []*resource.Record{w.records[a]})
	if err != nil || len(list) != 1 {
		w.t.Fatalf("%v, %v", list, err)
	}
	return list[0]
}

// drift is what differs between the record and reality, by object.
func (w *world) drift(a resource.Address) string {
	w.t.Helper()
	o := w.read(a)
	if o.Err != nil || o.Warning != "" {
		w.t.Fatalf("%+v", o)
	}
	if o.Status != resource.Present {
		return string(o.Status)
	}
	var out []string
	for _, f := range resource.DiffObserved(w.records[a].Spec, o.Object.Spec) {
		out = append(out, f.Path)
	}
	if len(out) == 0 && o.Reason != "" {
		w.t.Errorf("nothing differs, and yet: %s", o.Reason)
	}
	return strings.TrimSpace(strings.Join(out, " ") + " " + o.Reason)
}

func want(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in:\n%s", p, text)
		}
	}
}

func web(more string) string {
	return fmt.Sprintf("workload \"web\" {\n  cluster = cluster.lab\n  namespace = \"NS\"\n%s\n}\n", more)
}
