package client

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/dockertest"
	"github.com/clusterform/clusterform/planner/resource"
)

// store is a Parameter Store in memory.
type store struct {
	mu   sync.Mutex
	has  map[string]string
	puts int
}

func (s *store) Get(_ context.Context, names ...string) (map[string]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]string{}
	for _, n := range names {
		if v, ok := s.has[n]; ok {
			out[n] = v
		}
	}
	return out, nil
}

func (s *store) Put(_ context.Context, name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.has[name] = value
	s.puts++
	return nil
}

func (s *store) Create(context.Context, string, string) (bool, error) {
	return false, errors.ErrUnsupported
}

func (s *store) List(context.Context) ([]string, error) {
	return slices.Sorted(maps.Keys(s.has)), nil
}

func (s *store) Delete(_ context.Context, names ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range names {
		delete(s.has, n)
	}
	return nil
}

func node(id, instance string, role swarm.NodeRole) swarm.Node {
	n := swarm.Node{ID: id, Spec: swarm.NodeSpec{Role: role, Availability: swarm.NodeAvailabilityActive}}
	n.Description.Engine.Labels = map[string]string{EngineInstance: instance, EngineIPVS: "true"}
	n.Status = swarm.NodeStatus{State: swarm.NodeStateReady, Addr: "10.0.0." + strings.TrimPrefix(id, "n")}
	if role == swarm.NodeRoleManager {
		n.ManagerStatus = &swarm.ManagerStatus{Reachability: swarm.ReachabilityReachable, Addr: "10.0.1." + strings.TrimPrefix(id, "n") + ":2377"}
		n.Status.Addr = "0.0.0.0"
	}
	return n
}

// scene is a Swarm of one manager and two workers with a client of it.
type scene struct {
	swarm  *dockertest.Swarm
	store  *store
	client *Client
	// state is what the manager's engine says of itself.
	state atomic.Value
	port  int
	pair  *pki.Pair
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{swarm: dockertest.New(), store: &store{has: map[string]string{}}}
	s.swarm.Nodes = []swarm.Node{node("n1", "i-1", swarm.NodeRoleManager), node("n2", "i-2", swarm.NodeRoleWorker), node("n3", "i-3", swarm.NodeRoleWorker)}
	s.state.Store("manager")
	made, err := Orchestrator{}.Credentials(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s.store.has = made
	a, err := pki.ParseAuthority(made[ParameterAuthority])
	if err != nil {
		t.Fatal(err)
	}
	if s.pair, err = a.IssueServer(pki.Server{CommonName: ServerName, Names: []string{ServerName}}, time.Now()); err != nil {
		t.Fatal(err)
	}
	s.port = s.swarm.Serve(t, a, s.pair, "127.0.0.1", 0, func() string { return s.state.Load().(string) })
	s.connect(t, "127.0.0.1")
	return s
}

func (s *scene) connect(t *testing.T, hosts ...string) {
	t.Helper()
	c, err := Orchestrator{Port: s.port}.Connect(t.Context(), orchestrator.Cluster{Address: "cluster.prod", UID: "u1", Hosts: hosts}, s.store)
	if err != nil {
		t.Fatal(err)
	}
	var ok bool
	if s.client, ok = c.(*Client); !ok {
		t.Fatalf("%T", c)
	}
	t.Cleanup(func() { _ = c.Close() })
}

func (s *scene) member(t *testing.T, instance string) orchestrator.Member {
	t.Helper()
	members, err := s.client.Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(members, func(m orchestrator.Member) bool { return m.Instance == instance })
	if i < 0 {
		t.Fatalf("no member %s in %+v", instance, members)
	}
	return members[i]
}

func TestMembers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	dead := node("n4", "i-2", swarm.NodeRoleWorker) // what i-2 was before it joined again
	dead.Status = swarm.NodeStatus{State: swarm.NodeStateDown, Message: "heartbeat\x1b[31m failure"}
	lost := node("n5", "i-5", swarm.NodeRoleManager)
	lost.ManagerStatus.Reachability = swarm.ReachabilityUnreachable
	silent := node("n6", "i-6", swarm.NodeRoleManager)
	silent.Description.Engine.Labels[EngineSchedulable] = "false"
	silent.Spec.Availability = swarm.NodeAvailabilityDrain
	s.swarm.Nodes = append(s.swarm.Nodes, dead, lost, silent, node("n7", "", swarm.NodeRoleWorker))
	s.swarm.Nodes[2].Status = dead.Status
	for _, tc := range []struct {
		instance, id, address string
		ready, cordoned       bool
		reason                string
	}{
		{"i-1", "n1", "10.0.1.1", true, false, ""},
		{"i-2", "n2", "10.0.0.2", true, false, ""},
		{"i-3", "n3", "", false, false, "its engine is down: heartbeat"},
		{"i-5", "n5", "10.0.1.5", false, false, "the other managers do not reach it"},
		{"i-6", "n6", "10.0.1.6", true, false, ""},
	} {
		m := s.member(t, tc.instance)
		if m.ID != tc.id || m.Ready != tc.ready || m.Cordoned != tc.cordoned || m.Address != tc.address || !strings.HasPrefix(m.Reason, tc.reason) || strings.Contains(m.Reason, "\x1b") {
			t.Errorf("%+v, want %+v", m, tc)
		}
	}
	if n, _ := s.client.Members(t.Context()); len(n) != 5 {
		t.Errorf("%d members", len(n))
	}
}

// A wave of joins: nothing before there is a Swarm, its tokens while it lasts, others that nobody has afterwards.
func TestAdmitAndDismiss(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.state.Store("inactive")
	if err := s.client.Admit(t.Context()); err != nil || s.store.puts > 0 {
		t.Errorf("before there is a Swarm: %v", err)
	}
	s.store.has[initialised] = "yes"
	if err := s.client.Admit(t.Context()); !errors.Is(err, orchestrator.ErrUnreachable) {
		t.Errorf("a Swarm that went away: %v", err)
	}
	s.state.Store("manager")
	for range 2 {
		if err := s.client.Admit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s.store.has[managersJoin] != "SWMTKN-manager-0" || s.store.has[workersJoin] != "SWMTKN-worker-0" || s.store.puts != 2 {
		t.Errorf("%d writes, %v", s.store.puts, slices.Sorted(maps.Keys(s.store.has)))
	}
	s.swarm.OutOfDate = 2
	if err := s.client.Dismiss(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.swarm.Tokens.Worker != "SWMTKN-worker-1" || s.swarm.Tokens.Manager != "SWMTKN-manager-1" || s.store.has[managersJoin]+s.store.has[workersJoin] != "" {
		t.Errorf("%+v", s.swarm.Tokens)
	}
}

// The first address does not answer, the second is no manager yet, the third one is.
func TestAnotherManagerAnswers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	a, err := pki.ParseAuthority(s.store.has[ParameterAuthority])
	if err != nil {
		t.Fatal(err)
	}
	s.swarm.Serve(t, a, s.pair, "127.0.0.3", s.port, func() string { return "pending" })
	s.connect(t, "127.0.0.2", "127.0.0.3", "127.0.0.1")
	if err := s.client.Healthy(t.Context()); err != nil {
		t.Fatal(err)
	}
	// It is demoted, and there is no other.
	s.state.Store("active")
	err = s.client.Healthy(t.Context())
	if !errors.Is(err, orchestrator.ErrUnreachable) {
		t.Fatal(err)
	}
	for _, want := range []string{"127.0.0.2", "127.0.0.3", "not a manager", "control_plane.access of cluster.prod"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

// Who has another authority's certificate is turned away, and turns away.
func TestStrangersAreRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	other := newScene(t)
	s.store.has[ParameterAuthority] = other.store.has[ParameterAuthority]
	s.connect(t, "127.0.0.1")
	if err := s.client.Healthy(t.Context()); !errors.Is(err, orchestrator.ErrUnreachable) || strings.Contains(err.Error(), "PRIVATE") {
		t.Error(err)
	}
}

func TestConfigureKeepsWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.swarm.Nodes[1].Spec.Labels = map[string]string{"theirs": "1"}
	settings := orchestrator.NodeSettings{Address: "node_pool.worker[0]", Pool: "worker", Zone: "a", Labels: map[string]string{"tier": "web", "disk": "ssd"}}
	s.swarm.OutOfDate = 1
	for range 2 {
		if err := s.client.Configure(t.Context(), s.member(t, "i-2"), settings); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.swarm.Calls); n != 2 { // one was refused, one was done, and the second call wrote nothing
		t.Errorf("%v", s.swarm.Calls)
	}
	settings.Labels = map[string]string{"tier": "db"}
	if err := s.client.Configure(t.Context(), s.member(t, "i-2"), settings); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"theirs": "1", "tier": "db", LabelAddress: "node_pool.worker[0]", LabelPool: "worker", LabelZone: "a", labelKeys: "tier"}
	if got := s.swarm.Nodes[1].Spec.Labels; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Work of which the member's port is taken everywhere else is not waited for; nor is more than is asked for by now.
func TestDrainWithoutPlace(t *testing.T) {
	t.Parallel()
	before := &work{services: []string{"s"}, total: map[string]int{"s": 3}}
	for _, tc := range []struct {
		name    string
		now     work
		missing int
		crowded bool
	}{
		{"being stopped", work{here: []string{"web.1"}, elsewhere: map[string]int{"s": 2}, wanted: map[string]int{"s": 3}}, 2, false},
		{"not placed yet", work{elsewhere: map[string]int{"s": 2}, wanted: map[string]int{"s": 3}}, 1, false},
		{"no port is free", work{elsewhere: map[string]int{"s": 2}, wanted: map[string]int{"s": 3}, trouble: map[string]string{"s": "no suitable node (host-mode port already in use on 2 nodes)"}}, 1, true},
		{"fewer are asked for", work{elsewhere: map[string]int{"s": 2}, wanted: map[string]int{"s": 2}}, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.now.names = map[string]string{"s": "web"}
			if got := tc.now.missing(before); len(got) != tc.missing {
				t.Errorf("missing are %q, want %d", got, tc.missing)
			}
			if got := tc.now.crowded(before); got != tc.crowded {
				t.Errorf("crowded is %t", got)
			}
		})
	}
}

// A machine that dies while it is drained is not waited for, although its tasks never say that they ended.
func TestDrainOfDyingNode(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m := s.member(t, "i-2")
	s.swarm.Lock()
	s.swarm.Tasks = []swarm.Task{{ID: "t1", ServiceID: "s", NodeID: m.ID, DesiredState: swarm.TaskStateShutdown, Status: swarm.TaskStatus{State: swarm.TaskStateAssigned}}}
	s.swarm.Nodes[1].Status.State = swarm.NodeStateDown
	s.swarm.Unlock()
	said := ""
	err := s.client.Drain(t.Context(), m, orchestrator.DrainOptions{Timeout: time.Minute, Progress: func(text string) { said = text }})
	if err != nil || !strings.Contains(said, "does not answer") {
		t.Errorf("%v, said %q", err, said)
	}
}

// A call that hangs because its address is gone is made again as soon as the connection is forgotten.
func TestForget(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	hangs := make(chan struct{})
	calls := 0
	done := make(chan error, 1)
	go func() {
		done <- s.client.Do(t.Context(), func(ctx context.Context, _ *docker.Client) error {
			if calls++; calls > 1 {
				return nil
			}
			close(hangs)
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	<-hangs
	s.client.Forget()
	if err := <-done; err != nil || calls != 2 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// An address that was forgotten may seem to answer for a moment still: the others are asked first.
func TestAForgottenAddressComesLast(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	a, err := pki.ParseAuthority(s.store.has[ParameterAuthority])
	if err != nil {
		t.Fatal(err)
	}
	s.swarm.Serve(t, a, s.pair, "127.0.0.5", s.port, func() string { return "manager" })
	s.connect(t, "127.0.0.5", "127.0.0.1")
	for i, want := range []string{"127.0.0.5", "127.0.0.1"} {
		if i > 0 {
			s.client.Forget()
		}
		if conn, err := s.client.manager(t.Context()); err != nil || conn.host != want {
			t.Errorf("%v, %v; want %s", conn, err, want)
		}
	}
}

func TestCordonAndDrain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	three := uint64(3)
	web := swarm.Service{ID: "s1", Spec: swarm.ServiceSpec{Annotations: swarm.Annotations{Name: "default_web"}, Mode: swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &three}}}}
	s.swarm.Services = []swarm.Service{web}
	s.swarm.Run(&web)
	for _, on := range []bool{true, false} {
		if err := s.client.Cordon(t.Context(), s.member(t, "i-2"), on); err != nil || s.member(t, "i-2").Cordoned != on {
			t.Errorf("cordoned %t: %v", on, err)
		}
	}
	var said []string
	if err := s.client.Drain(t.Context(), s.member(t, "i-2"), orchestrator.DrainOptions{Progress: func(text string) { said = append(said, text) }}); err != nil {
		t.Fatal(err)
	}
	if m := s.member(t, "i-2"); !m.Cordoned {
		t.Errorf("%+v", m)
	}
	// Nowhere to go: nodes are all drained.
	s.swarm.Nodes[0].Spec.Availability = swarm.NodeAvailabilityPause
	err := s.client.Drain(t.Context(), s.member(t, "i-3"), orchestrator.DrainOptions{Timeout: time.Nanosecond})
	drain, ok := errors.AsType[*orchestrator.DrainError](err)
	if !ok || len(drain.Waiting) != 1 || !strings.Contains(drain.Waiting[0], "default_web: ") {
		t.Errorf("%v", err)
	}
	if err := s.client.Drain(t.Context(), s.member(t, "i-3"), orchestrator.DrainOptions{Timeout: time.Nanosecond, Force: true}); err != nil {
		t.Errorf("forced: %v", err)
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	managers := func(reachable ...bool) []swarm.Node {
		var out []swarm.Node
		for i, ok := range reachable {
			id := string(rune('1' + i))
			n := node("n"+id, "i-"+id, swarm.NodeRoleManager)
			if !ok {
				n.ManagerStatus.Reachability = swarm.ReachabilityUnreachable
			}
			out = append(out, n)
		}
		return out
	}
	for _, tc := range []struct {
		name     string
		nodes    []swarm.Node
		instance string
		refused  string
		left     int
	}{
		{"a worker", nil, "i-2", "", 2},
		{"a machine that is no member", nil, "i-9", "", 3},
		{"the only manager", nil, "i-1", "it is the last manager", 3},
		{"one of three managers", managers(true, true, true), "i-2", "", 2},
		{"the one that is dead", managers(true, true, false), "i-3", "", 2},
		{"one that is well while another is dead", managers(true, true, false), "i-1", "of the 2 managers that would stay only 1 answer", 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			if tc.nodes != nil {
				s.swarm.Nodes = tc.nodes
			}
			err := s.client.Remove(t.Context(), orchestrator.Member{Instance: tc.instance, Labels: map[string]string{LabelAddress: "node"}})
			if tc.refused == "" && err != nil || tc.refused != "" && (err == nil || !strings.Contains(err.Error(), tc.refused)) {
				t.Errorf("%v, want %q", err, tc.refused)
			}
			if len(s.swarm.Nodes) != tc.left {
				t.Errorf("%d nodes are left, want %d", len(s.swarm.Nodes), tc.left)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	dir := filepath.Join(t.TempDir(), "docker")
	got, err := s.client.Environment(t.Context(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0].Name != "DOCKER_HOST" || !strings.HasPrefix(got[0].Value, "tcp://127.0.0.1:") {
		t.Errorf("%+v", got)
	}
	for _, name := range []string{"ca.pem", "cert.pem", "key.pem"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, err, info)
		}
	}
	if list, _ := os.ReadDir(dir); len(list) != 3 {
		t.Errorf("%v", list)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	now := time.Now()
	made, err := Orchestrator{}.Credentials(now)
	if err != nil {
		t.Fatal(err)
	}
	ca, expires, derived, err := Orchestrator{}.Describe(made)
	if err != nil || !strings.Contains(ca, "BEGIN CERTIFICATE") || strings.Contains(ca, "KEY") || expires.Before(now.AddDate(9, 0, 0)) || len(derived) != 0 {
		t.Errorf("%v %v %v", err, expires, len(derived))
	}
	delete(made, parameterCertificate)
	if _, _, derived, err = (Orchestrator{}).Describe(made); err != nil || derived[parameterCertificate] != ca {
		t.Errorf("%v: the copy is not made again", err)
	}
	if _, _, _, err = (Orchestrator{}).Describe(nil); err == nil || !strings.Contains(err.Error(), ParameterAuthority) {
		t.Errorf("%v", err)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	one := uint64(1)
	s.swarm.Services = []swarm.Service{
		{Spec: swarm.ServiceSpec{Annotations: swarm.Annotations{Name: "default_web"}}, ServiceStatus: &swarm.ServiceStatus{RunningTasks: 1, DesiredTasks: 3},
			UpdateStatus: &swarm.UpdateStatus{State: swarm.UpdateStatePaused, Message: "update paused"}},
		{Spec: swarm.ServiceSpec{Annotations: swarm.Annotations{Name: "default_job"}, Mode: swarm.ServiceMode{ReplicatedJob: &swarm.ReplicatedJob{TotalCompletions: &one}}},
			ServiceStatus: &swarm.ServiceStatus{CompletedTasks: 1}},
	}
	rec := func(id string) *resource.Record {
		return &resource.Record{Object: resource.Object{Address: resource.Address(id), ID: id, Spec: &resource.Workload{Type: "deployment"}}}
	}
	got, err := s.client.WorkloadStatus(t.Context(), []*resource.Record{rec("default_web"), rec("default_job"), rec("default_gone")})
	want := []orchestrator.WorkloadStatus{
		{Address: "default_web", Type: "deployment", Ready: 1, Wanted: 3, Message: "paused: update paused"},
		{Address: "default_job", Type: "deployment", Ready: 1, Wanted: 1},
		{Address: "default_gone", Type: "deployment", Message: "its service is gone; apply makes it again"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}
