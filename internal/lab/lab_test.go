package lab

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/lab/api"
)

func TestStandardDirs(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"CLUSTERFORM_LAB_DIR": "labs", "CLUSTERFORM_CACHE_DIR": filepath.Join(here, "cache")}
	d, err := StandardDirs(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	if want := (Dirs{Labs: filepath.Join(here, "labs"), Cache: filepath.Join(here, "cache")}); d != want {
		t.Errorf("got %+v, want %+v: a lab's process works elsewhere, so both must be absolute", d, want)
	}
}

func TestALabThatNeverWas(t *testing.T) {
	t.Parallel()
	dirs := Dirs{Labs: t.TempDir()}
	_, err := Find(dirs, "never-was")
	if down, ok := errors.AsType[*NotRunningError](err); !ok || down.Crashed || !strings.Contains(err.Error(), "lab up -name=never-was") {
		t.Errorf("find: %v", err)
	}
	if _, ok := errors.AsType[*NotRunningError](Down(t.Context(), dirs, "never-was", DownOptions{})); !ok {
		t.Error("down of it is no error")
	}
	if entries, _ := os.ReadDir(dirs.Labs); len(entries) > 0 {
		t.Errorf("looking for it made %v", entries)
	}
	for _, name := range []string{"", "..", "a/b", "Upper", "twenty-one-characters"} {
		if _, err := Find(dirs, name); err == nil || !strings.Contains(err.Error(), "lower-case") {
			t.Errorf("name %q: %v", name, err)
		}
	}
}

func TestOneProcessHoldsALab(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release, err := hold(t.Context(), dir, "mine")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // asking does not change the answer
		if running, err := isRunning(dir); err != nil || !running {
			t.Errorf("while it is held: running %v (%v)", running, err)
		}
	}
	release()
	if running, err := isRunning(dir); err != nil || running {
		t.Errorf("afterwards: running %v (%v)", running, err)
	}
}

func TestKeysOfAnAccountStayOutside(t *testing.T) {
	t.Parallel()
	got := environment([]string{"PATH=/bin", "AWS_SECRET_ACCESS_KEY=s", "AWS_REGION=eu-west-1", "AWS_PROFILE=p"})
	if want := []string{"PATH=/bin", "AWS_REGION=eu-west-1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestURLOf(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{"127.0.0.1:0": "http://127.0.0.1:", "0.0.0.0:0": "http://127.0.0.1:", ":0": "http://127.0.0.1:"} {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		if got := urlOf(l); !strings.HasPrefix(got, want) || strings.HasSuffix(got, ":0") {
			t.Errorf("listening on %s: clients are sent to %s", listen, got)
		}
		_ = l.Close()
	}
}

func TestANodeByItsNames(t *testing.T) {
	t.Parallel()
	i := &Instance{InstanceStatus: api.InstanceStatus{ID: "i-1", Name: "web", PrivateIP: "10.0.0.4"}}
	for word, want := range map[string]bool{"i-1": true, "web": true, "10.0.0.4": true, "ip-10-0-0-4": true, "": false, "i-2": false} {
		if got := i.Matches(word); got != want {
			t.Errorf("%q: %v, want %v", word, got, want)
		}
	}
}
