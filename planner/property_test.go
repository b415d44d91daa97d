package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clusterform/clusterform/planner/resource"
)

// drawFiles makes a configuration of one cluster with up to three pools.
func drawFiles(rt *rapid.T, label string) string {
	pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(rt, label+name) }
	var b strings.Builder
	fmt.Fprintf(&b, `
cluster "lab" {
  orchestrator = %q
  version      = "1.34.4"
  region       = "ap-northeast-2"
  tags         = { owner = %q }
  network {
    cidr               = %q
    availability_zones = %s
  }
  control_plane {
    size          = %s
    instance_type = %q
    access        = %s
  }
  firewall {
    allow "a" {
      to    = %q
      ports = [80]
      from  = ["0.0.0.0/0"]
    }
  }
  lifecycle {
    create_before_destroy = %s
  }
}
`, pick("orchestrator", "kubernetes", "swarm", "mesos"), pick("owner", "a", "b"), pick("cidr", "10.88.0.0/16", "10.77.0.0/20"), pick("zones", "1", "2", "3"),
		pick("size", "1", "3"), pick("cp type", "t3.medium", "m5.large"), pick("access", "[]", `["192.0.2.0/24"]`), pick("to", "worker", "all", "control_plane"),
		pick("create first", "true", "false"))
	for _, pool := range []string{"a", "b", "c"} {
		if pick(pool+" there", "yes", "yes", "no") == "no" {
			continue
		}
		fmt.Fprintf(&b, `
node_pool "pool-%s" {
  cluster       = cluster.lab
  size          = %d
  instance_type = %s
  disk_gib      = %s
  tags          = { team = %q }
  labels        = { at = %s }
  update {
    max_surge       = %s
    max_unavailable = %s
    canary          = %s
  }
}
`, pool, rapid.IntRange(0, 6).Draw(rt, label+pool+" size"), pick(pool+" types", `"t3.large"`, `["t3a.large", "t3.large"]`, `"m5.large"`), pick(pool+" disk", "20", "30"),
			pick(pool+" team", "x", "y"), pick(pool+" label", `"here"`, "cluster.lab.endpoint"), pick(pool+" surge", "0", "1", "2", `"50%"`),
			pick(pool+" unavailable", "1", "2", `"50%"`), pick(pool+" canary", "0", "1", "2"))
	}
	return b.String()
}

// drawWork makes what runs on that cluster: workloads and manifests with dependencies.
func drawWork(rt *rapid.T, label string) string {
	pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(rt, label+name) }
	var b strings.Builder
	for _, name := range []string{"x", "y"} {
		if pick(name+" there", "yes", "yes", "no") == "no" {
			continue
		}
		fmt.Fprintf(&b, `
workload %q {
  cluster   = cluster.lab
  namespace = %q
  replicas  = %s
  container "app" {
    image = %q
    env   = { AT = %s }
  }
}
`, name, pick(name+" namespace", "default", "shop"), pick(name+" replicas", "1", "2"), pick(name+" image", "a:1", "a:2"), pick(name+" env", `"here"`, "cluster.lab.endpoint"))
	}
	if pick("namespace there", "yes", "no") == "yes" {
		fmt.Fprintf(&b, `
manifest "shop" {
  cluster = cluster.lab
  object  = { apiVersion = "v1", kind = "Namespace", metadata = { name = "shop", labels = { a = %q } } }
}
`, pick("namespace label", "x", "y"))
	}
	return b.String()
}

// The same with an orchestrator, which is another one at times.
func TestAnyChangeOfAClusterConverges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		files := func(label string) string {
			f := drawFiles(rt, label)
			f = strings.Replace(f, `"mesos"`, `"swarm"`, 1)
			if strings.Contains(f, `"kubernetes"`) { // manifests are Kubernetes' own
				return f + drawWork(rt, label)
			}
			work, _, _ := strings.Cut(drawWork(rt, label), "manifest")
			return f + strings.TrimSpace(work)
		}
		w := newCluster(newWorld(t, files("first ")))
		w.apply(w.plan())
		w.mustBeDone(rt)
		w.files = files("then ")
		p := w.plan()
		checkRefs(rt, w, p)
		w.apply(p)
		w.mustBeDone(rt)
		destroy := w.plan(func(r *Request) { r.Mode = ModeDestroy })
		if len(destroy.Steps) != len(w.state.Records) {
			rt.Fatalf("%d steps to destroy %d records", len(destroy.Steps), len(w.state.Records))
		}
	})
}

// Whatever one configuration is changed to, applying the plan leads there, in one go.
func TestAnyChangeConverges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, drawFiles(rt, "first "))
		w.apply(w.plan())
		w.mustBeDone(rt)
		w.files = drawFiles(rt, "then ")
		p := w.plan()
		checkRefs(rt, w, p)
		w.apply(p)
		w.mustBeDone(rt)
		destroy := w.plan(func(r *Request) { r.Mode = ModeDestroy })
		if len(destroy.Steps) != len(w.state.Records) {
			rt.Fatalf("%d steps to destroy %d records", len(destroy.Steps), len(w.state.Records))
		}
	})
}

func (w *world) mustBeDone(rt *rapid.T) {
	if again := w.plan(); again.HasChanges() {
		rt.Fatalf("the next plan is not empty:\n%s\n%s", strings.Join(summary(again), "\n"), w.files)
	}
	if len(w.state.Deposed) > 0 {
		rt.Fatalf("replaced objects were not removed: %v", w.state.Deposed)
	}
}

// checkRefs holds the edges to the references: everything made stands on what exists by then, and nothing is removed that
// something recorded still refers to.
func checkRefs(rt *rapid.T, w *world, p *Plan) {
	made := map[resource.Address]int{}
	o := &ordering{changes: &changes{steps: p.Steps}}
	for i := range p.Steps {
		if s := &p.Steps[i]; s.After != nil {
			made[s.Address] = i
		}
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.After != nil {
			for _, a := range resource.Refs(s.Address, s.After.Spec) {
				if on, ok := made[a]; ok && !slices.Contains(s.Needs, int32(on)) && len(o.releases(int32(on))) == 0 {
					rt.Fatalf("%s of %s does not need the step of %s", s.Operation, s.Address, a)
				}
			}
		}
		if s.Operation != resource.Delete {
			continue
		}
		for _, a := range resource.Refs(s.Address, s.Before.Spec) {
			for j := range p.Steps {
				if d := &p.Steps[j]; d.Address == a && d.Operation == resource.Delete && !slices.Contains(d.Needs, int32(i)) {
					rt.Fatalf("the removal of %s does not wait for that of %s", a, s.Address)
				}
			}
		}
	}
}

// In any order that the edges allow, a roll never has more than max_surge nodes too many nor more than max_unavailable
// too few.
func TestLanesKeepTheirBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(1, 9).Draw(rt, "size")
		surge, unavailable := rapid.IntRange(0, 4).Draw(rt, "surge"), rapid.IntRange(0, 4).Draw(rt, "unavailable")
		canary := rapid.IntRange(0, 3).Draw(rt, "canary")
		if surge+unavailable == 0 {
			surge = 1
		}
		w := newWorld(t, strings.Replace(small, "size          = 3",
			fmt.Sprintf("size = %d\ndisk_gib = 20\nupdate {\nmax_surge = %d\nmax_unavailable = %d\ncanary = %d\n}", size, surge, unavailable, canary), 1))
		w.apply(w.plan())
		w.edit("disk_gib = 20", "disk_gib = 30")
		p := w.plan()
		if p.Summary.Replace != size || p.Summary.NodesDisrupted != size {
			rt.Fatalf("summary: %+v", p.Summary)
		}
		done := map[int32]bool{}
		now, replaced := size, 0
		for len(done) < len(p.Steps) {
			var ready []int32
			for i := range p.Steps {
				if s := &p.Steps[i]; !done[s.ID] && !slices.ContainsFunc(s.Needs, func(n int32) bool { return !done[n] }) {
					ready = append(ready, s.ID)
				}
			}
			next := rapid.SampledFrom(ready).Draw(rt, "next")
			done[next] = true
			s := &p.Steps[next]
			switch s.Operation {
			case resource.Create:
				now++
			case resource.Delete:
				now--
			}
			if other := p.Steps[next].Pair; done[other] {
				replaced++
			} else if replaced < min(canary, size) && len(done) > 2*min(canary, size) {
				rt.Fatalf("a node was begun before the canaries were done")
			}
			if now > size+surge || now < size-unavailable {
				rt.Fatalf("%d nodes, with size %d, surge %d, unavailable %d", now, size, surge, unavailable)
			}
		}
	})
}

// Maps are walked in another order each time; plans are not.
func TestSameInputSamePlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, drawFiles(rt, "first "))
		w.apply(w.plan())
		w.files = drawFiles(rt, "then ")
		r := w.request()
		uids := w.uids
		again := func() string {
			w.uids = uids
			p, diags := Make(t.Context(), r)
			if diags.HasErrors() {
				rt.Fatal(diags.Err())
			}
			doc, err := JSON(p)
			if err != nil {
				rt.Fatal(err)
			}
			return string(doc)
		}
		if diff := cmp.Diff(again(), again()); diff != "" {
			rt.Fatal(diff)
		}
	})
}

func TestCarvedSubnetsAreDisjointAndStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		bits := rapid.IntRange(16, 28).Draw(rt, "bits")
		cidrs, err := carve(fmt.Sprintf("10.88.0.0/%d", bits))
		if err != nil {
			rt.Fatal(err)
		}
		if want := 1 << min(3, 28-bits); len(cidrs) != want {
			rt.Fatalf("%d subnets of a /%d, want %d", len(cidrs), bits, want)
		}
		if len(slices.Compact(slices.Sorted(slices.Values(cidrs)))) != len(cidrs) || !slices.IsSortedFunc(cidrs, compareCIDR) {
			rt.Fatalf("not disjoint or not in order: %v", cidrs)
		}
	})
}

// Zones may come and go; a zone that stays keeps its subnet, and no two have the same.
func TestZonesKeepTheirSubnets(t *testing.T) {
	t.Parallel()
	all := []string{"ap-northeast-2a", "ap-northeast-2b", "ap-northeast-2c", "ap-northeast-2d"}
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(label string) string {
			names := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 4, rapid.ID).Draw(rt, label)
			return `["` + strings.Join(names, `", "`) + `"]`
		}
		zones := draw("first")
		w := newWorld(t, strings.Replace(small, "availability_zones = 2", "availability_zones = "+zones, 1))
		w.apply(w.plan())
		before := w.subnets()
		w.edit(zones, draw("then"))
		w.apply(w.plan())
		after := w.subnets()
		for a, cidr := range after {
			if was, stays := before[a]; stays && was != cidr {
				rt.Fatalf("%s was %s and is %s", a, was, cidr)
			}
		}
		if len(slices.Compact(slices.Sorted(maps.Values(after)))) != len(after) {
			rt.Fatalf("two zones share a subnet: %v", after)
		}
		w.mustBeDone(rt)
	})
}

func (w *world) subnets() map[resource.Address]string {
	out := map[resource.Address]string{}
	for a, r := range w.state.Records {
		if s, ok := r.Spec.(*resource.Subnet); ok {
			out[a] = s.CIDR
		}
	}
	return out
}
