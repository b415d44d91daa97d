package provider_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestALostRecordIsFoundAgain takes away the state directory, as a run on another machine does: Terraform's state knows who
// the cluster is and what was made.
func TestALostRecordIsFoundAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"applied", []string{"apply", "-auto-approve"}},
		{"applied without a refresh", []string{"apply", "-auto-approve", "-refresh=false"}},
		{"destroyed", []string{"destroy", "-auto-approve"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := startLab(t)
			w := newWorkspace(t, l.config(clusterWith("")+poolWith("size = 2")))
			w.run(0, "apply", "-auto-approve")
			before := l.instances(t)
			if err := os.RemoveAll(l.stateDir); err != nil {
				t.Fatal(err)
			}
			w.run(0, "plan", "-detailed-exitcode")
			if err := os.RemoveAll(l.stateDir); err != nil {
				t.Fatal(err)
			}
			w.run(0, tt.args...)
			if tt.args[0] == "destroy" {
				l.nothingLeft(t)
				return
			}
			after := l.instances(t)
			slices.Sort(before)
			slices.Sort(after)
			if !slices.Equal(before, after) || l.vpcs(t) != 1 {
				t.Errorf("instances %v in %d VPCs, want %v in one", after, l.vpcs(t), before)
			}
			w.run(0, "plan", "-detailed-exitcode")
			w.run(0, "destroy", "-auto-approve")
		})
	}
}

// TestALostRecordIsNotTakenForAnEnd: what is destroyed before its cluster was looked at says what to do, and goes on after it.
func TestALostRecordIsNotTakenForAnEnd(t *testing.T) {
	l := startLab(t)
	w := newWorkspace(t, l.config(clusterWith("")+poolWith("size = 1")))
	w.run(0, "apply", "-auto-approve")
	if err := os.RemoveAll(l.stateDir); err != nil {
		t.Fatal(err)
	}
	out := words(w.run(1, "destroy", "-auto-approve", "-refresh=false"))
	if want := "It is found again when its clusterform_cluster is refreshed"; !strings.Contains(out, want) {
		t.Errorf("the error does not say %q:\n%s", want, out)
	}
	if n := len(l.instances(t)); n != 2 {
		t.Errorf("%d instances run after it, want 2", n)
	}
	w.run(0, "destroy", "-auto-approve")
}

// TestALostRecordOfNothing: that no object is found does not say that the cluster is gone, as it may be the wrong account.
func TestALostRecordOfNothing(t *testing.T) {
	l, elsewhere := startLab(t), startLabOnly(t)
	w := newWorkspace(t, l.config(clusterWith("")))
	w.run(0, "apply", "-auto-approve")
	w.write("main.tf", strings.Replace(l.config(clusterWith("")), l.url, elsewhere.url, 1))
	kept := l.stateDir + ".kept"
	if err := os.Rename(l.stateDir, kept); err != nil {
		t.Fatal(err)
	}
	out := words(w.run(1, "plan"))
	for _, want := range []string{"No object tagged with its UID", "another provider configuration", l.url, "terraform state rm"} {
		if !strings.Contains(out, want) {
			t.Errorf("the error does not say %q:\n%s", want, out)
		}
	}
	if n := len(elsewhere.instances(t)); n != 0 {
		t.Errorf("%d instances were made elsewhere", n)
	}
	_ = os.RemoveAll(l.stateDir)
	if err := os.Rename(kept, l.stateDir); err != nil {
		t.Fatal(err)
	}
	w.write("main.tf", l.config(clusterWith("")))
	w.run(0, "plan", "-detailed-exitcode")
	w.run(0, "destroy", "-auto-approve")
}

// TestTheEndOfAClusterIsRemembered: a run that was killed after it removed everything leaves Terraform's state as it was.
func TestTheEndOfAClusterIsRemembered(t *testing.T) {
	l := startLab(t)
	w := newWorkspace(t, l.config(clusterWith("")+poolWith("size = 1")))
	w.run(0, "apply", "-auto-approve")
	path := filepath.Join(w.dir, "terraform.tfstate")
	state, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w.run(0, "destroy", "-auto-approve")
	if err := os.WriteFile(path, state, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := w.run(2, "plan", "-detailed-exitcode"); !strings.Contains(out, "2 to add, 0 to change, 0 to destroy") {
		t.Errorf("the plan does not begin anew:\n%s", out)
	}
}

// words undoes the frames and line breaks of terraform's messages.
func words(s string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(s)), " ")
}
