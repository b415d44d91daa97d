package api

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
)

// controlHandler answers the lab's own requests:
//
//	GET  /_lab/status                       counts and figures, as JSON
//	GET  /_lab/faults                       the faults as they are
//	PUT  /_lab/faults                       replaces them
//	POST /_lab/instances/ID/power-loss      the machine dies: the instance runs on with failed status checks
//	POST /_lab/instances/ID/spot-interruption
//	POST /_lab/instances/ID/cut             off the network
//	POST /_lab/instances/ID/uncut
//
// With Options.ControlToken set, requests carry it as "Authorization: Bearer TOKEN".
func (s *Server) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_lab/status", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.Status()) })
	mux.HandleFunc("GET /_lab/faults", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.Faults()) })
	mux.HandleFunc("PUT /_lab/faults", func(w http.ResponseWriter, r *http.Request) {
		var f Faults
		d := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
		d.DisallowUnknownFields()
		err := d.Decode(&f)
		if err == nil {
			err = s.SetFaults(f)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		reply(w, s.Faults())
	})
	mux.HandleFunc("POST /_lab/instances/{id}/{what}", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Disturb(r.PathValue("id"), Disturbance(r.PathValue("what"))); err != nil {
			e := asAPIError(err, "ec2")
			http.Error(w, e.Message, e.status())
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if want := s.opt.ControlToken; want != "" && subtle.ConstantTimeCompare([]byte(token), []byte(want)) != 1 {
			http.Error(w, "the lab's control endpoint needs its token: Authorization: Bearer TOKEN", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // a client that went away needs no answer
}

// Status is what GET /_lab/status answers.
type Status struct {
	Region    string           `json:"region"`
	Account   string           `json:"account"`
	Machines  bool             `json:"machines"`
	Instances map[string]int   `json:"instances"` // by state
	Records   map[string]int   `json:"records"`   // by kind
	Stats     Stats            `json:"stats"`
	List      []InstanceStatus `json:"list"` // instances that are not terminated, oldest first, at most 1000
}

// InstanceStatus is one line of Status.
type InstanceStatus struct {
	ID        string `json:"id"`
	State     string `json:"state"`
	Type      string `json:"type"`
	Zone      string `json:"zone"`
	PrivateIP string `json:"private_ip"`
	PublicIP  string `json:"public_ip,omitempty"`
	Name      string `json:"name,omitempty"` // the tag Name
	Impaired  bool   `json:"impaired,omitempty"`
	Cut       bool   `json:"cut,omitempty"`
}

// Status returns counts and figures.
func (s *Server) Status() Status {
	stats := s.Stats()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(s.opt.Clock.Now())
	_ = s.commit() // what came due is written with the next call if it cannot be now
	out := Status{Region: s.opt.Region, Account: s.opt.AccountID, Machines: s.opt.Machines != nil, Instances: map[string]int{}, Records: map[string]int{}, Stats: stats, List: []InstanceStatus{}}
	for kind, t := range s.db.tables {
		n := 0
		for range t.ids() {
			n++
		}
		out.Records[kind] = n
	}
	for i := range s.instances.all() {
		out.Instances[i.State]++
		if !i.live() || len(out.List) >= 1000 {
			continue
		}
		x := InstanceStatus{ID: i.ID, State: i.State, Type: s.launchOf(i).Type, Zone: i.Zone, PrivateIP: i.PrivateIP.String(), Impaired: !i.Impaired.IsZero(), Cut: i.Cut}
		if n := s.primary(i); n != nil && n.PublicIP.IsValid() {
			x.PublicIP = n.PublicIP.String()
		}
		x.Name, _ = s.tagsOf(i.ID).get("Name")
		out.List = append(out.List, x)
	}
	return out
}

// Disturbance is something that can happen to an instance.
type Disturbance string

// What can happen to an instance.
const (
	PowerLoss        Disturbance = "power-loss"
	SpotInterruption Disturbance = "spot-interruption"
	Cut              Disturbance = "cut"
	Uncut            Disturbance = "uncut"
)

// Disturb makes something happen to an instance. A power loss ends the machine where there is one; a cut takes it off
// the network. Both leave the instance running with failed status checks.
func (s *Server) Disturb(id string, what Disturbance) error {
	defer s.runJobs()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(s.opt.Clock.Now())
	i := s.instances.get(id)
	if i == nil {
		return &apiError{Code: "NotFound", Message: "the lab has no instance " + printable(id), Status: 404}
	}
	if !slices.Contains([]string{stateRunning, statePending}, i.State) {
		return &apiError{Code: "Conflict", Message: "instance " + id + " is " + i.State + ", not running", Status: 409}
	}
	switch what {
	case PowerLoss:
		s.powerLoss(i)
	case SpotInterruption:
		if i.Spot == "" {
			return &apiError{Code: "Conflict", Message: "instance " + id + " is not a spot instance", Status: 409}
		}
		if i.SpotEnd.IsZero() {
			s.interruptSpot(i)
		}
	case Cut, Uncut:
		s.instances.update(id, func(i *instance) { i.Cut = what == Cut })
	default:
		return &apiError{Code: "NotFound", Message: "the lab knows power-loss, spot-interruption, cut and uncut, not " + printable(string(what)), Status: 404}
	}
	return s.commit()
}
