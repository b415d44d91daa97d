package dockertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
)

func (s *Swarm) services(w http.ResponseWriter, r *http.Request, id, verb string) {
	switch { //nolint:staticcheck // the cases are not all about the id
	case id == "":
		name, label := filter(r, "name"), filter(r, "label")
		out := []swarm.Service{}
		for _, x := range s.Services {
			key, value, _ := strings.Cut(label, "=")
			if strings.HasPrefix(x.Spec.Name, name) && (label == "" || x.Spec.Labels[key] == value) {
				out = append(out, x)
			}
		}
		reply(w, out)
		return
	case id == "create":
		x := swarm.Service{ID: fmt.Sprintf("s%d", s.next())}
		_ = json.NewDecoder(r.Body).Decode(&x.Spec)
		x.Version.Index = s.next()
		s.Services = append(s.Services, x)
		s.roll(&s.Services[len(s.Services)-1])
		w.WriteHeader(http.StatusCreated)
		reply(w, map[string]string{"ID": x.ID})
		return
	}
	i := slices.IndexFunc(s.Services, func(x swarm.Service) bool { return x.ID == id || x.Spec.Name == id })
	if i < 0 {
		refuse(w, http.StatusNotFound, "service "+id+" not found")
		return
	}
	x := &s.Services[i]
	switch {
	case verb == "update" && r.URL.Query().Get("rollback") == "previous":
		x.Spec, x.PreviousSpec = *x.PreviousSpec, nil
		x.Version.Index = s.next()
		s.roll(x)
		x.UpdateStatus = &swarm.UpdateStatus{State: swarm.UpdateStateRollbackCompleted, Message: "rollback completed"}
		reply(w, map[string]any{})
	case verb == "update":
		before := x.Spec
		x.Spec, x.PreviousSpec, x.UpdateStatus = swarm.ServiceSpec{}, &before, nil
		_ = json.NewDecoder(r.Body).Decode(&x.Spec)
		x.Version.Index = s.next()
		s.roll(x)
		reply(w, map[string]any{})
	case r.Method == http.MethodDelete:
		s.Services = slices.Delete(s.Services, i, i+1)
		s.Tasks = slices.DeleteFunc(s.Tasks, func(t swarm.Task) bool { return t.ServiceID == id })
	default:
		reply(w, x)
	}
}

func (s *Swarm) roll(x *swarm.Service) {
	if s.Roll == nil {
		s.Run(x)
		return
	}
	s.Roll(s, x)
}

// Run has all tasks of a service running, spread over the active nodes.
func (s *Swarm) Run(x *swarm.Service) {
	s.Tasks = slices.DeleteFunc(s.Tasks, func(t swarm.Task) bool { return t.ServiceID == x.ID })
	var active []string
	for _, n := range s.Nodes {
		if n.Spec.Availability == swarm.NodeAvailabilityActive {
			active = append(active, n.ID)
		}
	}
	n := len(active)
	if m := x.Spec.Mode.Replicated; m != nil && m.Replicas != nil {
		n = int(*m.Replicas)
	}
	state := swarm.TaskStateRunning
	if m := x.Spec.Mode.ReplicatedJob; m != nil {
		n, state = int(*m.TotalCompletions), swarm.TaskStateComplete
		x.JobStatus = &swarm.JobStatus{JobIteration: swarm.Version{Index: s.next()}}
	}
	for i := range n {
		t := s.Task(x, i+1, state, "")
		if len(active) > 0 {
			t.NodeID = active[i%len(active)]
		}
		s.Tasks = append(s.Tasks, t)
	}
}

// Task is a task of a service as it is now.
func (s *Swarm) Task(x *swarm.Service, slot int, state swarm.TaskState, trouble string) swarm.Task {
	t := swarm.Task{
		ID: fmt.Sprintf("t%d", s.next()), ServiceID: x.ID, Slot: slot, Spec: x.Spec.TaskTemplate, DesiredState: swarm.TaskStateRunning,
		Status: swarm.TaskStatus{State: state, Err: trouble},
	}
	t.CreatedAt = time.Unix(int64(s.serial), 0)
	if x.JobStatus != nil {
		t.JobIteration = &x.JobStatus.JobIteration
	}
	return t
}

// objects serves configs, secrets and networks.
func (s *Swarm) objects(w http.ResponseWriter, r *http.Request, kind, id string) {
	if r.Method == http.MethodDelete {
		s.Configs = slices.DeleteFunc(s.Configs, func(x swarm.Config) bool { return x.ID == id || x.Spec.Name == id })
		s.Secrets = slices.DeleteFunc(s.Secrets, func(x swarm.Secret) bool { return x.ID == id || x.Spec.Name == id })
		s.Networks = slices.DeleteFunc(s.Networks, func(x network.Summary) bool { return x.Name == id })
		w.WriteHeader(http.StatusNoContent)
		return
	}
	made := fmt.Sprintf("%s%d", kind, s.serial)
	if id == "create" {
		s.next()
		if kind != "networks" || s.Overtaken == 0 {
			w.WriteHeader(http.StatusCreated)
		}
	}
	switch kind + "/" + id {
	case "configs/":
		reply(w, append([]swarm.Config{}, s.Configs...))
	case "secrets/":
		reply(w, append([]swarm.Secret{}, s.Secrets...))
	case "networks/":
		reply(w, append([]network.Summary{}, s.Networks...))
	case "configs/create":
		x := swarm.Config{ID: made}
		_ = json.NewDecoder(r.Body).Decode(&x.Spec)
		s.Configs = append(s.Configs, x)
		reply(w, map[string]string{"ID": made})
	case "secrets/create":
		x := swarm.Secret{ID: made}
		_ = json.NewDecoder(r.Body).Decode(&x.Spec)
		s.Secrets = append(s.Secrets, x)
		reply(w, map[string]string{"ID": made})
	case "networks/create":
		x := network.Summary{}
		_ = json.NewDecoder(r.Body).Decode(&x.Network)
		x.ID, x.Scope = made, "swarm"
		s.Networks = append(s.Networks, x)
		if s.Overtaken > 0 {
			s.Overtaken--
			refuse(w, http.StatusInternalServerError, "rpc error: code = Unknown desc = name conflicts with an existing object")
			return
		}
		reply(w, map[string]string{"Id": made})
	default:
		refuse(w, http.StatusNotFound, "page not found")
	}
}
