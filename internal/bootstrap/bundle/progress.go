package bundle

import "time"

// Event is a step of a build that begins or is done.
type Event struct {
	// Step of Steps, from 1; both are 0 for what is no step.
	Step, Steps int
	// Name of what is made: "kubelet v1.34.4".
	Name string
	// Doing is the work, "compiling"; empty when it is done.
	Doing string
	// Cached tells that it was there from an earlier build.
	Cached bool
	// Took is how long it took; Size, in bytes, what came of it.
	Took time.Duration
	Size int64
}

// steps counts what is done.
type steps struct {
	total, n int
	report   func(Event)
	now      func() time.Time
}

// do runs one step; work returns the size of the result and whether it was there already.
func (s *steps) do(name, doing string, work func() (size int64, cached bool, err error)) error {
	s.n++
	began := s.now()
	s.report(Event{Step: s.n, Steps: s.total, Name: name, Doing: doing})
	size, cached, err := work()
	if err != nil {
		return err
	}
	s.report(Event{Step: s.n, Steps: s.total, Name: name, Cached: cached, Took: s.now().Sub(began), Size: size})
	return nil
}
