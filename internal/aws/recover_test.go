package aws

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/planner/resource"
)

// recoverAll looks up the open intents of a kind.
func (r *run) recoverAll(t *testing.T, c *Cloud, kind resource.Kind) []resource.Recovery {
	t.Helper()
	d, err := c.Driver(r.region, kind)
	if err != nil {
		t.Fatal(err)
	}
	var intents []resource.Intent
	for _, in := range r.intents {
		if in.Kind == kind {
			intents = append(intents, in)
		}
	}
	out, err := d.Recover(t.Context(), r, intents)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRecover: after a run that died, what its calls made is found by the intents, and what is not found is gone only
// when it must show.
func TestRecover(t *testing.T) {
	t.Parallel()
	t.Run("a launch of three", func(t *testing.T) {
		t.Parallel()
		inLab(t, api.Faults{}, Options{}, func(t *testing.T, _ *api.Server, c *Cloud, r *run) {
			r.killAt = 1 // the intent is written, the checkpoint is not
			r.apply(t.Context(), c, nodes(t, c, r, 3)...)
			got := r.recoverAll(t, c, resource.KindNode)
			if len(got) != 1 || got[0].Status != resource.Present || len(got[0].Found) != 3 {
				t.Fatalf("got %+v", got)
			}
			for i := range 3 {
				a := resource.Address(pool).Index(i)
				o := got[0].Found[a]
				if o == nil || o.Address != a || o.UID != r.uid || o.ID == "" {
					t.Errorf("%s: %+v", a, o)
					continue
				}
				want := nodeSpec(r, labImage(t, c), labRegion+"a")
				want.InstanceType = "t3.large"
				if d := resource.DiffObserved(want, o.Spec); len(d) > 0 {
					t.Errorf("%s differs from what was wanted in %v", a, d)
				}
				if got[0].Intent.Detail[detailSpec] != resource.SpecDigest(want) {
					t.Error("the intent does not hold the digest of what was launched")
				}
			}
		})
	})
	t.Run("a launch that was never sent", func(t *testing.T) {
		t.Parallel()
		inLab(t, api.Faults{}, Options{}, func(t *testing.T, _ *api.Server, c *Cloud, r *run) {
			r.intents = []resource.Intent{{
				Operation: resource.Create, Kind: resource.KindNode, UID: r.uid, Region: labRegion, Token: "nothing", Addresses: []resource.Address{pool + "[0]"},
				At: time.Now(),
			}}
			if got := r.recoverAll(t, c, resource.KindNode); got[0].Status != resource.Unread {
				t.Errorf("within the window: %+v", got)
			}
			time.Sleep(3 * time.Minute)
			if got := r.recoverAll(t, c, resource.KindNode); got[0].Status != resource.Gone {
				t.Errorf("after the window: %+v", got)
			}
		})
	})
	t.Run("every kind, made and removed", func(t *testing.T) {
		t.Parallel()
		inLab(t, api.Faults{}, Options{}, func(t *testing.T, _ *api.Server, c *Cloud, _ *run) {
			r := newRun(labRegion)
			r.keepIntents = true
			build(t, c, r, labImage(t, c), []string{labRegion + "a", labRegion + "b"})
			for _, kind := range cloudKinds() {
				for _, got := range r.recoverAll(t, c, kind) {
					if got.Status != resource.Present || len(got.Found) != len(got.Intent.Addresses) {
						t.Errorf("made: %s: %s %s", got.Intent.Addresses[0], got.Status, got.Reason)
					}
				}
			}
			r.intents = nil
			demolish(t, c, r)
			for _, kind := range cloudKinds() {
				for _, got := range r.recoverAll(t, c, kind) {
					if kind != resource.KindSecurityGroupRules && got.Status != resource.Gone {
						t.Errorf("removed: %s: %s %s", got.Intent.Addresses[0], got.Status, got.Reason)
					}
				}
			}
		})
	})
}

// TestAdoptOtherParameters: an instance that a dead run launched with other parameters is not left behind, and is
// recorded as what it is.
func TestAdoptOtherParameters(t *testing.T) {
	t.Parallel()
	inLab(t, api.Faults{}, Options{}, func(t *testing.T, _ *api.Server, c *Cloud, r *run) {
		r.killAt = 1
		r.apply(t.Context(), c, nodes(t, c, r, 1)...)
		r.dead, r.killAt = false, -1
		change := nodes(t, c, r, 1)[0]
		change.After.Spec.(*resource.Node).InstanceTypes = []string{"m5.large"}
		r.must(t, c, change)
		live := living(t, c, r)
		rec := r.records[pool+"[0]"]
		if len(live) != 1 || rec.ID != live[0] || rec.Spec.(*resource.Node).InstanceType != "t3.large" {
			t.Errorf("live %v, recorded %+v %+v", live, rec, rec.Spec)
		}
		if d := resource.StrongestEffect(resource.Diff(rec.Spec, change.After.Spec)); d != resource.EffectRoll {
			t.Errorf("the next plan does not replace it: %v", d)
		}
	})
}

// TestInterruptedWait: a run that is ended while instances start keeps them as what they are.
func TestInterruptedWait(t *testing.T) {
	t.Parallel()
	inLab(t, api.Faults{Boot: &api.Range{Min: seconds(60), Max: seconds(60)}}, Options{}, func(t *testing.T, _ *api.Server, c *Cloud, r *run) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		start := time.Now()
		errs := r.apply(ctx, c, nodes(t, c, r, 2)...)
		if len(errs) != 2 || time.Since(start) != 10*time.Second {
			t.Errorf("after %s: %v", time.Since(start), errs)
		}
		for a, err := range errs {
			rec, ok := r.Record(a)
			if !errors.Is(err, context.Canceled) || !ok || !rec.Incomplete || rec.Phase != resource.PhaseLaunching || rec.ID == "" {
				t.Errorf("%s: %v, recorded %+v", a, err, rec)
			}
		}
		var again []resource.Change
		for i := range 2 {
			a := resource.Address(pool).Index(i)
			again = append(again, r.change(a, r.records[a].Spec))
		}
		r.must(t, c, again...)
		r.same(t, c, resource.KindNode)
		if n := len(living(t, c, r)); n != 2 {
			t.Errorf("%d instances", n)
		}
	})
}

// TestMovedPool: nodes of a pool that is called otherwise now are tagged with its new address.
func TestMovedPool(t *testing.T) {
	t.Parallel()
	inLab(t, api.Faults{Consistency: api.Consistency{Change: seconds(5)}}, Options{}, func(t *testing.T, s *api.Server, c *Cloud, r *run) {
		r.must(t, c, nodes(t, c, r, 4)...)
		var moved []resource.Change
		for i := range 4 {
			from, to := resource.Address(pool).Index(i), resource.Address("node_pool.web").Index(i)
			rec := new(*r.records[from])
			delete(r.records, from)
			rec.Address = to
			r.records[to] = rec
			n := resource.Clone(rec.Spec.(*resource.Node))
			n.Pool = "node_pool.web"
			moved = append(moved, r.change(to, n))
		}
		s.ResetStats()
		r.must(t, c, moved...)
		if n := s.Stats().Calls["ec2.CreateTags"]; n != 1 {
			t.Errorf("%d calls to tag four nodes alike", n)
		}
		r.same(t, c, resource.KindNode)
		for id := range r.records {
			delete(r.records, id)
		}
		for _, o := range r.read(t, c, resource.KindNode) {
			if !o.Unrecorded || o.Address != "node_pool.web" || o.SpecDigest == "" || o.Token == "" {
				t.Errorf("found as %+v", o)
			}
		}
	})
}
