package swarm

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/cli/cli/compose/loader"
	composetypes "github.com/docker/cli/cli/compose/types"
	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const secret = "s3cret-of-the-test" // what the files of testdata hold

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; -update writes it", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); -update rewrites it:\n%s", path, diff)
	}
}

func evaluate(t *testing.T, text string) (*hclconfig.Desired, hclconfig.Sources) {
	t.Helper()
	sources := hclconfig.Sources{Files: []hclconfig.SourceFile{{Path: "main.cluster.hcl", Kind: hclconfig.SourceConfig, Data: []byte(text)}}}
	cfg, diags := hclconfig.Load("/nowhere", hclconfig.Options{Snapshot: &sources, Now: time.Unix(0, 0)})
	d, more := cfg.Evaluate(nil)
	if err := append(diags, more...).Err(); err != nil {
		t.Fatal(err)
	}
	return d, sources
}

func fixture(t *testing.T, name string) (*hclconfig.Desired, hclconfig.Sources) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", name+".cluster.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	return evaluate(t, string(text))
}

func stackFile(t *testing.T, s *Stack, contents, show bool) []byte {
	t.Helper()
	text, err := s.YAML(contents, show)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What both orchestrators can do, as a stack file that Docker's own reader takes.
func TestStackFiles(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		options Options
	}{{"web", Options{}}, {"kinds", Options{Encrypted: true}}, {"without-ipvs", Options{NoIPVS: true}}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			file := strings.Replace(tc.name, "without-ipvs", "web", 1)
			d, _ := fixture(t, file)
			for _, w := range d.Workloads {
				if err := CheckWorkload(w, nil).Err(); err != nil {
					t.Fatal(err)
				}
			}
			stacks, err := Stacks(d.Workloads, tc.options)
			if err != nil {
				t.Fatal(err)
			}
			if len(stacks) != 1 {
				t.Fatalf("%d stacks", len(stacks))
			}
			text := stackFile(t, stacks[0], true, false)
			if bytes.Contains(text, []byte(secret)) {
				t.Error("a secret is shown")
			}
			golden(t, filepath.Join("testdata", tc.name+".yaml"), text)
			cfg := dockerReads(t, text)
			for _, s := range cfg.Services {
				w := workloadOf(t, d, s.Deploy.Labels[AddressLabel])
				c := w.Containers[0]
				if diff := cmp.Diff(strings.Join(c.Args, "\n"), strings.Join(s.Command, "\n")); diff != "" {
					t.Errorf("%s: the program gets other arguments: %s", s.Name, diff)
				}
				for _, e := range c.Env {
					if got := s.Environment[e.Name]; got == nil || *got != e.Value {
						t.Errorf("%s: %s is not what the files say", s.Name, e.Name)
					}
				}
			}
		})
	}
}

// dockerReads is what `docker stack deploy` does first, with an environment that would show if anything were replaced.
func dockerReads(t *testing.T, text []byte) *composetypes.Config {
	t.Helper()
	parsed, err := loader.ParseYAML(text)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := loader.Load(composetypes.ConfigDetails{
		WorkingDir:  t.TempDir(),
		ConfigFiles: []composetypes.ConfigFile{{Filename: "stack.yaml", Config: parsed}},
		Environment: map[string]string{"HOME": "replaced", "USER": "replaced"},
	})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if unsupported := loader.GetUnsupportedProperties(parsed); len(unsupported) > 0 {
		t.Errorf("a Swarm does not know %v", unsupported)
	}
	return cfg
}

func workloadOf(t *testing.T, d *hclconfig.Desired, address string) *hclconfig.Workload {
	t.Helper()
	for _, w := range d.Workloads {
		if string(w.Address) == address {
			return w
		}
	}
	t.Fatalf("no workload %q", address)
	return nil
}

// Everything that a workload can say: all that a Swarm cannot do is told at once, with its place.
func TestDiagnostics(t *testing.T) {
	t.Parallel()
	d, sources := fixture(t, "all")
	finder := orchestrator.NewFinder(sources)
	var diags hclconfig.Diagnostics
	for _, w := range d.Workloads {
		diags = append(diags, orchestrator.CheckKnown(&w.Block, finder)...)
		diags = append(diags, CheckWorkload(w, finder)...)
	}
	var b bytes.Buffer
	if err := hclconfig.WriteDiagnostics(&b, diags, sources, false, 100); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), secret) {
		t.Error("a secret is shown")
	}
	golden(t, filepath.Join("testdata", "all.txt"), b.Bytes())
}

// A config that changes gets another name; so does a secret, under a key.
func TestRevisions(t *testing.T) {
	t.Parallel()
	names := func(content string, key []byte) (config, secret string) {
		d, _ := evaluate(t, cluster+`
workload "w" {
  cluster = cluster.lab
  container "a" {
    image = "a"
    mount "c" { path = "/c" }
    mount "s" { path = "/s" }
  }
  config "c" { files = { "a very long name of a file that goes on and on and on.conf" = "`+content+`" } }
  secret "s" { files = { p = "`+content+`" } }
}`)
		stacks, err := Stacks(d.Workloads, Options{RevisionKey: key})
		if err != nil {
			t.Fatal(err)
		}
		s := stacks[0].Services["w"]
		for _, f := range append(s.Configs, s.Secrets...) {
			if n := len(stacks[0].Name + "_" + f.Source); n > nameLimit {
				t.Errorf("%q has %d characters", f.Source, n)
			}
		}
		dockerReads(t, stackFile(t, stacks[0], false, false))
		return s.Configs[0].Source, s.Secrets[0].Source
	}
	c1, s1 := names("one", []byte("k"))
	c2, s2 := names("two", []byte("k"))
	if c1 == c2 || s1 == s2 {
		t.Errorf("a change does not show: %s %s, %s %s", c1, c2, s1, s2)
	}
	if _, s := names("one", nil); s != "w_s_p" {
		t.Errorf("without a key the name is %q", s)
	}
}

// Files of a directory and single files, as they are mounted.
func TestMounts(t *testing.T) {
	t.Parallel()
	d, _ := evaluate(t, cluster+`
workload "w" {
  cluster = cluster.lab
  container "a" {
    image = "a"
    mount "c" {
      path     = "/etc/one.conf"
      sub_path = "d/one.conf"
    }
    mount "e" {
      path     = "/etc/e"
      sub_path = "d"
    }
    mount "h" {
      path     = "/h"
      sub_path = "sub"
    }
    mount "v" { path = "/v" }
    mount "t" { path = "/t" }
  }
  config "c" { files = { "d/one.conf" = "1", "d/two.conf" = "2" } }
  config "e" { files = { "d/one.conf" = "1", "d/x/two.conf" = "2", "dd" = "3" } }
  volume "h" { host = "/srv" }
  volume "v" {
    claim {
      size          = "1Gi"
      storage_class = "nfs"
    }
  }
  volume "t" {
    empty {}
  }
}`)
	stacks, err := Stacks(d.Workloads, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := stacks[0].Services["w"]
	var targets []string
	for _, c := range s.Configs {
		targets = append(targets, string(c.Target))
	}
	if got := strings.Join(targets, " "); got != "/etc/one.conf /etc/e/one.conf /etc/e/x/two.conf" {
		t.Errorf("configs at %s", got)
	}
	want := []Mount{{Type: "bind", Source: "/srv/sub", Target: "/h"}, {Type: "volume", Source: "w-v", Target: "/v"}, {Type: "volume", Target: "/t"}}
	if diff := cmp.Diff(want, s.Volumes); diff != "" {
		t.Error(diff)
	}
	if stacks[0].Volumes["w-v"].Driver != "nfs" {
		t.Errorf("volumes: %v", stacks[0].Volumes)
	}
	dockerReads(t, stackFile(t, stacks[0], true, true))
}

// Namespaces are stacks.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	d, _ := fixture(t, "manifests")
	stacks, err := Stacks(d.Workloads, Options{})
	if err != nil || len(stacks) != 2 || stacks[0].Name != "other" || stacks[1].Name != "shop" {
		t.Fatalf("%v %v", stacks, err)
	}
	if diags := CheckManifest(d.Manifests[0], nil); len(diags) != 1 || !strings.Contains(diags[0].Detail, "workload block") {
		t.Errorf("%v", diags)
	}
}
