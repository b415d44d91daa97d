// Package dockertest plays the managers of a Docker Swarm for tests: the Docker API over mutual TLS, with members, services and
// tasks in memory. Tests of the real thing on machines are in package workload.
package dockertest

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
)

// Swarm is the state that all of its managers show. Hold the lock to look at it while it is served.
type Swarm struct {
	sync.Mutex
	Nodes    []swarm.Node
	Services []swarm.Service
	Tasks    []swarm.Task
	Configs  []swarm.Config
	Secrets  []swarm.Secret
	Networks []network.Summary
	Tokens   swarm.JoinTokens
	Rotated  int
	// Calls are the changes that were asked for: "POST /nodes/n1/update".
	Calls []string
	// Roll makes the tasks of a service that was made or changed; default: all run at once.
	Roll func(s *Swarm, service *swarm.Service)
	// OutOfDate makes that many updates fail as if somebody else had written.
	OutOfDate int
	// Overtaken makes that many networks be made by somebody else right before.
	Overtaken int
	// Logs writes the logs of a service, named as it was asked for; it does not hold the lock. Default: there are none.
	Logs func(w http.ResponseWriter, r *http.Request, service string)
	// Containers serves those of the managers' engines, and what is run in them; it does not hold the lock.
	Containers http.Handler
	serial     uint64
}

// New is a Swarm with tokens and nothing else.
func New() *Swarm {
	return &Swarm{Tokens: swarm.JoinTokens{Worker: "SWMTKN-worker-0", Manager: "SWMTKN-manager-0"}}
}

// Serve is a manager at an address of the loopback network; state is what its engine says of itself, "manager" being a
// working one. It returns the port. Port 0 chooses one.
func (s *Swarm) Serve(t *testing.T, a *pki.Authority, pair *pki.Pair, host string, port int, state func() string) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(s.handler(state))
	server.Listener = listener
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}, ClientCAs: a.Pool(), ClientAuth: tls.RequireAndVerifyClientCert}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // strangers are part of the tests
	server.StartTLS()
	t.Cleanup(server.Close)
	tcp, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("no TCP address")
	}
	return tcp.Port
}

var version = regexp.MustCompile(`^/v[0-9.]+`)

func (s *Swarm) handler(state func() string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		path := version.ReplaceAllString(r.URL.Path, "")
		if path == "/_ping" {
			return
		}
		if service, ok := strings.CutSuffix(strings.TrimPrefix(path, "/services/"), "/logs"); ok {
			if s.Logs != nil {
				s.Logs(w, r, service)
			}
			return
		}
		if s.Containers != nil && (strings.HasPrefix(path, "/containers/") || strings.HasPrefix(path, "/exec/")) {
			r.URL.Path = path
			s.Containers.ServeHTTP(w, r)
			return
		}
		s.Lock()
		defer s.Unlock()
		if path == "/info" {
			info := map[string]any{"LocalNodeState": "active", "ControlAvailable": state() == "manager"}
			if state() != "manager" {
				info["LocalNodeState"] = state()
			}
			for _, n := range s.Nodes {
				if n.Spec.Role == swarm.NodeRoleManager && info["NodeID"] == nil {
					info["NodeID"] = n.ID
				}
			}
			reply(w, map[string]any{"Swarm": info})
			return
		}
		if state() != "manager" {
			refuse(w, http.StatusServiceUnavailable, "This node is not a swarm manager.")
			return
		}
		if r.Method != http.MethodGet {
			s.Calls = append(s.Calls, r.Method+" "+path)
		}
		s.serve(w, r, strings.Split(strings.Trim(path, "/"), "/"))
	})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func (s *Swarm) serve(w http.ResponseWriter, r *http.Request, path []string) {
	kind, id, verb := path[0], "", ""
	if len(path) > 1 {
		id = path[1]
	}
	if len(path) > 2 {
		verb = path[2]
	}
	if verb == "update" || kind == "swarm" && id == "update" {
		if s.OutOfDate > 0 {
			s.OutOfDate--
			refuse(w, http.StatusInternalServerError, "rpc error: code = Unknown desc = update out of sequence")
			return
		}
	}
	switch kind {
	case "swarm":
		s.swarm(w, r)
	case "nodes":
		s.nodes(w, r, id, verb)
	case "services":
		s.services(w, r, id, verb)
	case "tasks":
		service := filter(r, "service")
		for _, x := range s.Services {
			if x.Spec.Name == service {
				service = x.ID
			}
		}
		out := []swarm.Task{}
		for _, t := range s.Tasks {
			if service == "" || t.ServiceID == service {
				out = append(out, t)
			}
		}
		reply(w, out)
	default:
		s.objects(w, r, kind, id)
	}
}

// filter is the one value of a filter, "" without it.
func filter(r *http.Request, name string) string {
	all := map[string]map[string]bool{}
	_ = json.Unmarshal([]byte(r.URL.Query().Get("filters")), &all)
	for v := range all[name] {
		return v
	}
	return ""
}

func (s *Swarm) next() uint64 {
	s.serial++
	return s.serial
}

func (s *Swarm) swarm(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		reply(w, swarm.Swarm{ClusterInfo: swarm.ClusterInfo{ID: "swarm"}, JoinTokens: s.Tokens})
		return
	}
	s.Rotated++
	if r.URL.Query().Get("rotateWorkerToken") == "true" {
		s.Tokens.Worker = fmt.Sprintf("SWMTKN-worker-%d", s.Rotated)
	}
	if r.URL.Query().Get("rotateManagerToken") == "true" {
		s.Tokens.Manager = fmt.Sprintf("SWMTKN-manager-%d", s.Rotated)
	}
}

func (s *Swarm) nodes(w http.ResponseWriter, r *http.Request, id, verb string) {
	if id == "" {
		reply(w, s.Nodes)
		return
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		switch {
		case n.ID != id:
			continue
		case verb == "update":
			n.Spec = swarm.NodeSpec{}
			_ = json.NewDecoder(r.Body).Decode(&n.Spec)
			n.Version.Index = s.next()
			if n.Spec.Role == swarm.NodeRoleWorker {
				n.ManagerStatus = nil
			}
			s.drained(n)
		case r.Method == http.MethodDelete:
			s.Nodes = append(s.Nodes[:i], s.Nodes[i+1:]...)
		default:
			reply(w, n)
		}
		return
	}
	refuse(w, http.StatusNotFound, "node "+id+" not found")
}

// drained moves a node's tasks to the first other one that is active.
func (s *Swarm) drained(n *swarm.Node) {
	if n.Spec.Availability != swarm.NodeAvailabilityDrain {
		return
	}
	for i := range s.Tasks {
		t := &s.Tasks[i]
		if t.NodeID != n.ID || t.Status.State != swarm.TaskStateRunning {
			continue
		}
		t.DesiredState, t.Status.State = swarm.TaskStateShutdown, swarm.TaskStateShutdown
		for _, other := range s.Nodes {
			if other.ID != n.ID && other.Spec.Availability == swarm.NodeAvailabilityActive {
				moved := *t
				moved.ID, moved.NodeID = fmt.Sprintf("t%d", s.next()), other.ID
				moved.DesiredState, moved.Status.State = swarm.TaskStateRunning, swarm.TaskStateRunning
				s.Tasks = append(s.Tasks, moved)
				break
			}
		}
	}
}
