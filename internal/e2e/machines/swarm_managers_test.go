//go:build linux

package machines_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestLoneManager takes the power of a Swarm's only manager: its successor begins a new Swarm, the worker comes to that by
// itself, and the apply puts the workloads back. Before that, commands reach a task on the worker.
func TestLoneManager(t *testing.T) {
	needs(t)
	s := &swarm{newWorld(t, "testdata/swarm")}
	s.apply()
	s.parts(t, []part{
		{"a command in a task on a worker", s.execOnWorker},
		{"what a task writes is followed", s.follow},
		{"the only manager dies", s.loneManagerDies},
		{"destroy leaves nothing", func(t *testing.T) { s.destroy(t) }},
		{"an encrypted network needs a kernel that encrypts", s.encrypted},
	})
}

// TestManagers has three managers. One of them dies and is replaced, and then all are replaced one after another, while a
// client asks the API and another the workload.
func TestManagers(t *testing.T) {
	needs(t)
	s := &swarm{newWorld(t, "testdata/swarm")}
	if o := s.run(1, "plan", "-var=managers=2"); !strings.Contains(o.stderr, "Write 1 or 3") {
		t.Errorf("two managers are refused, but not with what to write:\n%v", o)
	}
	s.apply("-var=managers=3")
	s.parts(t, []part{
		{"one of three dies", s.managerDies},
		{"all are replaced one by one", s.managersRoll},
		{"destroy leaves nothing", func(t *testing.T) { s.destroy(t) }},
	})
}

func (s *swarm) web(t *testing.T) {
	t.Helper()
	s.answers(t, fmt.Sprintf("http://%s:30080/", s.nodes()["node_pool.worker[0]"].Spec.PublicIP), "hello")
}

func (s *swarm) execOnWorker(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"exec", "workload.web", "--", "/hello", "check"}, 0, ""},
		{[]string{"exec", "workload.web", "--", "/hello", "nonsense"}, 1, "nonsense"},
		{[]string{"exec", "workload.web", "--", "/not-there"}, 126, "not-there"}, // as docker says it
		{[]string{"exec", "-tty", "-stdin", "workload.web", "--", "/hello", "check"}, 1, "docker exec -it"},
	} {
		if o := s.try(nil, tt.args...); o.code != tt.code || !strings.Contains(o.stdout+o.stderr, tt.want) {
			t.Errorf("%v\nwant exit %d with %q", o, tt.code, tt.want)
		}
	}
	if left := s.docker("service", "ls", "-q", "--filter", "name=clusterform-exec") + s.docker("secret", "ls", "-q", "--filter", "name=clusterform-exec"); left != "" {
		t.Errorf("left by the commands:\n%s", left)
	}
	s.wantEmpty()
}

func (s *swarm) follow(t *testing.T) {
	r := s.start(t, "logs", "-follow", "-tail=1", "workload.tail")
	eventually(t, 30*time.Second, "lines are added", func() error { return r.writers(1, 3) })
	if line := r.out.String(); !strings.Contains(line, "default_tail.1 on node_pool.worker[0] | tail on ") {
		t.Errorf("who wrote it is not said: %s", line)
	}
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	r.ended(t)
}

func (s *swarm) loneManagerDies(t *testing.T) {
	const victim, worker = "cluster.lab.control_plane[0]", "node_pool.worker[0]"
	before := s.nodes()
	swarmBefore := s.docker("info", "--format", "{{.Swarm.Cluster.ID}}")
	s.run(0, "lab", "kill", victim)
	s.web(t)
	eventually(t, 2*time.Minute, "the plan replaces the dead manager and says what that means", func() error {
		o := s.try(nil, "plan")
		for _, want := range []string{victim + " must be replaced", "The control plane starts anew", worker + " will be updated in place"} {
			if !strings.Contains(o.stdout+o.stderr, want) {
				return fmt.Errorf("it does not say %q:\n%v", want, o)
			}
		}
		return nil
	})
	s.web(t) // what runs goes on without a manager
	s.apply()
	nodes := s.nodes()
	if nodes[victim].ID == before[victim].ID || nodes[worker].ID != before[worker].ID {
		t.Errorf("the nodes are %+v, were %+v: want another manager and the same worker", nodes, before)
	}
	if s.docker("info", "--format", "{{.Swarm.Cluster.ID}}") == swarmBefore {
		t.Error("the Swarm is the one from before")
	}
	s.wantNodes(t, 1, 1)
	s.web(t)
	if o := s.try(nil, "lab", "exec", worker, "--", "sh", "-c", "docker ps -q | wc -l"); strings.TrimSpace(o.stdout) != "2" {
		t.Errorf("on the worker run containers of the Swarm before: %v", o)
	}
	s.wantEmpty()
}

// wantNodes fails unless the Swarm has so many managers, all of which reach one another, and so many workers. A leader that is
// new knows the others only when they have reported to it.
func (s *swarm) wantNodes(t *testing.T, managers, workers int) {
	t.Helper()
	s.serving(t)
	wanted := map[string]int{"Ready/Leader": 1, "Ready/": workers}
	if managers > 1 {
		wanted["Ready/Reachable"] = managers - 1
	}
	eventually(t, time.Minute, fmt.Sprintf("the members are %d managers and %d workers, all of them well", managers, workers), func() error {
		list := strings.TrimSpace(s.docker("node", "ls", "--format", "{{.Status}}/{{.ManagerStatus}}"))
		count := map[string]int{}
		for line := range strings.Lines(list) {
			count[strings.TrimSpace(line)]++
		}
		if maps.Equal(count, wanted) {
			return nil
		}
		return fmt.Errorf("they are:\n%s", list)
	})
}

// serving waits until each manager answers for itself: that it is one of them, the others know a moment before.
func (s *swarm) serving(t *testing.T) {
	t.Helper()
	for address := range s.nodes() {
		if !strings.HasPrefix(address, "cluster.lab.control_plane[") {
			continue
		}
		eventually(t, 30*time.Second, address+" answers as a manager", func() error {
			if o := s.try(nil, "lab", "exec", address, "--", "docker", "node", "ls", "-q"); o.code != 0 {
				return errors.New(o.String())
			}
			return nil
		})
	}
}

func (s *swarm) managerDies(t *testing.T) {
	s.serving(t)
	api := s.askManagers(t)
	victim := ""
	for i := range 3 { // the leader is missed most
		if a := fmt.Sprintf("cluster.lab.control_plane[%d]", i); strings.Contains(s.node(a, "docker", "node", "inspect", "self", "--format", "{{.ManagerStatus.Leader}}"), "true") {
			victim = a
		}
	}
	dead := s.nodes()[victim].ID
	s.run(0, "lab", "kill", victim)
	eventually(t, 2*time.Minute, "the plan replaces the dead manager and says why", func() error {
		plan := s.try(nil, "plan", "-var=managers=3").stdout
		if !strings.Contains(plan, victim+" must be replaced") || !strings.Contains(plan, "status checks fail") {
			return fmt.Errorf("it says:\n%s", plan)
		}
		return nil
	})
	s.apply("-var=managers=3")
	api.stop(t)
	if s.nodes()[victim].ID == dead {
		t.Errorf("%s was not replaced", victim)
	}
	s.wantNodes(t, 3, 1)
	s.web(t)
	s.wantEmpty("-var=managers=3")
}

func (s *swarm) managersRoll(t *testing.T) {
	args := []string{"-var=managers=3", "-var=manager_type=t3.large"}
	before := s.nodes()
	api := s.askManagers(t)
	client := s.ask(t, fmt.Sprintf("http://%s:30080/", before["node_pool.worker[0]"].Spec.PublicIP))
	s.apply(args...)
	client.stop(t)
	api.stop(t)
	for address, n := range s.nodes() {
		if strings.HasPrefix(address, "cluster.lab.control_plane[") && n.ID == before[address].ID {
			t.Errorf("%s was not replaced", address)
		}
	}
	s.wantNodes(t, 3, 1)
	s.wantEmpty(args...)
}

// encrypted wants to be told that the kernel cannot encrypt, or else a workload that answers.
func (s *swarm) encrypted(t *testing.T) {
	o := s.try(nil, "apply", "-auto-approve", "-var=encrypted=true", "-target=cluster.lab")
	if o.code == 0 {
		s.apply("-var=encrypted=true")
		s.web(t)
		options := s.docker("network", "inspect", "default_default", "--format", "{{json .Options}}")
		if !strings.Contains(options, `"encrypted"`) {
			t.Errorf("the network is not encrypted: %s", options)
		}
	} else if text := o.stdout + o.stderr; !strings.Contains(text, "network.overlay.encrypted") || !strings.Contains(text, "cannot encrypt") {
		t.Errorf("the node does not say that its kernel cannot encrypt:\n%v", o)
	}
	s.destroy(t)
}

// askManagers asks the cluster's endpoint, as whoever has the variables of docker-env does, and notes for how long it did not
// list its nodes.
func (s *swarm) askManagers(t *testing.T) *askingManagers {
	t.Helper()
	env := map[string]string{}
	for line := range strings.Lines(s.run(0, "docker-env").stdout) {
		if name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "="); ok {
			env[name] = strings.Trim(strings.TrimSuffix(value, ";"), `'"`)
		}
	}
	dir := env["DOCKER_CERT_PATH"]
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatalf("%v in %v", err, env)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	// No name is set here: the certificates hold the address that docker-env tells.
	config := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}}
	url := "https://" + strings.TrimPrefix(env["DOCKER_HOST"], "tcp://") + "/nodes"
	a := &askingManagers{quit: make(chan struct{})}
	if err := a.ask(client, url); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	a.wg.Go(func() {
		answered := time.Now()
		for {
			select {
			case <-a.quit:
				return
			case <-time.After(300 * time.Millisecond):
			}
			a.asked++
			if err := a.ask(client, url); err == nil {
				answered = time.Now()
			} else if since := time.Since(answered); since > a.longest {
				a.longest, a.last = since, err
			}
		}
	})
	t.Cleanup(a.end)
	return a
}

// askingManagers is a client of a Swarm's managers.
type askingManagers struct {
	quit    chan struct{}
	wg      sync.WaitGroup
	asked   int
	longest time.Duration
	last    error
	ids     []string
}

func (a *askingManagers) ask(client *http.Client, url string) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	var nodes []struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&nodes); err != nil {
		return err
	}
	for _, n := range nodes {
		if !slices.Contains(a.ids, n.ID) {
			a.ids = append(a.ids, n.ID)
		}
	}
	if len(nodes) < 3 { // a dead one goes before its successor comes
		return fmt.Errorf("%d nodes are listed", len(nodes))
	}
	return nil
}

func (a *askingManagers) end() {
	select {
	case <-a.quit:
	default:
		close(a.quit)
	}
	a.wg.Wait()
}

func (a *askingManagers) stop(t *testing.T) {
	t.Helper()
	a.end()
	t.Logf("the managers were asked %d times, listed %d nodes in all, and were without an answer for %s at most", a.asked, len(a.ids), a.longest.Round(100*time.Millisecond))
	// Few questions are asked while most of them wait for a dead manager's answer.
	if a.asked < 3 || a.longest > noAnswer {
		t.Errorf("the managers, asked %d times, did not answer for %s: %v", a.asked, a.longest, a.last)
	}
}
