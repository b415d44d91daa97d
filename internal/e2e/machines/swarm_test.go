//go:build linux

package machines_test

import (
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const onSwarm = "-var=orchestrator=swarm"

// TestSwarm brings up one manager and two workers from the files of TestKubernetes, with one word changed, and takes them
// through the same life. Its parts build on one another.
func TestSwarm(t *testing.T) {
	needs(t)
	s := &swarm{newWorld(t, "testdata/web")}
	for _, part := range []struct {
		name string
		test func(*testing.T)
	}{
		{"from nothing to answering", s.fromNothing},
		{"the engine is reached over mutual TLS alone", s.mutualTLS},
		{"nothing secret is seen", func(t *testing.T) { s.secrets(t, 1, onSwarm) }},
		{"a pool grows and shrinks", s.scale},
		{"a pool rolls while a client asks", s.roll},
		{"a worker loses power", s.powerLoss},
		{"destroy leaves nothing", func(t *testing.T) { s.destroy(t, onSwarm) }},
	} {
		began := time.Now()
		t.Run(part.name, part.test)
		t.Logf("%s: %s", part.name, time.Since(began).Round(100*time.Millisecond))
		if t.Failed() {
			return
		}
	}
}

// swarm is a world whose cluster is a Docker Swarm.
type swarm struct{ *world }

// docker runs the docker command of the manager.
func (s *swarm) docker(args ...string) string {
	s.Helper()
	return s.node("cluster.lab.control_plane[0]", append([]string{"docker"}, args...)...)
}

// workers are the public addresses of the recorded workers.
func (s *swarm) workers() []string {
	var out []string
	for address, n := range s.nodes() {
		if strings.HasPrefix(address, "node_pool.") {
			out = append(out, n.Spec.PublicIP)
		}
	}
	slices.Sort(out)
	return out
}

func (s *swarm) fromNothing(t *testing.T) {
	s.apply(onSwarm)
	s.wantEmpty(onSwarm)
	for _, ip := range s.workers() {
		s.answers(t, fmt.Sprintf("http://%s:30080/", ip), "hello")
	}
	status := s.run(0, "status").stdout
	for _, want := range []string{"cluster.lab", "node_pool.worker[1]", "workload.web", "2/2"} {
		if !strings.Contains(status, want) {
			t.Errorf("status does not say %q:\n%s", want, status)
		}
	}
	for name := range s.storedSecrets(t) {
		if strings.HasSuffix(name, "/join") {
			t.Errorf("%s is still there after the wave", name)
		}
	}
}

func (s *swarm) mutualTLS(t *testing.T) {
	manager := s.nodes()["cluster.lab.control_plane[0]"].Spec
	for _, ip := range []string{manager.PrivateIP, manager.PublicIP} {
		for _, ask := range []string{"http://" + ip + ":2375/version", "https://" + ip + ":2376/version"} {
			o := s.try(nil, "lab", "exec", "cluster.lab.control_plane[0]", "--", "curl", "-sk", "-m", "3", ask)
			if o.code == 0 || strings.Contains(o.stdout, "ApiVersion") {
				t.Errorf("%s answers without a certificate: %v", ask, o)
			}
		}
	}
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Log("the docker command is not here, so docker-env is not tried with it")
		return
	}
	cmd := exec.Command("sh", "-c", `eval "$("$0" docker-env)" && exec "$1" node ls --format '{{.Status}}'`, s.path, docker)
	cmd.Dir, cmd.Env = s.config(), append(slices.Clone(s.env), "SHELL=/bin/sh")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "Ready") != 3 {
		t.Errorf("docker by docker-env: %v\n%s", err, out)
	}
}

func (s *swarm) scale(t *testing.T) {
	tokens := s.docker("swarm", "join-token", "-q", "worker")
	s.apply(onSwarm, "-var=workers=3")
	s.wantEmpty(onSwarm, "-var=workers=3")
	for _, ip := range s.workers() {
		s.answers(t, fmt.Sprintf("http://%s:30080/", ip), "hello")
	}
	if s.docker("swarm", "join-token", "-q", "worker") == tokens {
		t.Error("what the nodes joined with is still good after the wave")
	}
	s.apply(onSwarm)
	s.wantEmpty(onSwarm)
	s.wantMembers(t)
}

func (s *swarm) wantMembers(t *testing.T) {
	t.Helper()
	if list := s.docker("node", "ls", "--format", "{{.Status}} {{.Availability}}"); strings.Count(list, "Ready") != 3 || len(strings.Fields(list)) != 6 {
		t.Errorf("the members are not the manager and two workers, all of them ready:\n%s", list)
	}
}

func (s *swarm) roll(t *testing.T) {
	const bigger = "-var=instance_type=t3.xlarge"
	before := s.nodes()
	client := s.askAny(t)
	// The first replacement is under way when the process dies: one node is there too many.
	s.killWhen(t, func() bool { return len(s.running()) > len(before) }, "apply", "-auto-approve", onSwarm, bigger)
	s.apply(onSwarm, bigger)
	client.stop(t)
	for address, n := range s.nodes() {
		if strings.HasPrefix(address, "node_pool.") && (n.ID == before[address].ID || n.Spec.InstanceType != "t3.xlarge") {
			t.Errorf("%s was not replaced: %+v", address, n)
		}
	}
	s.wantMembers(t)
	s.wantEmpty(onSwarm, bigger)
}

// askAny starts a client that tries one node after another, as whoever asks a published port without a mesh does: a request
// has failed when no node answers it.
func (s *swarm) askAny(t *testing.T) *asking {
	s.answers(t, fmt.Sprintf("http://%s:30080/", s.workers()[0]), "hello")
	var mu sync.Mutex
	known := map[string]bool{}
	look := func() {
		for _, i := range s.running() {
			if ip := i.PublicIpAddress; ip != nil {
				mu.Lock()
				known[*ip] = true
				mu.Unlock()
			}
		}
	}
	look()
	a := &asking{quit: make(chan struct{})}
	every := func(d time.Duration, do func()) {
		for {
			select {
			case <-a.quit:
				return
			case <-time.After(d):
				do()
			}
		}
	}
	a.wg.Go(func() { every(2*time.Second, look) })
	last := "" // who answered is asked first
	a.wg.Go(func() {
		every(50*time.Millisecond, func() {
			mu.Lock()
			all := slices.Sorted(maps.Keys(known))
			mu.Unlock()
			a.asked++
			var errs []error
			for _, ip := range append([]string{last}, all...) {
				if ip == "" {
					continue
				}
				_, err := get("http://" + ip + ":30080/")
				if err == nil {
					last = ip
					return
				}
				errs = append(errs, err)
			}
			a.failed = append(a.failed, fmt.Sprintf("%s: %v", time.Now().Format("15:04:05.000"), errors.Join(errs...)))
		})
	})
	t.Cleanup(a.end)
	return a
}

func (s *swarm) powerLoss(t *testing.T) {
	args := []string{onSwarm, "-var=instance_type=t3.xlarge"}
	dead := s.nodes()["node_pool.worker[0]"].ID
	s.run(0, "lab", "kill", "node_pool.worker[0]")
	plan := ""
	eventually(t, time.Minute, "the plan names the dead node", func() error {
		plan = s.try(nil, append([]string{"plan"}, args...)...).stdout
		if !strings.Contains(plan, "node_pool.worker[0]") {
			return fmt.Errorf("it says:\n%s", plan)
		}
		return nil
	})
	if !strings.Contains(plan, "status checks fail") {
		t.Errorf("the plan gives no reason:\n%s", plan)
	}
	s.answers(t, fmt.Sprintf("http://%s:30080/", s.nodes()["node_pool.worker[1]"].Spec.PublicIP), "hello")
	s.apply(args...)
	if s.nodes()["node_pool.worker[0]"].ID == dead {
		t.Errorf("node_pool.worker[0] was not replaced; the plan was:\n%s", plan)
	}
	for _, ip := range s.workers() {
		s.answers(t, fmt.Sprintf("http://%s:30080/", ip), "hello")
	}
	s.wantMembers(t)
	s.wantEmpty(args...)
}

func (s *swarm) destroy(t *testing.T, args ...string) {
	s.run(0, append([]string{"destroy", "-auto-approve"}, args...)...)
	if left := s.leftovers(t); len(left) > 0 {
		t.Errorf("destroy left:\n%s", strings.Join(left, "\n"))
	}
}
