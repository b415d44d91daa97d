package source_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/moduleproxy"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/source"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/store"
)

// tool is a module with a program that prints its stamped version and what its side-effect imports registered, and a
// program next to it that does not compile.
var tool = moduleproxy.Module{Path: "example.test/tool", Version: "v1.2.3", Files: map[string]string{
	"go.mod": "module example.test/tool\n\ngo 1.21\n\nrequire example.test/part v0.5.0\n\nreplace example.test/part => ./staging/part\n",
	"main.go": `package main

import (
	"fmt"
	"strings"

	"example.test/tool/plugin"
	_ "example.test/tool/plugin/broken"
	_ "example.test/tool/plugin/good" // stays
)

var version = "unknown"

func main() { fmt.Println(version, strings.Join(plugin.Names, " ")) }
`,
	"plugin/plugin.go":        "package plugin\n\nvar Names []string\n",
	"plugin/good/good.go":     "package good\n\nimport \"example.test/tool/plugin\"\n\nfunc init() { plugin.Names = append(plugin.Names, \"good\") }\n",
	"plugin/broken/broken.go": "package broken\n\nvar _ = doesNotExist\n",
	"cmd/hello/main.go":       "package main\n\nimport (\n\t\"fmt\"\n\n\t\"example.test/part\"\n)\n\nvar version = \"unknown\"\n\nfunc main() { fmt.Println(version, part.Name) }\n",
	"docs/objects.yml":        "kind: Namespace\n",
}}

var part = moduleproxy.Module{Path: "example.test/part", Version: "v0.5.3", Files: map[string]string{
	"go.mod":  "module example.test/part\n\ngo 1.21\n",
	"part.go": "package part\n\nconst Name = \"staged part\"\n",
}}

func component() source.Component {
	return source.Component{Name: "tool", Module: tool.Path, Version: tool.Version, Staging: part.Version}
}

func newBuilder(t *testing.T, modules ...moduleproxy.Module) *source.Builder {
	t.Helper()
	toolchain, err := source.FindToolchain(t.Context(), moduleproxy.Environ(t, modules...), exec.LookPath)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &source.Builder{Toolchain: toolchain, Store: s, Target: source.Target{Arch: runtime.GOARCH}}
}

func output(t *testing.T, f store.File, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), f.Path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", f.Name, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestBuild(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, tool, part)
	stamp := []string{"main.version=v1.2.3"}
	for _, tt := range []struct {
		name    string
		program source.Program
		want    string
	}{
		{
			name:    "a program of the module, with a staging module and its version stamped in",
			program: source.Program{Name: "hello", Package: "example.test/tool/cmd/hello", Stamp: stamp}, want: "v1.2.3 staged part",
		},
		{
			name: "without an import that does not compile",
			program: source.Program{
				Name: "edited", From: &source.Edited{Dir: ".", Drop: []string{"example.test/tool/plugin/broken"}}, Stamp: stamp,
			}, want: "v1.2.3 good",
		},
		{
			name:    "a main of our own",
			program: source.Program{Name: "own", Main: "package main\n\nimport \"example.test/part\"\n\nfunc main() { print(part.Name) }\n"}, want: "staged part",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, ok, err := b.Cached(component(), tt.program); ok || err != nil {
				t.Fatalf("before: cached %t, %v", ok, err)
			}
			f, err := b.Build(t.Context(), component(), tt.program)
			if err != nil {
				t.Fatal(err)
			}
			if got := output(t, f); got != tt.want {
				t.Errorf("it prints %q, want %q", got, tt.want)
			}
			again, ok, err := b.Cached(component(), tt.program)
			if !ok || err != nil || again.SHA256 != f.SHA256 {
				t.Errorf("afterwards: cached %t, %v, %v", ok, again, err)
			}
			left, err := os.ReadDir(filepath.Dir(f.Path))
			if err != nil || len(left) != 2 { // the program and its record
				t.Errorf("beside it is %v, %v", left, err)
			}
		})
	}
}

// The same inputs give the same bytes, wherever it is built; other inputs are another program to the cache.
func TestBuildIsReproducible(t *testing.T) {
	t.Parallel()
	program := source.Program{Name: "hello", Package: "example.test/tool/cmd/hello"}
	first, second := newBuilder(t, tool, part), newBuilder(t, tool, part)
	a, err := first.Build(t.Context(), component(), program)
	if err != nil {
		t.Fatal(err)
	}
	b, err := second.Build(t.Context(), component(), program)
	if err != nil {
		t.Fatal(err)
	}
	if a.SHA256 != b.SHA256 {
		t.Error("two builds in two places differ")
	}
	stamped := program
	stamped.Stamp = []string{"main.version=v9"}
	if _, ok, _ := first.Cached(component(), stamped); ok {
		t.Error("another version stamp is found in the cache")
	}
	newer := component()
	newer.Version = "v1.2.4"
	if _, ok, _ := first.Cached(newer, program); ok {
		t.Error("another module version is found in the cache")
	}
	other := *first
	other.Target.Arch = map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	if _, ok, _ := other.Cached(component(), program); ok {
		t.Error("another architecture is found in the cache")
	}
}

func TestBuildErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, tool, part)
	for _, tt := range []struct {
		name      string
		component func(*source.Component)
		program   source.Program
		want      []string
	}{
		{
			name: "a version that the proxy does not serve", component: func(c *source.Component) { c.Version = "v1.9.9" },
			program: source.Program{Name: "hello", Package: "example.test/tool/cmd/hello"},
			want:    []string{"building hello v1.9.9", "does not serve example.test/tool@v1.9.9", "GOPROXY", "-from=DIR"},
		},
		{
			name: "a staging module that the proxy does not serve", component: func(c *source.Component) { c.Staging = "v0.7.7" },
			program: source.Program{Name: "hello", Package: "example.test/tool/cmd/hello"},
			want:    []string{"example.test/part@v0.7.7", "GOPROXY"},
		},
		{
			name: "code that does not compile", program: source.Program{Name: "root", Package: "example.test/tool"},
			want: []string{"building root v1.2.3", "broken.go", "undefined: doesNotExist"},
		},
		{
			name:    "an import to drop that is gone",
			program: source.Program{Name: "x", From: &source.Edited{Dir: ".", Drop: []string{"example.test/tool/plugin/broken", "example.test/tool/gone"}}},
			want:    []string{"does not import example.test/tool/gone", "does not fit this version"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := component()
			if tt.component != nil {
				tt.component(&c)
			}
			_, err := b.Build(t.Context(), c, tt.program)
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if strings.Contains(err.Error(), "file://") {
				t.Errorf("%q names the proxy, whose address may hold a password", err)
			}
		})
	}
}

func TestInterruptedBuildLeavesNothing(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, tool, part)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	program := source.Program{Name: "hello", Package: "example.test/tool/cmd/hello"}
	if _, err := b.Build(ctx, component(), program); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	left, err := filepath.Glob(filepath.Join(b.Store.Dir(), "*"))
	if err != nil || len(left) != 1 { // the lock
		t.Errorf("the store holds %v, %v", left, err)
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, tool, part)
	got, err := b.ReadFile(t.Context(), component(), "docs/objects.yml")
	if err != nil || string(got) != "kind: Namespace\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := b.ReadFile(t.Context(), component(), "docs/gone.yml"); err == nil || !strings.Contains(err.Error(), "docs/gone.yml") {
		t.Errorf("a missing file: %v", err)
	}
}

func TestNoToolchain(t *testing.T) {
	t.Parallel()
	_, err := source.FindToolchain(t.Context(), nil, func(string) (string, error) { return "", exec.ErrNotFound })
	if err == nil || !strings.Contains(err.Error(), "needs Go") || !strings.Contains(err.Error(), "-from=DIR") {
		t.Errorf("got %v", err)
	}
}

// The programs of our own are compiled as they are shipped, and do their work.
func TestOwnPrograms(t *testing.T) {
	t.Parallel()
	b := newBuilder(t)
	programs := map[string]store.File{}
	for _, c := range source.Components(release.Newest()) {
		if c.Module != "" {
			continue
		}
		for _, p := range c.Programs {
			f, err := b.Build(t.Context(), c, p)
			if err != nil {
				t.Fatal(err)
			}
			programs[p.Name] = f
		}
	}
	t.Run("cp replaces a program in use", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
		if err := os.WriteFile(from, []byte("new"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		output(t, programs[source.Copy], "-f", from, to)
		got, err := os.ReadFile(to)
		info, serr := os.Stat(to)
		if err != nil || serr != nil || string(got) != "new" || info.Mode().Perm() != 0o755 {
			t.Errorf("got %q with mode %v, %v, %v", got, info.Mode(), err, serr)
		}
		if left, _ := os.ReadDir(dir); len(left) != 2 {
			t.Errorf("left behind: %v", left)
		}
		if out, err := exec.CommandContext(t.Context(), programs[source.Copy].Path, filepath.Join(dir, "gone"), to).CombinedOutput(); err == nil || !bytes.Contains(out, []byte("gone")) {
			t.Errorf("copying what is not there: %v, %s", err, out)
		}
	})
	t.Run("pause waits for a signal", func(t *testing.T) {
		t.Parallel()
		// It cannot be seen when it has begun to listen for signals, so later and later ones are sent until one finds it
		// listening. One that comes too early ends it badly, as all of them do with a program that does not listen.
		var err error
		for wait := time.Millisecond; wait < 10*time.Second; wait *= 2 {
			cmd := exec.CommandContext(t.Context(), programs[source.Pause].Path)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(wait)
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatalf("it ended without being asked: %v", err)
			}
			if err = cmd.Wait(); err == nil {
				return
			}
		}
		t.Errorf("ended with %v", err)
	})
}
