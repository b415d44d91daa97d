package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clusterform/clusterform/internal/cli"
	"github.com/clusterform/clusterform/internal/lab/api"
)

// TestCutJournal cuts the journal of a finished run while everything the run made stands on the endpoint: more is
// forgotten than a crash can lose, which keeps what was announced. As long as the cluster's identity is known, which is
// recorded before the first call, the next plan says what it found, the next apply takes everything up again, and nothing
// is there twice. internal/state cuts at every byte and looks at what is read; here every CLUSTERFORM_CUT bytes (default
// 601) a whole run follows.
func TestCutJournal(t *testing.T) {
	t.Parallel()
	stride := setting(t, "CLUSTERFORM_CUT", 601)
	boundaries := countBoundaries(t, "", []string{"apply"})
	before := slices.Index(boundaries, "snapshot.before_rename") // killed there, everything is in the journal
	if before < 0 {
		t.Fatalf("no snapshot is written: %v", boundaries)
	}
	var w *crashWorld
	var journal []byte
	known := -1
	for n := before + 1; known < 0; n-- { // runs side by side share commits: this one may be through with the journal here
		if n < before-20 {
			t.Fatalf("never killed with a journal that names the cluster; the last one has %d bytes", len(journal))
		}
		w = newCrashWorld(t, "")
		if o := w.try([]string{fmt.Sprintf("CLUSTERFORM_FAILPOINT=journal:%d", n)}, w.apply()...); !o.killed {
			continue
		}
		var err error
		if journal, err = os.ReadFile(filepath.Join(w.dir, cli.DefaultState+".journal")); err != nil {
			t.Fatal(err)
		}
		known = strings.Index(string(journal), `"uid"`) // the first record after the header names the cluster
	}
	if len(journal) < 4000 {
		t.Fatalf("the journal has %d bytes", len(journal))
	}
	kept := filepath.Join(memoryDir(t), "kept")
	w.keep(kept)
	lab, dir := filepath.Join(kept, "lab"), filepath.Join(kept, "dir")
	known += strings.IndexByte(string(journal[known:]), '\n')
	worlds, now := 0, time.Now()
	for cut := int64(known) + 1; cut <= int64(len(journal)); cut += stride {
		worlds++
		t.Run(fmt.Sprintf("at byte %d of %d", cut, len(journal)), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(now)) // a bubble's time begins before what was kept was made
				mine := filepath.Join(memoryDir(t), "lab")
				if err := os.CopyFS(mine, os.DirFS(lab)); err != nil {
					t.Fatal(err)
				}
				s := newInProcess(t, api.Options{Seed: 1, Dir: mine})
				if err := os.RemoveAll(s.dir); err != nil {
					t.Fatal(err)
				}
				copyWorkdir(t, s.dir, dir)
				if err := os.Truncate(filepath.Join(s.dir, cli.DefaultState+".journal"), cut); err != nil {
					t.Fatal(err)
				}
				open := len(readState(t, s.dir).Intents)
				if s.run("plan") != 0 {
					t.Fatal("the plan fails")
				}
				if said := s.log.String(); open > 0 && !strings.Contains(said, "interrupted") {
					t.Errorf("%d operations are open, and the plan says nothing of them", open)
				}
				s.converge("after the cut")
				if s.run("destroy", "-auto-approve") != 0 {
					t.Fatal("destroy fails")
				}
				s.calm()
				if left := leftoversOfAny(t, s.client()); len(left) > 0 {
					t.Errorf("destroy left:\n%s", strings.Join(left, "\n"))
				}
			})
		})
	}
	if worlds < 20 {
		t.Errorf("only %d cuts", worlds)
	}
}
