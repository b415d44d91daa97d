package provider_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestOpenTofu takes a cluster with a pool, a workload and a manifest through its life with OpenTofu, where it is on the PATH:
// write-only arguments, functions and ephemeral resources included.
func TestOpenTofu(t *testing.T) {
	t.Parallel()
	tofu, err := exec.LookPath("tofu")
	if err != nil {
		t.Skip("tofu is not on the PATH; the same story is told with terraform")
	}
	lifeWith(t, tofu)
}

// anotherTerraform names a program beside the one on the PATH.
const anotherTerraform = "CLUSTERFORM_TEST_TERRAFORM"

// TestAnotherTerraform is the same with the terraform that CLUSTERFORM_TEST_TERRAFORM names, beside the one on the PATH.
func TestAnotherTerraform(t *testing.T) {
	t.Parallel()
	program := os.Getenv(anotherTerraform)
	if program == "" {
		t.Skip(anotherTerraform + " names no other terraform")
	}
	lifeWith(t, program)
}

func lifeWith(t *testing.T, program string) {
	t.Helper()
	l := startLive(t)
	const function = `
output "blocks" { value = provider::clusterform::cidr_plan("10.0.0.0/8", 16, ["dev", "live"]) }
`
	config := func(size, replicas, colour string) string {
		return l.config(clusterWith(`control_plane = { access = ["0.0.0.0/0"] }`)+poolWith("size = "+size)+
			strings.ReplaceAll(workloadWith("web", "1", replicas), `"`+marker+`"`, "var.token")+manifestWith("settings", colour)+waiter+liveConfig) + function
	}
	tokens := filepath.Join(t.TempDir(), "tokens")
	w := newWorkspaceFor(t, program, config("1", "1", "green")+joinTokens)
	w.env = []string{"TF_VAR_token=" + marker, "TOKENS=" + tokens}
	w.run(0, "validate")
	w.run(2, "plan", "-detailed-exitcode", "-out=saved.tfplan")
	w.run(0, "apply", "saved.tfplan")
	w.run(0, "plan", "-detailed-exitcode")
	if got := l.secretInCluster(t)["token"]; got != marker {
		t.Errorf("the cluster has the secret %q", got)
	}
	if blocks := w.run(0, "output", "-json", "blocks"); !strings.Contains(blocks, "10.1.0.0/16") {
		t.Errorf("the function says %s", blocks)
	}
	token, err := os.ReadFile(tokens)
	if err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(string(token), ".")
	if _, err := l.plane(t).Client.CoreV1().Secrets("kube-system").Get(t.Context(), "bootstrap-token-"+id, metav1.GetOptions{}); err != nil {
		t.Errorf("the API does not know the token: %v", err)
	}
	first, _, _ := strings.Cut(string(token), "\n")
	secrets := l.secrets(t)
	secrets["the token"], secrets["the marker"] = first, marker
	holdNo(t, secrets, map[string]string{"the shown state": w.run(0, "show", "-json")}, w.dir, l.stateDir)

	w.write("main.tf", config("2", "2", "red"))
	w.run(0, "apply", "-auto-approve")
	w.run(0, "plan", "-detailed-exitcode")
	if d, err := l.deployment(t, "web"); err != nil || *d.Spec.Replicas != 2 {
		t.Errorf("%+v, %v", d, err)
	}
	if n := len(l.instances(t)); n != 3 {
		t.Errorf("%d instances run, want 3", n)
	}
	for address, id := range map[string]string{theCluster: "us-east-1/lab", theWorkload: "us-east-1/lab/web"} {
		w.run(0, "state", "rm", address)
		w.run(0, "import", address, id)
	}
	w.run(0, "apply", "-auto-approve") // deletion_protection is not known of what was imported
	w.run(0, "plan", "-detailed-exitcode")
	w.run(0, "destroy", "-auto-approve")
	l.nothingLeft(t)
}
