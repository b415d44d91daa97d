package workload_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/client"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/dockertest"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/workload"
	"github.com/clusterform/clusterform/planner/resource"
)

// parameters is a Parameter Store that holds the Docker API's authority.
type parameters map[string]string

func (p parameters) Get(context.Context, ...string) (map[string]string, error) { return p, nil }
func (p parameters) Put(context.Context, string, string) error                 { return nil }
func (p parameters) Create(context.Context, string, string) (bool, error)      { return true, nil }
func (p parameters) List(context.Context) ([]string, error)                    { return nil, nil }
func (p parameters) Delete(context.Context, ...string) error                   { return nil }

// newSwarm serves a Swarm of two workers, and gives the driver of its workloads. away makes its managers silent.
func newSwarm(t *testing.T, ipvs bool) (s *dockertest.Swarm, d *workload.Driver, away func()) {
	t.Helper()
	s = dockertest.New()
	for i := range 2 {
		n := swarm.Node{ID: fmt.Sprintf("n%d", i), Spec: swarm.NodeSpec{Role: swarm.NodeRoleWorker, Availability: swarm.NodeAvailabilityActive}}
		n.Description.Engine.Labels = map[string]string{client.EngineInstance: fmt.Sprintf("i-%d", i), client.EngineIPVS: fmt.Sprint(ipvs), client.EngineMTU: "1400"}
		n.Status.State = swarm.NodeStateReady
		s.Nodes = append(s.Nodes, n)
	}
	made, err := client.Orchestrator{}.Credentials(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	a, err := pki.ParseAuthority(made[client.ParameterAuthority])
	if err != nil {
		t.Fatal(err)
	}
	pair, err := a.IssueServer(pki.Server{CommonName: "m", Names: []string{client.ServerName}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	state := "manager"
	port := s.Serve(t, a, pair, "127.0.0.1", 0, func() string { return state })
	c, err := client.Orchestrator{Port: port}.Connect(t.Context(), orchestrator.Cluster{Address: "cluster.prod", Hosts: []string{"127.0.0.1"}}, parameters(made))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	away = func() {
		s.Lock()
		defer s.Unlock()
		state = "pending"
	}
	return s, workload.New(connector{c}).Quick(), away
}

// web is a workload; its greeting, its kind with more, and the cluster's more.
func web(greeting, more string) string {
	return `
cluster "prod" {
  orchestrator = "swarm"
  version      = "20.10"
  region       = "us-east-1"
}
workload "web" {
  cluster = cluster.prod
  ` + more + `
  container "app" {
    image = "hello:1"
    env   = { GREETING = "` + greeting + `" }
    port "http" { container = 8080 }
    mount "settings" { path = "/etc/hello" }
    mount "keys" { path = "/run/keys" }
    resources {
      cpu    = "250m"
      memory = "64Mi"
    }
  }
  config "settings" { files = { "a.conf" = "` + greeting + `" } }
  secret "keys" { files = { "key" = "s3cret-of-the-test" } }
  expose "http" {
    port      = 80
    node_port = 30080
  }
}
`
}

// A workload's life: made, unchanged, changed, changed by others, removed.
func TestLife(t *testing.T) {
	t.Parallel()
	s, d, _ := newSwarm(t, true)
	r := newRun(t)
	if err := r.apply(t.Context(), d, r.change(web("one", "replicas = 2"), "workload.web")); err != nil {
		t.Fatal(err)
	}
	x := s.Services[0].Spec
	c := x.TaskTemplate.ContainerSpec
	if x.Name != "default_web" || x.Labels["com.docker.stack.namespace"] != "default" || *x.Mode.Replicated.Replicas != 2 || !slices.Equal(c.Env, []string{"GREETING=one"}) {
		t.Errorf("%+v", x)
	}
	if p := x.EndpointSpec.Ports; len(p) != 1 || p[0].PublishedPort != 30080 || p[0].TargetPort != 8080 || p[0].PublishMode != swarm.PortConfigPublishModeIngress {
		t.Errorf("port 80 of 8080 on 30080 became %+v", p)
	}
	if res := x.TaskTemplate.Resources; res.Reservations.NanoCPUs != 250e6 || res.Reservations.MemoryBytes != 64<<20 {
		t.Errorf("%+v", res.Reservations)
	}
	if len(c.Configs) != 1 || c.Configs[0].ConfigID == "" || c.Configs[0].File.Name != "/etc/hello/a.conf" || len(c.Secrets) != 1 || c.Secrets[0].File.Mode != 0o444 {
		t.Errorf("%+v %+v", c.Configs, c.Secrets)
	}
	if string(s.Secrets[0].Spec.Data) != "s3cret-of-the-test" || len(s.Networks) != 1 || s.Networks[0].Name != "default_default" || s.Networks[0].Options["com.docker.network.driver.mtu"] != "1400" {
		t.Errorf("%+v", s.Networks)
	}
	if diff := r.drift(t.Context(), d, "workload.web"); len(diff) > 0 {
		t.Errorf("right after the apply: %v", diff)
	}
	before := s.Configs[0].Spec.Name
	if err := r.apply(t.Context(), d, r.change(web("two", "replicas = 2"), "workload.web")); err != nil {
		t.Fatal(err)
	}
	if len(s.Configs) != 1 || s.Configs[0].Spec.Name == before || len(s.Secrets) != 1 {
		t.Errorf("the config before stays, or the secret went: %+v", s.Configs)
	}
	s.Services[0].Spec.TaskTemplate.ContainerSpec.Env = []string{"GREETING=theirs"}
	if diff := r.drift(t.Context(), d, "workload.web"); len(diff) != 1 {
		t.Errorf("a change by others differs in %v", diff)
	}
	rec := r.records["workload.web"]
	if err := r.apply(t.Context(), d, resource.Change{Operation: resource.Delete, Before: rec, Ending: true}); err != nil || len(s.Services) != 1 {
		t.Errorf("with its whole cluster it is left alone: %v", err)
	}
	if err := r.apply(t.Context(), d, resource.Change{Operation: resource.Delete, Before: rec}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Services) + len(s.Configs) + len(s.Secrets) + len(s.Networks); n != 0 {
		t.Errorf("%d objects are left", n)
	}
	for _, in := range r.intents {
		if strings.Contains(fmt.Sprint(in), "s3cret") {
			t.Error("a secret is in an intent")
		}
	}
}

func TestWithoutIPVS(t *testing.T) {
	t.Parallel()
	s, d, _ := newSwarm(t, false)
	r := newRun(t)
	if err := r.apply(t.Context(), d, r.change(web("one", "replicas = 2"), "workload.web")); err != nil {
		t.Fatal(err)
	}
	x := s.Services[0].Spec
	if x.EndpointSpec.Mode != swarm.ResolutionModeDNSRR || x.EndpointSpec.Ports[0].PublishMode != swarm.PortConfigPublishModeHost || x.UpdateConfig.Order != swarm.UpdateOrderStopFirst {
		t.Errorf("%+v %+v", x.EndpointSpec, x.UpdateConfig)
	}
	if !r.saidThat("no IPVS") {
		t.Error("nobody was told")
	}
	got, err := d.Read(t.Context(), r, nil, []*resource.Record{r.records["workload.web"]})
	if err != nil || got[0].WarningTitle != "Swarm without IPVS" || !strings.Contains(got[0].Warning, "cluster.prod have no IPVS in their kernel (2 of 2: i-0, i-1)") {
		t.Errorf("%v %+v", err, got)
	}
}

// What keeps a rollout from its end is in the error, with the node's address.
func TestRolloutFails(t *testing.T) {
	t.Parallel()
	refused := func(s *dockertest.Swarm, x *swarm.Service) {
		s.Tasks = nil
		bad := s.Task(x, 1, swarm.TaskStateRejected, "No such image: hello:1")
		bad.NodeID, bad.DesiredState = "n0", swarm.TaskStateShutdown
		s.Tasks = append(s.Tasks, bad)
	}
	deadline := "replicas = 2\nupdate {\nprogress_deadline = \"1s\"\nauto_revert = %t\n}"
	for _, tc := range []struct {
		name, more string
		roll       func(*dockertest.Swarm, *swarm.Service)
		want       []string
	}{
		{"no progress", fmt.Sprintf(deadline, false), refused, []string{"no progress for 1s", "i-0: No such image"}},
		{"no progress, and back", fmt.Sprintf(deadline, true), refused, []string{"no progress for 1s", "i-0: No such image", "It went back to the version before"}},
		{"the Swarm pauses", "replicas = 2", func(s *dockertest.Swarm, x *swarm.Service) {
			refused(s, x)
			x.UpdateStatus = &swarm.UpdateStatus{State: swarm.UpdateStatePaused, Message: "update paused due to failure"}
		}, []string{"update paused", "i-0: No such image"}},
		{"the Swarm goes back", "replicas = 2", func(s *dockertest.Swarm, x *swarm.Service) {
			refused(s, x)
			x.UpdateStatus = &swarm.UpdateStatus{State: swarm.UpdateStateRollbackCompleted}
		}, []string{"went back to the one before", "i-0: No such image"}},
		{"ports are taken", fmt.Sprintf(deadline, false), func(s *dockertest.Swarm, x *swarm.Service) {
			s.Tasks = []swarm.Task{s.Task(x, 1, swarm.TaskStatePending, "no suitable node (host-mode port already in use on 2 nodes)")}
		}, []string{"write replicas no larger than the number of nodes"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, d, _ := newSwarm(t, true)
			r := newRun(t)
			if err := r.apply(t.Context(), d, r.change(web("one", tc.more), "workload.web")); err != nil {
				t.Fatal(err)
			}
			s.Lock()
			s.Roll = func(s *dockertest.Swarm, x *swarm.Service) {
				s.Roll = nil // going back works
				tc.roll(s, x)
			}
			s.Unlock()
			err := r.apply(t.Context(), d, r.change(web("two", tc.more), "workload.web"))
			for _, want := range tc.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
			rec := r.records["workload.web"]
			if !rec.Incomplete || rec.LastError == "" || len(rec.Spec.(*resource.Workload).Objects) != 4 {
				t.Errorf("%+v %+v", rec, rec.Spec) // what the version before needs is still there
			}
			if err := r.apply(t.Context(), d, r.change(web("three", tc.more), "workload.web")); err != nil || r.records["workload.web"].Incomplete {
				t.Errorf("it is not mended: %v", err)
			}
		})
	}
}

// Where tasks lack a node with a free port, and none is on its way, the deadline is not waited for.
func TestMoreTasksThanNodes(t *testing.T) {
	t.Parallel()
	s, d, _ := newSwarm(t, false)
	r := newRun(t)
	s.Roll = func(s *dockertest.Swarm, x *swarm.Service) {
		s.Tasks = []swarm.Task{
			s.Task(x, 1, swarm.TaskStateRunning, ""), s.Task(x, 2, swarm.TaskStateRunning, ""),
			s.Task(x, 3, swarm.TaskStatePending, "no suitable node (host-mode port already in use on 2 nodes)"),
		}
	}
	err := r.apply(t.Context(), d, r.change(web("one", "replicas = 3"), "workload.web"))
	if err == nil || !strings.Contains(err.Error(), "2 of its 3 tasks run") || !strings.Contains(err.Error(), "or add nodes") {
		t.Errorf("%v", err)
	}
}

// With -wait=launched nobody is called before a control-plane node is known to be ready.
func TestLaunchedOnly(t *testing.T) {
	t.Parallel()
	s, d, away := newSwarm(t, true)
	away()
	r := newRun(t)
	r.launchedOnly = true
	change := r.change(web("one", ""), "workload.web")
	if err := r.apply(t.Context(), d, change); err != nil || !r.saidThat("not applied") {
		t.Fatalf("%v %v", err, r.said)
	}
	rec := r.records["workload.web"]
	got, err := d.Read(t.Context(), r, nil, []*resource.Record{rec})
	if err != nil || len(got) != 1 || got[0].Warning != "" || got[0].Status != resource.Present {
		t.Errorf("%v %+v", err, got)
	}
	if err := r.apply(t.Context(), d, resource.Change{Operation: resource.Delete, Before: rec}); err != nil || len(s.Calls) > 0 {
		t.Errorf("%v %v", err, s.Calls)
	}
}

// A job that is applied again as it is does not run again.
func TestJob(t *testing.T) {
	t.Parallel()
	s, d, _ := newSwarm(t, true)
	r := newRun(t)
	text := strings.Replace(web("one", "kind = \"job\"\ncompletions = 2\nparallelism = 2"), "expose \"http\" {\n    port      = 80\n    node_port = 30080\n  }", "", 1)
	for range 2 {
		if err := r.apply(t.Context(), d, r.change(text, "workload.web")); err != nil {
			t.Fatal(err)
		}
	}
	if m := s.Services[0].Spec.Mode.ReplicatedJob; m == nil || *m.TotalCompletions != 2 || *m.MaxConcurrent != 2 {
		t.Errorf("%+v", s.Services[0].Spec.Mode)
	}
	if slices.ContainsFunc(s.Calls, func(c string) bool { return strings.HasSuffix(c, "/update") }) {
		t.Errorf("it ran again: %v", s.Calls)
	}
}

func TestSwarmAway(t *testing.T) {
	t.Parallel()
	_, d, away := newSwarm(t, true)
	r := newRun(t)
	if err := r.apply(t.Context(), d, r.change(web("one", ""), "workload.web")); err != nil {
		t.Fatal(err)
	}
	away()
	rec := r.records["workload.web"]
	got, err := d.Read(t.Context(), r, nil, []*resource.Record{rec})
	if err != nil || got[0].Status != resource.Present || !strings.Contains(got[0].Warning, "stand as recorded") || len(resource.DiffObserved(rec.Spec, got[0].Object.Spec)) > 0 {
		t.Errorf("%v %+v", err, got)
	}
}

// An interrupted run: its intent leads to the service.
func TestRecover(t *testing.T) {
	t.Parallel()
	s, d, _ := newSwarm(t, true)
	r := newRun(t)
	if err := r.apply(t.Context(), d, r.change(web("one", ""), "workload.web")); err != nil {
		t.Fatal(err)
	}
	got, err := d.Recover(t.Context(), r, r.intents)
	if err != nil || len(got) != 1 || got[0].Status != resource.Present || got[0].Found["workload.web"].ID != "default_web" {
		t.Errorf("%v %+v", err, got)
	}
	s.Services = nil
	if got, err = d.Recover(t.Context(), r, r.intents); err != nil || got[0].Status != resource.Gone {
		t.Errorf("%v %+v", err, got)
	}
	rec := r.records["workload.web"]
	if seen, err := d.Read(t.Context(), r, nil, []*resource.Record{rec}); err != nil || seen[0].Status != resource.Gone {
		t.Errorf("%v %+v", err, seen)
	}
}
