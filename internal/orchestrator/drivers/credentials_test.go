package drivers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/planner/resource"
)

const credentials = lab + ".credentials"

func TestCredentialsAreMadeOnceAndCompleted(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		rec := r.records[credentials]
		spec := rec.Spec.(*resource.Credentials)
		want := []string{"control-plane/pki/ca", "control-plane/pki/cluster", "worker/pki/ca"}
		if rec.ID != "/clusterform/"+testUID || !slices.Equal(spec.Parameters, want) || spec.CA != "certificate" || spec.ExpiresAt.IsZero() {
			t.Errorf("recorded is %s with %+v", rec.ID, spec)
		}
		if text := fmt.Sprintf("%+v", spec); strings.Contains(text, secretMarker) {
			t.Error("a secret is in the record")
		}
		if o := r.read(t, w.drivers, resource.KindCredentials)[credentials]; o.Status != resource.Present || o.Reason != "" {
			t.Errorf("seen as %s: %s", o.Status, o.Reason)
		}
		// A copy is lost: it follows from what is there.
		if err := w.parameters().Delete(t.Context(), "worker/pki/ca"); err != nil {
			t.Fatal(err)
		}
		if err := w.parameters().Put(t.Context(), "control-plane/pki/cluster", "the old key"); err != nil {
			t.Fatal(err)
		}
		if o := r.read(t, w.drivers, resource.KindCredentials)[credentials]; !strings.Contains(o.Reason, "worker/pki/ca") {
			t.Errorf("seen as %s: %s", o.Status, o.Reason)
		}
		repair := resource.Change{Operation: resource.Update, Before: rec, After: &rec.Object, Generation: 1}
		r.must(t, w.drivers, repair)
		if w.parameter("worker/pki/ca") != "certificate" || w.parameter("control-plane/pki/cluster") != "the old key" {
			t.Error("what was there was written over, or what was missing was not made")
		}
		// The authority of a cluster that runs is lost: another one would be one that no node trusts.
		for _, name := range []string{"control-plane/initialised"} {
			if err := w.parameters().Put(t.Context(), name, "2026-01-01"); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.parameters().Delete(t.Context(), "control-plane/pki/cluster"); err != nil {
			t.Fatal(err)
		}
		if err := r.apply(t.Context(), w.drivers, repair)[credentials]; err == nil || !strings.Contains(err.Error(), "pki/cluster is missing") {
			t.Errorf("%v", err)
		}
		if w.parameter("control-plane/pki/cluster") != "" {
			t.Error("a new authority was made for a cluster that runs")
		}
	})
}

func TestCredentialsThatSomebodyDeletedAreGone(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		names, err := w.parameters().List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := w.parameters().Delete(t.Context(), names...); err != nil {
			t.Fatal(err)
		}
		if o := r.read(t, w.drivers, resource.KindCredentials)[credentials]; o.Status != resource.Gone {
			t.Errorf("seen as %s: %s", o.Status, o.Reason)
		}
	})
}

func TestAnInterruptedMakingOfCredentialsIsTakenUp(t *testing.T) {
	for commits := range 3 {
		t.Run(fmt.Sprint("after ", commits, " commits"), func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
				r.must(t, w.drivers, r.removal(credentials))
				r.commits = commits
				change := r.creation(credentials, &resource.Credentials{Orchestrator: "kubernetes", Path: "/clusterform/" + testUID})
				r.apply(t.Context(), w.drivers, change)
				r.commits = -1
				d, err := w.drivers.Driver(testRegion, resource.KindCredentials)
				if err != nil {
					t.Fatal(err)
				}
				got, err := d.Recover(t.Context(), r, []resource.Intent{{
					Operation: resource.Create, Kind: resource.KindCredentials, UID: testUID, Region: testRegion, Addresses: []resource.Address{credentials},
				}})
				if err != nil || len(got) != 1 {
					t.Fatalf("%v %v", got, err)
				}
				// Nothing is written before it is recorded that something will be.
				if _, recorded := r.Record(credentials); (got[0].Status == resource.Present) != (commits == 2) || commits == 2 && !recorded {
					t.Errorf("found %s, recorded %v", got[0].Status, recorded)
				}
				r.must(t, w.drivers, change)
				if w.parameter("worker/pki/ca") == "" {
					t.Error("the second try did not complete them")
				}
			})
		})
	}
}
