package workload_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/client"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/workload"
	"github.com/clusterform/clusterform/planner/resource"
)

// onMachines is the workload of the story; %s are its replicas, its greeting and its image.
const onMachines = `
cluster "prod" {
  orchestrator = "swarm"
  version      = "20.10"
  region       = "us-east-1"
}
workload "web" {
  cluster  = cluster.prod
  replicas = %d
  container "app" {
    image = "registry.lab:5000/hello:%s"
    env   = { GREETING = "%s" }
    port "http" { container = 8080 }
    health_check {
      command  = ["/hello", "check"]
      interval = "1s"
    }
    mount "settings" { path = "/etc/hello" }
    mount "keys" { path = "/run/keys" }
  }
  config "settings" { files = { "a.conf" = "%[3]s" } }
  secret "keys" { files = { "key" = "s3cret-of-the-test" } }
  expose "http" {
    port      = 80
    node_port = 30080
  }
  update {
    progress_deadline = "25s"
    auto_revert       = true
  }
}
`

// TestSwarmOnMachines is a manager and two workers from nothing to a service that answers, and back, in a lab that is up.
func TestSwarmOnMachines(t *testing.T) {
	if os.Getenv("CLUSTERFORM_TEST_SWARM") == "" {
		t.Skip("needs a lab: CLUSTERFORM_TEST_SWARM=1 with the variables of `lab env`")
	}
	ctx := t.Context()
	s := newSite(ctx, t)
	o := client.Orchestrator{}
	for name, value := range must(o.Credentials(time.Now()))(t) {
		if err := s.Put(ctx, name, value); err != nil {
			t.Fatal(err)
		}
	}
	managers := s.launch(ctx, "control_plane", 1)
	if err := s.Put(ctx, "control-plane/leader", managers[0]); err != nil {
		t.Fatal(err)
	}
	workers := s.launch(ctx, "worker", 2)
	connect := func() *client.Client {
		return must(o.Connect(ctx, orchestrator.Cluster{Address: "cluster.prod", UID: s.uid, Hosts: s.hosts()}, s))(t).(*client.Client)
	}
	c := connect()
	defer c.Close()
	members := s.ready(ctx, c, append(workers, managers...)...)
	for i, m := range members {
		settings := orchestrator.NodeSettings{Address: resource.Address(fmt.Sprintf("node[%d]", i)), Pool: "worker", Zone: "us-east-1a", Labels: map[string]string{"tier": "web"}}
		if err := c.Configure(ctx, m, settings); err != nil {
			t.Fatal(err)
		}
	}
	joinBefore := must(s.Get(ctx, "worker/join", "control-plane/join"))(t)
	if err := c.Dismiss(ctx); err != nil {
		t.Fatal(err)
	}
	if left := must(s.Get(ctx, "worker/join", "control-plane/join"))(t); len(joinBefore) != 2 || len(left) != 0 {
		t.Errorf("the tokens are still there: %d, before %d", len(left), len(joinBefore))
	}

	d := workload.New(connector{c})
	r := newRun(t)
	text := func(replicas int, image, greeting string) string {
		return fmt.Sprintf(onMachines, replicas, image, greeting)
	}
	began := time.Now()
	if err := r.apply(ctx, d, r.change(text(2, "1", "one"), "workload.web")); err != nil {
		t.Fatal(err)
	}
	t.Logf("two replicas run after %s", time.Since(began).Round(100*time.Millisecond))
	for _, id := range workers {
		t.Log(strings.ReplaceAll(get(t, "http://"+s.private[id]+":30080/"), "\n", " "))
	}
	if diff := r.drift(ctx, d, "workload.web"); len(diff) > 0 {
		t.Errorf("right after the apply: %v", diff)
	}
	if err := r.apply(ctx, d, r.change(text(2, "1", "two"), "workload.web")); err != nil {
		t.Fatal(err)
	}
	t.Log(r.records["workload.web"].Spec.(*resource.Workload).Objects)
	get(t, "http://"+s.private[workers[0]]+":30080/")

	var logs strings.Builder
	if err := c.Logs(ctx, r.records["workload.web"], orchestrator.LogOptions{Tail: 3}, &logs); err != nil {
		t.Error(err)
	}
	t.Logf("logs:\n%s", &logs)
	t.Log(c.WorkloadStatus(ctx, []*resource.Record{r.records["workload.web"]}))
	t.Log(c.Certificates(ctx))
	_, err := c.Exec(ctx, r.records["workload.web"], orchestrator.ExecOptions{Command: []string{"/hello", "check"}, Out: &logs, Err: &logs})
	t.Logf("exec: %v", err)

	// A version that cannot run goes back to the one before, and says why.
	err = r.apply(ctx, d, r.change(text(2, "missing", "three"), "workload.web"))
	t.Logf("an image that is not there: %v", err)
	if err == nil || !r.records["workload.web"].Incomplete {
		t.Error("an image that is not there is taken for a rollout")
	}
	get(t, "http://"+s.private[workers[0]]+":30080/")
	if err := r.apply(ctx, d, r.change(text(1, "1", "two"), "workload.web")); err != nil {
		t.Fatal(err)
	}

	// Somebody else changes the service.
	err = c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		got, err := api.ServiceInspect(ctx, "default_web", docker.ServiceInspectOptions{})
		if err != nil {
			return err
		}
		two := uint64(2)
		got.Service.Spec.Mode.Replicated.Replicas = &two
		_, err = api.ServiceUpdate(ctx, got.Service.ID, docker.ServiceUpdateOptions{Version: got.Service.Version, Spec: got.Service.Spec})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := r.drift(ctx, d, "workload.web"); len(diff) != 1 {
		t.Errorf("a service that was scaled by hand differs in %v", diff)
	}
	if err := r.apply(ctx, d, r.change(text(1, "1", "two"), "workload.web")); err != nil {
		t.Fatal(err)
	}

	// Two more managers; then the first one, which leads, goes.
	s.began = time.Now()
	more := s.launch(ctx, "control_plane", 2)
	if err := s.Put(ctx, "control-plane/initialised", "yes"); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	c = connect()
	d = workload.New(connector{c})
	members = s.ready(ctx, c, more...)
	if err := c.Remove(ctx, find(t, members, managers[0])); err != nil {
		t.Fatal(err)
	}
	members = must(c.Members(ctx))(t)
	if len(members) != 4 {
		t.Errorf("after the removal of a manager: %+v", members)
	}
	if err := c.Healthy(ctx); err != nil {
		t.Error(err)
	}
	// The service moves to the worker that stays.
	for _, id := range workers[:1] {
		began = time.Now()
		if err := c.Drain(ctx, find(t, members, id), orchestrator.DrainOptions{Timeout: time.Minute, Progress: func(s string) { t.Log(s) }}); err != nil {
			t.Error(err)
		}
		t.Logf("drained after %s", time.Since(began).Round(100*time.Millisecond))
		if err := c.Remove(ctx, find(t, members, id)); err != nil {
			t.Error(err)
		}
	}
	get(t, "http://"+s.private[workers[1]]+":30080/")
	for _, v := range must(c.Environment(ctx, t.TempDir(), 0))(t) {
		t.Log(v.Name + "=" + v.Value)
	}
	if err := r.apply(ctx, d, resource.Change{Operation: resource.Delete, Before: r.records["workload.web"]}); err != nil {
		t.Error(err)
	}
	err = c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		services := must(api.ServiceList(ctx, docker.ServiceListOptions{}))(t)
		configs := must(api.ConfigList(ctx, docker.ConfigListOptions{}))(t)
		secrets := must(api.SecretList(ctx, docker.SecretListOptions{}))(t)
		if n := len(services.Items) + len(configs.Items) + len(secrets.Items); n > 0 {
			t.Errorf("%d objects are left", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func find(t *testing.T, members []orchestrator.Member, instance string) orchestrator.Member {
	t.Helper()
	for _, m := range members {
		if m.Instance == instance {
			return m
		}
	}
	t.Fatalf("%s is no member", instance)
	return orchestrator.Member{}
}
