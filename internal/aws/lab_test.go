package aws

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/planner/resource"
)

const labRegion = "eu-central-1"

// lab is the lab's endpoint in process, with a Cloud on it. Inside a synctest bubble its time is virtual.
func lab(t testing.TB, seed int64, faults api.Faults, opts Options) (*api.Server, *Cloud) {
	t.Helper()
	s, err := api.New(api.Options{Region: labRegion, Seed: seed, Faults: faults, AcceptAnyKey: true, NoDefaultVPC: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, connect(s, opts)
}

func connect(s *api.Server, opts Options) *Cloud {
	opts.HTTPClient = &http.Client{Transport: s.Transport()}
	opts.Endpoint = "http://lab.invalid"
	opts.Keys = &Keys{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}
	return New(opts)
}

// labImage is an image that the lab knows.
func labImage(t testing.TB, c *Cloud) string {
	t.Helper()
	image, err := c.Image(t.Context(), labRegion, "ssm:/aws/service/debian/release/12/latest/amd64")
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestLab(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := lab(t, 1, api.Faults{}, Options{})
		story(t, c, newRun(labRegion), labImage(t, c))
	})
}

func seconds(n int) api.Duration { return api.Duration(time.Duration(n) * time.Second) }

// TestLabFaults runs the story with everything going wrong that does on AWS. CLUSTERFORM_SEED is the first seed and
// CLUSTERFORM_SEEDS how many there are; one that is given alone runs alone.
func TestLabFaults(t *testing.T) {
	t.Parallel()
	from, n := 1, 40
	if s := os.Getenv("CLUSTERFORM_SEED"); s != "" {
		from, _ = strconv.Atoi(s)
		n = 1
	}
	if s := os.Getenv("CLUSTERFORM_SEEDS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	for seed := from; seed < from+n; seed++ {
		t.Run(fmt.Sprint("CLUSTERFORM_SEED=", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := lab(t, int64(seed), api.Faults{}, Options{})
				image := labImage(t, c)
				err := s.SetFaults(api.Faults{
					Throttle: 1, Consistency: api.Consistency{New: seconds(20), Change: seconds(10)}, IAMPropagation: seconds(30),
					LoseResponse: api.Chance{Probability: 0.1}, LoseRequest: api.Chance{Probability: 0.05}, ServerError: api.Chance{Probability: 0.05},
					NeverBoot: 0.1, Capacity: []api.CapacityFault{{InstanceType: "t3.large", Zone: labRegion + "a", Available: seed % 4}},
				})
				if err != nil {
					t.Fatal(err)
				}
				r := newRun(labRegion)
				r.patient = true
				story(t, c, r, image)
			})
		})
	}
}

// network makes what nodes stand on, without faults.
func network(t testing.TB, c *Cloud, r *run) {
	t.Helper()
	for _, change := range []resource.Change{
		r.creation(vpc, &resource.VPC{CIDR: "10.88.0.0/16", DNSHostnames: true, DNSSupport: true}),
		r.creation(subnetA, &resource.Subnet{VPC: vpc, CIDR: "10.88.0.0/17", Zone: labRegion + "a"}),
		r.creation(subnetB, &resource.Subnet{VPC: vpc, CIDR: "10.88.128.0/17", Zone: labRegion + "b"}),
		r.creation(workers, &resource.SecurityGroup{VPC: vpc, Name: "workers", Description: "workers"}),
		r.creation(role, &resource.Role{Name: "workers", Policy: policyFor("worker")}),
	} {
		for a, err := range r.apply(t.Context(), c, change) {
			t.Fatalf("%s: %v", a, err)
		}
	}
}

// nodes are the creations of n nodes.
func nodes(t testing.TB, c *Cloud, r *run, n int) []resource.Change {
	image := labImage(t, c)
	spec := nodeSpec(r, image, labRegion+"a")
	var out []resource.Change
	for i := range n {
		out = append(out, r.creation(resource.Address(pool).Index(i), resource.Clone(spec)))
	}
	return out
}

// living are the ids of the cluster's instances that are not terminated.
func living(t *testing.T, c *Cloud, r *run) []string {
	t.Helper()
	reg, err := c.region(t.Context(), r.region)
	if err != nil {
		t.Fatal(err)
	}
	all, err := (&nodeDriver{reg}).list(t.Context(), r, query{uids: []string{r.uid}})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range all {
		if f.gone == "" {
			out = append(out, f.id)
		}
	}
	slices.Sort(out)
	return out
}

func (r *run) ids(kind resource.Kind) []string {
	var out []string
	for _, rec := range r.records {
		if rec.Kind == kind {
			out = append(out, rec.ID)
		}
	}
	slices.Sort(out)
	return out
}

// inLab runs a test in virtual time with a network, then sets the faults.
func inLab(t *testing.T, faults api.Faults, opts Options, test func(t *testing.T, s *api.Server, c *Cloud, r *run)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, c := lab(t, 1, api.Faults{}, opts)
		r := newRun(labRegion)
		network(t, c, r)
		labImage(t, c)
		if err := s.SetFaults(faults); err != nil {
			t.Fatal(err)
		}
		s.ResetStats()
		test(t, s, c, r)
	})
}

func TestLaunchCapacity(t *testing.T) {
	t.Parallel()
	type placement struct{ instanceType, zone string }
	tests := []struct {
		name   string
		lack   []api.CapacityFault
		n      int
		want   map[placement]int
		failed int
		calls  int
	}{
		{"there is enough", nil, 3, map[placement]int{{"t3.large", "a"}: 3}, 0, 1},
		{
			"the next type takes over", []api.CapacityFault{{InstanceType: "t3.large", Zone: "*a"}}, 3,
			map[placement]int{{"t3a.large", "a"}: 3}, 0, 2,
		},
		{
			"then the next zone", []api.CapacityFault{{Zone: "*a"}}, 3, map[placement]int{{"t3.large", "b"}: 3}, 0, 3,
		},
		{
			"what is left of capacity is used", []api.CapacityFault{{InstanceType: "t3.large", Zone: "*a", Available: 5}, {InstanceType: "t3a.large"}, {Zone: "*b"}}, 8,
			map[placement]int{{"t3.large", "a"}: 5}, 3, 0,
		},
		{"there is none at all", []api.CapacityFault{{}}, 4, nil, 4, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inLab(t, api.Faults{Capacity: test.lack}, Options{}, func(t *testing.T, s *api.Server, c *Cloud, r *run) {
				errs := r.apply(t.Context(), c, nodes(t, c, r, test.n)...)
				if len(errs) != test.failed {
					t.Errorf("%d failed, want %d: %v", len(errs), test.failed, errs)
				}
				for a, err := range errs {
					e, ok := errors.AsType[*resource.Error](err)
					if !ok || e.Code != "InsufficientInstanceCapacity" || e.Hint == "" || e.Address != a {
						t.Errorf("%s: %v", a, err)
					}
					if _, recorded := r.Record(a); recorded {
						t.Errorf("%s is recorded and was never made", a)
					}
				}
				got := map[placement]int{}
				for _, rec := range r.records {
					if n, ok := rec.Spec.(*resource.Node); ok {
						got[placement{n.InstanceType, strings.TrimPrefix(n.Zone, labRegion)}]++
					}
				}
				if !maps.Equal(got, test.want) {
					t.Errorf("launched %v, want %v", got, test.want)
				}
				if calls := s.Stats().Calls["ec2.RunInstances"]; test.calls > 0 && calls != test.calls {
					t.Errorf("%d launches, want %d", calls, test.calls)
				}
				if !slices.Equal(living(t, c, r), r.ids(resource.KindNode)) {
					t.Error("instances and records differ")
				}
				r.same(t, c, resource.KindNode)
			})
		})
	}
}

// TestLostLaunch: the answers of launches are lost, again and again, and no instance is launched twice.
func TestLostLaunch(t *testing.T) {
	t.Parallel()
	for _, lost := range []int{1, 3, 7, maxOtherAttempts + 1} {
		t.Run(fmt.Sprint(lost, " answers"), func(t *testing.T) {
			t.Parallel()
			faults := api.Faults{LoseResponse: api.Chance{Next: lost, Actions: []string{"RunInstances"}}}
			inLab(t, faults, Options{}, func(t *testing.T, _ *api.Server, c *Cloud, r *run) {
				r.must(t, c, nodes(t, c, r, 10)...)
				if got := living(t, c, r); len(got) != 10 || !slices.Equal(got, r.ids(resource.KindNode)) {
					t.Errorf("%d instances live, recorded are %v", len(got), r.ids(resource.KindNode))
				}
			})
		})
	}
}

// TestNeverBoot: instances that never run are replaced, and after three in a row the reason is told.
func TestNeverBoot(t *testing.T) {
	t.Parallel()
	inLab(t, api.Faults{NeverBoot: 1}, Options{}, func(t *testing.T, s *api.Server, c *Cloud, r *run) {
		errs := r.apply(t.Context(), c, nodes(t, c, r, 2)...)
		if len(errs) != 2 {
			t.Fatalf("errors: %v", errs)
		}
		for _, err := range errs {
			if !strings.Contains(err.Error(), "3 instances in a row never ran") {
				t.Errorf("got %v", err)
			}
		}
		if n := s.Stats().Calls["ec2.RunInstances"]; n != launchTries {
			t.Errorf("%d launches, want %d", n, launchTries)
		}
		if ids := r.ids(resource.KindNode); len(ids) > 0 {
			t.Errorf("recorded: %v", ids)
		}
		time.Sleep(time.Minute)
		if left := living(t, c, r); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// TestKilledLaunch kills the run at every commit of a launch; the next one makes no more than was wanted.
func TestKilledLaunch(t *testing.T) {
	t.Parallel()
	const n = 5
	for kill := range 4 {
		t.Run(fmt.Sprint("at commit ", kill), func(t *testing.T) {
			t.Parallel()
			inLab(t, api.Faults{Consistency: api.Consistency{New: seconds(20)}}, Options{}, func(t *testing.T, s *api.Server, c *Cloud, r *run) {
				r.killAt = kill
				r.apply(t.Context(), c, nodes(t, c, r, n)...)
				r.dead, r.killAt = false, -1
				r.serial++
				again := connect(s, Options{})
				changes := slices.DeleteFunc(nodes(t, again, r, n), func(ch resource.Change) bool {
					_, recorded := r.Record(ch.Address())
					return recorded
				})
				if len(changes) > 0 {
					r.must(t, again, changes...)
				}
				time.Sleep(time.Minute)
				if got := living(t, again, r); len(got) != n || !slices.Equal(got, r.ids(resource.KindNode)) {
					t.Errorf("%v live, recorded are %v", got, r.ids(resource.KindNode))
				}
			})
		})
	}
}

// TestKilledCreate does the same for objects whose creates take no client token.
func TestKilledCreate(t *testing.T) {
	t.Parallel()
	specs := map[resource.Address]func() resource.Spec{
		vpc:  func() resource.Spec { return &resource.VPC{CIDR: "10.88.0.0/16", DNSSupport: true} },
		eip:  func() resource.Spec { return &resource.ElasticIP{} },
		role: func() resource.Spec { return &resource.Role{Name: "lab-01234567-worker", Policy: policyFor("worker")} },
	}
	for a, spec := range specs {
		for kill := range 3 {
			t.Run(fmt.Sprint(a, " at commit ", kill), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s, c := lab(t, 1, api.Faults{Consistency: api.Consistency{New: seconds(20)}}, Options{})
					r := newRun(labRegion)
					r.killAt = kill
					r.apply(t.Context(), c, r.creation(a, spec()))
					r.dead, r.killAt = false, -1
					r.serial++
					again := connect(s, Options{})
					if _, recorded := r.Record(a); recorded {
						r.must(t, again, r.change(a, spec()))
					} else {
						r.must(t, again, r.creation(a, spec()))
					}
					time.Sleep(time.Minute)
					r.same(t, again, spec().Kind())
				})
			})
		}
	}
}

// TestLostCreate loses the answer, or the request, of each create that has no client token.
func TestLostCreate(t *testing.T) {
	t.Parallel()
	for action := range createsBlindly {
		for _, fault := range []string{"request", "response"} {
			t.Run(action+" "+fault, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s, c := lab(t, 1, api.Faults{}, Options{})
					image := labImage(t, c)
					chance := api.Chance{Next: 1, Actions: []string{action}}
					faults := api.Faults{LoseRequest: chance, Consistency: api.Consistency{New: seconds(10)}}
					if fault == "response" {
						faults = api.Faults{LoseResponse: chance, Consistency: api.Consistency{New: seconds(10)}}
					}
					if err := s.SetFaults(faults); err != nil {
						t.Fatal(err)
					}
					story(t, c, newRun(labRegion), image)
				})
			})
		}
	}
}
