//go:build linux

package machines_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// commands are those that look at a running cluster or take something in hand.
func (k *kubernetes) commands(t *testing.T) {
	var status struct {
		Well     bool `json:"well"`
		Clusters []struct {
			Nodes     []any `json:"nodes"`
			Workloads []any `json:"workloads"`
		} `json:"clusters"`
	}
	text := k.run(0, "status", "-json").stdout
	if err := json.Unmarshal([]byte(text), &status); err != nil || !status.Well || len(status.Clusters) != 1 || len(status.Clusters[0].Nodes) != 3 || len(status.Clusters[0].Workloads) != 3 {
		t.Errorf("status (%v):\n%s", err, text)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"the console of a node", []string{"logs", "node_pool.worker[0]"}, 0, "clusterform: ready"},
		{"what a workload writes", []string{"logs", "-container=log", "-tail=1", "workload.beside"}, 0, "tail on "},
		{"a command in a workload", []string{"exec", "workload.web", "--", "/hello", "check"}, 0, ""},
		{"and how it ended", []string{"exec", "workload.web", "--", "/hello", "nonsense"}, 1, "nonsense"},
		{"certificates", []string{"certs", "list"}, 0, "days left"},
		{"a kubeconfig", []string{"kubeconfig"}, 0, "client-certificate-data"},
		{"join credentials", []string{"token", "rotate"}, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if o := k.try(nil, tt.args...); o.code != tt.code || !strings.Contains(o.stdout+o.stderr, tt.want) {
				t.Errorf("%v\nwant exit %d with %q", o, tt.code, tt.want)
			}
		})
	}
	if left := k.kubectl(t, "-n", "kube-system", "get", "secrets", "--field-selector=type=bootstrap.kubernetes.io/token", "-o", "name"); left != "" {
		t.Errorf("nobody is joining, and these let others join:\n%s", left)
	}
	t.Run("a terminal", k.terminal)
	t.Run("a node is emptied while a client asks, and somebody follows what is written", k.drain)
}

func (k *kubernetes) drain(t *testing.T) {
	const address = "node_pool.worker[0]"
	node := k.nodes()[address].ID
	closed := func() string { return k.kubectl(t, "get", "node", node, "-o", "jsonpath={.spec.unschedulable}") }
	k.run(0, "cordon", address)
	if closed() != "true" {
		t.Error("cordon did not close the node")
	}
	k.run(0, "uncordon", address)
	if closed() == "true" {
		t.Error("uncordon did not open the node")
	}
	client := k.ask(t, fmt.Sprintf("http://%s:30080/", k.nodes()["cluster.lab.control_plane[0]"].Spec.PublicIP))
	replaced := k.follows(t)
	k.run(0, "drain", address)
	for _, workload := range []string{"web", "beside"} {
		for _, on := range k.nodesOf(t, workload) {
			if on == node {
				t.Errorf("a replica of workload.%s is still on %s", workload, address)
			}
		}
	}
	client.stop(t)
	replaced(t)
	k.run(0, "uncordon", address)
	eventually(t, time.Minute, "all replicas are ready", func() error {
		if o := k.try(nil, "status"); o.code != 0 {
			return fmt.Errorf("%v", o)
		}
		return nil
	})
	k.wantEmpty(k.args...)
}
