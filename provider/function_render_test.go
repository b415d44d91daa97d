package provider_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/cli"
	"github.com/clusterform/clusterform/internal/cli/iostreams"
)

// TestRenderIsTheCommandLines writes a workload in both languages, and compares what becomes of it.
func TestRenderIsTheCommandLines(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, `
variable "token" {
  type = string
}

locals {
  web = {
    name      = "web"
    cluster   = "us-east-1/lab"
    replicas  = 3
    container = {
      app = {
        image      = "registry.lab:5000/hello:1"
        port       = { http = { container = 8080 } }
        env        = { GREETING = "costs $${AMOUNT}" }
        mount      = { keys = { path = "/run/keys" } }
      }
    }
    secret = { keys = { files = { token = var.token } } }
    expose = { http = { port = 8080 } }
    update = null
  }
}

output "kubernetes" { value = provider::clusterform::render("kubernetes", local.web) }
output "swarm" { value = provider::clusterform::render("swarm", local.web) }
`)
	w.env = []string{"TF_VAR_token=" + marker}
	w.run(0, "apply", "-auto-approve")
	var got map[string]struct{ Value string }
	text := w.run(0, "output", "-json")
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, marker) {
		t.Error("the value of a secret is rendered")
	}
	for _, orchestrator := range []string{"kubernetes", "swarm"} {
		want := rendered(t, orchestrator, `
cluster "lab" {
  orchestrator = "kubernetes"
  region       = "us-east-1"
}

workload "web" {
  cluster  = cluster.lab
  replicas = 3

  container "app" {
    image = "registry.lab:5000/hello:1"
    port "http" { container = 8080 }
    env        = { GREETING = "costs $${AMOUNT}" }
    mount "keys" { path = "/run/keys" }
  }
  secret "keys" { files = { token = "s" } }
  expose "http" { port = 8080 }
}
`)
		if got := got[orchestrator].Value; got != want || got == "" {
			t.Errorf("%s: the function gives\n%s\nthe command line\n%s", orchestrator, got, want)
		}
	}
}

// rendered is what `clusterform render` prints, without the comment that says of which cluster it is.
func rendered(t *testing.T, orchestrator, config string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cluster.hcl"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, problems bytes.Buffer
	app := cli.NewApp(&iostreams.Streams{
		In: strings.NewReader(""), Out: &out, Err: &problems, Width: func() int { return 120 }, Dir: dir, Now: time.Now, Environ: []string{"HOME=" + dir},
	})
	if code := app.Main(t.Context(), []string{"render", "-orchestrator=" + orchestrator}); code != 0 {
		t.Fatalf("exit code %d: %s", code, problems.String())
	}
	_, text, _ := strings.Cut(out.String(), "\n")
	return text
}

// TestRenderMistakes: what is wrong is said of the argument and where in it.
func TestRenderMistakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, call, want string }{
		{"another orchestrator", `render("nomad", { name = "web" })`, `"nomad" is not "kubernetes" or "swarm"`},
		{"no object", `render("swarm", "web")`, "a workload is an object"},
		{"no name", `render("swarm", { replicas = 1 })`, "has no name"},
		{"an argument that there is not", `render("swarm", { name = "web", replica = 1, container = { app = { imago = "x" } } })`, "container.app.imago is no argument, replica is no argument"},
		{"another shape", `render("swarm", { name = "web", container = "app" })`, "container must be objects by name"},
		{"an argument that must be there", `render("kubernetes", { name = "web", container = { app = {} } })`, "image"},
		{"what Swarm cannot do", `render("swarm", { name = "web", container = { app = { image = "a:1" } }, autoscale = { min = 1, max = 3, cpu = 50 } })`, "Unsupported by Docker Swarm"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorkspace(t, "output \"text\" { value = provider::clusterform::"+test.call+" }\n")
			out := w.run(1, "plan")
			if flat := strings.Join(strings.Fields(strings.NewReplacer("│", "", "╷", "", "╵", "").Replace(out)), " "); !strings.Contains(flat, test.want) {
				t.Errorf("%q is missing in:\n%s", test.want, out)
			}
		})
	}
}
