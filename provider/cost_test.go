package provider_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/aws"
	"github.com/clusterform/clusterform/internal/cli"
	"github.com/clusterform/clusterform/internal/cli/iostreams"
)

// TestTerraformCostsWhatTheCommandLineCosts makes the same cluster with 500 nodes both ways, each against an endpoint
// of its own that counts. Terraform makes the cluster before its pools, where the command line launches all at once; that
// costs no call more.
func TestTerraformCostsWhatTheCommandLineCosts(t *testing.T) {
	t.Parallel()
	const nodes = 500
	byHand := startLabOnly(t)
	commandLine(t, byHand, fmt.Sprintf(`
cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = %q
  network {
    overlay { pod_cidr = "10.128.0.0/15" }
  }
}

node_pool "worker" {
  cluster = cluster.lab
  size    = %d
}
`, testRegion, nodes), "apply", "-auto-approve", "-wait=launched")
	want := byHand.Stats()

	l := startLabOnly(t)
	w := newWorkspace(t, l.config(clusterWith(`network = { overlay = { pod_cidr = "10.128.0.0/15" } }`)+poolWith(fmt.Sprintf("size = %d", nodes))))
	w.run(0, "apply", "-auto-approve")
	got := l.Stats()
	if n := len(l.instances(t)); n != nodes+1 {
		t.Fatalf("%d instances run, want %d", n, nodes+1)
	}
	t.Logf("apply: the command line made %d calls, terraform %d", want.Total(), got.Total())
	if got.Total() > want.Total() {
		t.Errorf("terraform made %d calls, the command line %d:\n%v\n%v", got.Total(), want.Total(), got.Calls, want.Calls)
	}

	byHand.ResetStats()
	commandLine(t, byHand, "", "plan")
	l.ResetStats()
	w.run(0, "plan", "-detailed-exitcode")
	t.Logf("plan without changes: the command line made %d calls, terraform %d", byHand.Stats().Total(), l.Stats().Total())
	if l.Stats().Total() > byHand.Stats().Total() {
		t.Errorf("a plan without changes: terraform made %d calls, the command line %d:\n%v\n%v", l.Stats().Total(), byHand.Stats().Total(), l.Stats().Calls, byHand.Stats().Calls)
	}
}

// commandLine runs clusterform in this process. An empty config keeps the one before.
func commandLine(t *testing.T, l *lab, config string, args ...string) {
	t.Helper()
	dir := filepath.Join(filepath.Dir(l.stateDir), "cli")
	if config != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "main.cluster.hcl"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	app := cli.NewApp(&iostreams.Streams{
		In: strings.NewReader(""), Out: &out, Err: &out, Width: func() int { return 120 }, Dir: dir, Now: time.Now,
		Environ: []string{"HOME=" + dir, "CLUSTERFORM_WAIT=launched"},
	})
	app.NewCloud = func(o cli.CloudOptions) cli.Cloud {
		return aws.New(aws.Options{
			Endpoint: l.url, Keys: &aws.Keys{AccessKeyID: testKeyID, SecretAccessKey: testSecret}, Parallelism: o.Parallelism, Events: o.Events,
			ConsistencyWindow: 3 * time.Second,
		})
	}
	if code := app.Main(t.Context(), args); code != 0 {
		t.Fatalf("clusterform %s: exit code %d\n%s", strings.Join(args, " "), code, out.String())
	}
}
