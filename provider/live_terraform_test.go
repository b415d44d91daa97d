package provider_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// liveConfig is a cluster with everything on it. The workload's secret comes from a variable that Terraform forgets.
const liveConfig = `
variable "token" {
  type      = string
  ephemeral = true
}

data "clusterform_nodes" "all" {
  cluster    = clusterform_cluster.lab.id
  depends_on = [clusterform_cluster_ready.lab]
}

data "clusterform_nodes" "worker" {
  cluster = clusterform_cluster_ready.lab.id
  pool    = clusterform_node_pool.worker.name
}

data "clusterform_cluster" "lab" {
  cluster = clusterform_cluster_ready.lab.id
}

output "nodes" { value = data.clusterform_nodes.all.nodes }
output "workers" { value = [for n in data.clusterform_nodes.worker.nodes : n.id] }
output "pool" { value = [for n in clusterform_node_pool.worker.nodes : n.id] }
output "cluster" { value = data.clusterform_cluster.lab }
`

func liveWorkspace(t *testing.T, l *live) (w *workspace, config string) {
	t.Helper()
	config = l.config(clusterWith(`control_plane = { access = ["0.0.0.0/0"] }`) + poolWith("size = 2") +
		strings.ReplaceAll(workloadWith("web", "1", "1"), `"`+marker+`"`, "var.token") + manifestWith("settings", "green") + waiter + liveConfig)
	w = newWorkspace(t, config)
	w.env = []string{"TF_VAR_token=" + marker}
	return w, config
}

// secretInCluster is what the workload's secret is on the cluster.
func (l *live) secretInCluster(t *testing.T) map[string]string {
	t.Helper()
	list, err := l.plane(t).Client.CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, s := range list.Items {
		for k, v := range s.Data {
			out[k] = string(v)
		}
	}
	return out
}

// TestImportOfAWorkloadWithSecrets: nobody can read a secret back, and it does not take that to see that all is as written.
func TestImportOfAWorkloadWithSecrets(t *testing.T) {
	t.Parallel()
	l := startLive(t)
	w, _ := liveWorkspace(t, l)
	w.run(0, "apply", "-auto-approve")
	if got := l.secretInCluster(t)["token"]; got != marker {
		t.Errorf("the cluster has the secret %q", got)
	}
	w.run(0, "plan", "-detailed-exitcode")

	w.run(0, "state", "rm", theWorkload)
	w.run(0, "import", theWorkload, "us-east-1/lab/web")
	if secret, _ := json.Marshal(w.state().attribute(theWorkload, "secret")); string(secret) != `{"keys":{"files":null}}` {
		t.Errorf("after the import the state has the secret %s", secret)
	}
	if out, code := w.try(nil, "plan", "-detailed-exitcode"); code != 0 {
		t.Errorf("a plan after the import has exit code %d\n%s", code, out)
	}

	// Another value is a change, though Terraform compares nothing of it; the waiter looks again after it.
	w.env = []string{"TF_VAR_token=another-" + marker}
	if out := w.run(2, "plan", "-detailed-exitcode"); !strings.Contains(out, "0 to add, 2 to change, 0 to destroy") || !strings.Contains(out, theWorkload+" will be updated in-place") {
		t.Errorf("a plan with another secret says\n%s", out)
	}
	w.run(0, "apply", "-auto-approve")
	if got := l.secretInCluster(t)["token"]; got != "another-"+marker {
		t.Errorf("the cluster has the secret %q", got)
	}
	w.run(0, "plan", "-detailed-exitcode")
	w.run(0, "destroy", "-auto-approve")
	l.nothingLeft(t)
}

func TestDataSources(t *testing.T) {
	t.Parallel()
	l := startLive(t)
	w, _ := liveWorkspace(t, l)
	w.run(0, "apply", "-auto-approve")
	var out struct {
		Nodes struct {
			Value []struct{ Address, ID, Role, Phase, Version, Zone string }
		}
		Workers, Pool struct{ Value []string }
		Cluster       struct {
			Value struct {
				ID, UID, Region, Orchestrator, Phase, Endpoint string
				URL                                            string `json:"endpoint_url"`
				VPC                                            string `json:"vpc_id"`
				CA                                             string `json:"ca_certificate"`
			}
		}
	}
	text := w.run(0, "output", "-json")
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range out.Nodes.Value {
		got = append(got, strings.Join([]string{n.Address, n.Role, n.Phase, n.Version}, " "))
		if !strings.HasPrefix(n.ID, "i-") || !strings.HasPrefix(n.Zone, testRegion) {
			t.Errorf("%+v", n)
		}
	}
	want := "cluster.lab.control_plane[0] control_plane ready 1.34.4, node_pool.worker[0] worker ready 1.34.4, node_pool.worker[1] worker ready 1.34.4"
	if strings.Join(got, ", ") != want {
		t.Errorf("the nodes are %s, want %s", strings.Join(got, ", "), want)
	}
	if a, b := strings.Join(out.Workers.Value, " "), strings.Join(out.Pool.Value, " "); a != b || len(out.Pool.Value) != 2 {
		t.Errorf("the data source has the workers %s, the pool %s", a, b)
	}
	c := out.Cluster.Value
	if c.ID != "us-east-1/lab" || c.Phase != "ready" || c.Orchestrator != "kubernetes" || c.Endpoint != l.front || !strings.Contains(c.URL, l.front) ||
		!strings.HasPrefix(c.VPC, "vpc-") || !strings.Contains(c.CA, "BEGIN CERTIFICATE") || c.UID == "" {
		t.Errorf("the cluster is %+v", c)
	}
	w.run(0, "plan", "-detailed-exitcode")
	w.run(0, "destroy", "-auto-approve")
	l.nothingLeft(t)
}

const joinTokens = `
ephemeral "clusterform_join_token" "worker" {
  cluster = clusterform_cluster_ready.lab.id
}

ephemeral "clusterform_join_token" "control_plane" {
  cluster = clusterform_cluster_ready.lab.id
  role    = "control_plane"
}

resource "terraform_data" "join" {
  triggers_replace = [clusterform_cluster_ready.lab.id]

  provisioner "local-exec" {
    command     = "umask 077 && printf '%s\n%s\n%s' \"$WORKER\" \"$CONTROL_PLANE\" \"$CA\" > \"$TOKENS\""
    environment = {
      WORKER        = ephemeral.clusterform_join_token.worker.token
      CONTROL_PLANE = ephemeral.clusterform_join_token.control_plane.token
      CA            = ephemeral.clusterform_join_token.worker.cluster_ca_certificate
    }
  }
}
`

// TestJoinToken opens the tokens with which other machines join: the API knows them, and Terraform forgets them.
func TestJoinToken(t *testing.T) {
	t.Parallel()
	l := startLive(t)
	w, config := liveWorkspace(t, l)
	tokens := filepath.Join(t.TempDir(), "tokens")
	w.env = append(w.env, "TOKENS="+tokens)
	w.write("main.tf", config+joinTokens)
	w.run(2, "plan", "-detailed-exitcode", "-out=saved.tfplan")
	shown := w.run(0, "apply", "saved.tfplan")
	data, err := os.ReadFile(tokens)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitN(string(data), "\n", 3)
	worker := lines[0]
	id, secret, ok := strings.Cut(worker, ".")
	if len(lines) != 3 || !ok || lines[1] != worker || !strings.Contains(lines[2], "BEGIN CERTIFICATE") {
		t.Fatalf("the tokens are %q", lines)
	}
	known, err := l.plane(t).Client.CoreV1().Secrets("kube-system").Get(t.Context(), "bootstrap-token-"+id, metav1.GetOptions{})
	if err != nil || string(known.Data["token-secret"]) != secret || len(known.Data["expiration"]) == 0 {
		t.Errorf("the API knows %v of the token: %v", known, err)
	}
	secrets := l.secrets(t)
	secrets["the token"], secrets["the token's secret"], secrets["the marker"] = worker, secret, marker
	holdNo(t, secrets, map[string]string{"the output of apply": shown, "the shown state": w.run(0, "show", "-json")}, w.dir, l.stateDir)

	// It is opened with the next run, too, and holds it up with nothing.
	w.run(0, "plan", "-detailed-exitcode")
	w.write("main.tf", strings.Replace(config, "var.token", `"`+marker+`"`, 1)+strings.Replace(joinTokens, `"control_plane"`+"\n}", `"leader"`+"\n}", 1))
	if out := w.run(1, "plan"); !strings.Contains(out, `It is "worker" or "control_plane"`) {
		t.Errorf("a role that there is not is told so:\n%s", out)
	}
	w.write("main.tf", config)
	w.run(0, "destroy", "-auto-approve")
	l.nothingLeft(t)
}
