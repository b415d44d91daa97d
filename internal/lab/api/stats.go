package api

import "maps"

// Stats counts what the server was asked.
type Stats struct {
	Calls  map[string]int `json:"calls"`  // by "service.Action", such as "ec2.RunInstances"; answered or not
	Errors map[string]int `json:"errors"` // by error code; "lost request" and "lost response" for those faults
}

// Total is the number of all calls.
func (s Stats) Total() int {
	n := 0
	for _, c := range s.Calls {
		n += c
	}
	return n
}

// Stats returns the counts since the start or ResetStats.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Calls: maps.Clone(s.stats.Calls), Errors: maps.Clone(s.stats.Errors)}
}

// ResetStats sets all counts to zero.
func (s *Server) ResetStats() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resetStats()
}

func (s *Server) resetStats() { s.stats = Stats{Calls: map[string]int{}, Errors: map[string]int{}} }
