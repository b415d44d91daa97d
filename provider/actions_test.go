package provider_test

import (
	"slices"
	"strings"
	"testing"
)

// TestUpgradeAction: the control plane and then the pool, with progress; the resource's version follows.
func TestUpgradeAction(t *testing.T) {
	l := startLab(t)
	written := clusterWith("") + poolWith("size = 2")
	w := newWorkspace(t, l.config(strings.ReplaceAll(written, "1.34.4", "1.33.13")))
	w.run(0, "apply", "-auto-approve")
	before := l.instances(t)

	n := l.newer(t)
	progress, diags := n.invoke("clusterform_upgrade", map[string]string{"cluster": testRegion + "/lab", "version": "1.34.4"})
	n.fine(diags)
	at := func(text string) int {
		return slices.IndexFunc(progress, func(line string) bool { return strings.Contains(line, text) })
	}
	first, second := at("cluster.lab.control_plane[0]: created"), at("node_pool.worker[0]: created")
	if first < 0 || second < first {
		t.Errorf("the control plane comes at line %d, the pool at line %d of\n%s", first, second, strings.Join(progress, "\n"))
	}
	for _, id := range l.instances(t) {
		if slices.Contains(before, id) {
			t.Errorf("%s is of the version before", id)
		}
	}

	// The files still have the version before, and no cluster goes back.
	if out := w.run(1, "plan"); !strings.Contains(out, "1.34.4") {
		t.Errorf("the version it has is not named:\n%s", out)
	}
	w.write("main.tf", l.config(written))
	w.run(0, "apply", "-auto-approve")
	w.run(0, "plan", "-detailed-exitcode")
	if now := l.instances(t); len(now) != 3 {
		t.Errorf("%d instances run, want 3", len(now))
	}
	w.run(0, "destroy", "-auto-approve")
}

// TestUpgradeThatCannotBe: nothing is begun, and what is recorded stays as it is.
func TestUpgradeThatCannotBe(t *testing.T) {
	l := startLab(t)
	w := newWorkspace(t, l.config(clusterWith("")+poolWith("size = 1")))
	w.run(0, "apply", "-auto-approve")
	before := l.instances(t)
	n := l.newer(t)
	for _, test := range []struct{ name, cluster, version, want string }{
		{"back", "lab", "1.33.13", "1.33.13"},
		{"too new", "lab", "1.36.0", "1.36.0"},
		{"no version", "lab", "new", "new"},
		{"no such cluster", "other", "1.34.4", "other"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, diags := n.invoke("clusterform_upgrade", map[string]string{"cluster": testRegion + "/" + test.cluster, "version": test.version})
			if len(diags) == 0 || !strings.Contains(diags[0].Detail, test.want) {
				t.Errorf("no error about %s in %v", test.want, diags)
			}
		})
	}
	if after := l.instances(t); !slices.Equal(after, before) {
		t.Errorf("instances are %v, and were %v", after, before)
	}
	w.run(0, "plan", "-detailed-exitcode")
	w.run(0, "destroy", "-auto-approve")
}

// TestRotateAction: new nodes, and the configuration is content.
func TestRotateAction(t *testing.T) {
	l := startLab(t)
	w := newWorkspace(t, l.config(clusterWith("")+poolWith("size = 2")))
	w.run(0, "apply", "-auto-approve")
	before := l.instances(t)
	n := l.newer(t)
	progress, diags := n.invoke("clusterform_rotate", map[string]string{"cluster": testRegion + "/lab", "pool": "worker"})
	n.fine(diags)
	if !slices.ContainsFunc(progress, func(line string) bool { return strings.Contains(line, "node_pool.worker[1]: created") }) {
		t.Errorf("progress:\n%s", strings.Join(progress, "\n"))
	}
	kept := 0
	for _, id := range l.instances(t) {
		if slices.Contains(before, id) {
			kept++
		}
	}
	if kept != 1 {
		t.Errorf("%d instances were kept, and only the control plane's should be", kept)
	}
	w.run(0, "plan", "-detailed-exitcode")
	w.run(0, "destroy", "-auto-approve")
}

// TestLists: what is on record, with identities that import takes, and whole when asked.
func TestLists(t *testing.T) {
	l := startLab(t)
	w := newWorkspace(t, l.config(clusterWith("")+poolWith("size = 1")+strings.NewReplacer(`"lab"`, `"other"`).Replace(clusterWith(""))))
	w.run(0, "apply", "-auto-approve")
	n := l.newer(t)
	names := func(list []listedResult) (out []string) {
		for _, r := range list {
			if r.identity != r.name {
				t.Errorf("%s has the identity %s", r.name, r.identity)
			}
			out = append(out, r.name)
		}
		return out
	}
	if got := names(n.list("clusterform_cluster", false, nil)); !slices.Equal(got, []string{testRegion + "/lab", testRegion + "/other"}) {
		t.Errorf("clusters: %v", got)
	}
	if got := names(n.list("clusterform_cluster", false, map[string]string{"cluster": "other"})); !slices.Equal(got, []string{testRegion + "/other"}) {
		t.Errorf("of one cluster: %v", got)
	}
	if got := names(n.list("clusterform_workload", false, nil)); len(got) != 0 {
		t.Errorf("workloads: %v", got)
	}
	pools := n.list("clusterform_node_pool", true, nil)
	if got := names(pools); !slices.Equal(got, []string{testRegion + "/lab/worker"}) {
		t.Fatalf("pools: %v", got)
	}
	for attribute, want := range map[string]string{"id": testRegion + "/lab/worker", "cluster": testRegion + "/lab", "name": "worker"} {
		var got string
		if err := pools[0].resource[attribute].As(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", attribute, got, err, want)
		}
	}
	if clusters := n.list("clusterform_cluster", true, nil); len(clusters) != 2 || clusters[0].resource == nil {
		t.Errorf("whole clusters: %v", clusters)
	} else {
		for _, attribute := range []string{"phase", "uid", "vpc_id"} {
			var got string
			if err := clusters[0].resource[attribute].As(&got); err != nil || got == "" {
				t.Errorf("%s of a whole cluster is %q (%v)", attribute, got, err)
			}
		}
	}
	w.run(0, "destroy", "-auto-approve")
}
