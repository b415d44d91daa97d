package provider_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestDrainAction moves the work of a node away, and tells of it.
func TestDrainAction(t *testing.T) {
	t.Parallel()
	l := startLive(t)
	w, _ := liveWorkspace(t, l)
	w.run(0, "apply", "-auto-approve")
	api := l.plane(t).Client.CoreV1()
	pods, err := api.Pods("default").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(pods.Items) == 0 {
		t.Fatalf("no pod runs: %v", err)
	}
	node := pods.Items[0].Spec.NodeName

	n := l.newer(t)
	_, diags := n.invoke("clusterform_drain", map[string]string{"cluster": "us-east-1/lab", "node": node, "timeout": "1m"})
	n.fine(diags)
	if drained, err := api.Nodes().Get(t.Context(), node, metav1.GetOptions{}); err != nil || !drained.Spec.Unschedulable {
		t.Errorf("the node takes new work: %v", err)
	}
	left, err := api.Pods("default").List(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil || slices.ContainsFunc(left.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp == nil }) {
		t.Errorf("the node keeps %d pods: %v", len(left.Items), err)
	}

	for what, c := range map[string]struct{ node, timeout, want string }{
		"a node of nobody":    {"i-0123456789abcdef0", "1m", "is no member of us-east-1/lab"},
		"a time that is none": {node, "soon", "Write a time"},
	} {
		_, diags := n.invoke("clusterform_drain", map[string]string{"cluster": "us-east-1/lab", "node": c.node, "timeout": c.timeout})
		if len(diags) != 1 || !strings.Contains(diags[0].Detail, c.want) {
			t.Errorf("%s: %v, want %q", what, diags, c.want)
		}
	}
	w.run(0, "destroy", "-auto-approve")
	l.nothingLeft(t)
}

// TestTheAPIIsAway: nothing that is there is forgotten or replaced for it, and only who waits for the cluster fails.
func TestTheAPIIsAway(t *testing.T) {
	t.Parallel()
	l := startLive(t)
	w, config := liveWorkspace(t, l)
	w.run(0, "apply", "-auto-approve")
	before := l.instances(t)
	cp := l.plane(t)
	cp.StopAPI()

	w.write("main.tf", strings.Replace(config, "triggers = {", "timeouts = { update = \"2s\" }\n  triggers = { again = \"yes\",", 1))
	out := words(w.run(1, "apply", "-auto-approve"))
	if !strings.Contains(out, "The cluster is not ready") {
		t.Errorf("it is not told:\n%s", out)
	}
	if tainted := w.state().tainted(); len(tainted) > 0 {
		t.Errorf("these are tainted: %v", tainted)
	}
	for _, address := range []string{theCluster, thePool, theWorkload, theManifest} {
		if w.state().attribute(address, "id") == nil {
			t.Errorf("%s is forgotten", address)
		}
	}

	if err := cp.StartAPI(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	w.run(0, "apply", "-auto-approve")
	t.Logf("with the API back, it took %s", time.Since(began).Round(time.Second))
	if after := l.instances(t); len(after) != len(before) {
		t.Errorf("there were %v, there are %v", before, after)
	}
	w.run(0, "plan", "-detailed-exitcode")
	w.run(0, "destroy", "-auto-approve")
	l.nothingLeft(t)
}
