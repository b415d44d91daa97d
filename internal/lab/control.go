package lab

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
)

// MachineStatus is what the machine layer knows of an instance.
type MachineStatus struct {
	MemoryMiB int `json:"memory_mib,omitempty"`
	Processes int `json:"processes,omitempty"`
	// Reach is the address under which the host reaches the instance, where it is another than the private address: the
	// VPC's range then collides with something of the host.
	Reach string `json:"reach,omitempty"`
}

// machinesAnswer is GET /_lab/machines.
type machinesAnswer struct {
	Machines   map[string]MachineStatus `json:"machines"`   // by instance, those that run
	Collisions map[string]string        `json:"collisions"` // by VPC
}

// consoleAnswer is GET /_lab/console/ID.
type consoleAnswer struct {
	Console []byte `json:"console"`
}

// endpointHandler is the AWS endpoint with what the runner adds to its control paths.
func (r *runner) endpointHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", r.server)
	mux.Handle("GET /_lab/machines", r.authorised(r.machineList))
	mux.Handle("GET /_lab/console/{id}", r.authorised(r.console))
	return mux
}

func (r *runner) authorised(next http.HandlerFunc) http.Handler {
	want := "Bearer " + r.info.ControlToken
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if subtle.ConstantTimeCompare([]byte(req.Header.Get("Authorization")), []byte(want)) != 1 {
			refuse(w, http.StatusUnauthorized, "the control endpoint wants the lab's token")
			return
		}
		if r.machines == nil {
			refuse(w, http.StatusNotFound, "this lab has no machines: it was started with -machines=none")
			return
		}
		next(w, req)
	})
}

func (r *runner) machineList(w http.ResponseWriter, _ *http.Request) {
	out := machinesAnswer{Machines: map[string]MachineStatus{}, Collisions: r.machines.Collisions()}
	for _, i := range r.server.Status().List {
		var s MachineStatus
		if stats, err := r.machines.Stats(i.ID); err == nil {
			s.MemoryMiB, s.Processes = stats.MemoryMiB, stats.Processes
		}
		if vpc, addr, ok := r.server.Place(i.ID); ok {
			if reach, ok := r.machines.Reach(vpc, addr); ok && reach != addr {
				s.Reach = reach.String()
			}
		}
		out.Machines[i.ID] = s
	}
	answer(w, out)
}

func (r *runner) console(w http.ResponseWriter, req *http.Request) {
	id := req.PathValue("id")
	if _, _, ok := r.server.Place(id); !ok { // it becomes part of a file's name
		refuse(w, http.StatusNotFound, "the lab has no such instance")
		return
	}
	text, err := r.machines.Console(req.Context(), id)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	answer(w, consoleAnswer{Console: text})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that went away needs no answer
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": message})
}
