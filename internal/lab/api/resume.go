package api

import (
	"context"
	"slices"
)

// BootMissing boots the machines of all instances that are running on record and not in running, from their disks. It
// is for a lab that comes up again after its host was switched off: the instances' states are those of before, their
// machines are not. One that does not boot stays running with failed status checks. Without Machines it does nothing.
func (s *Server) BootMissing(running []string) {
	if s.opt.Machines == nil {
		return
	}
	s.mu.Lock()
	for i := range s.instances.all() {
		if i.State == stateRunning && !slices.Contains(running, i.ID) {
			s.bootAgain(i.ID)
		}
	}
	s.mu.Unlock()
	s.runJobs()
}

// bootAgain starts the machine of an instance that counts as running. The lock is held.
func (s *Server) bootAgain(id string) {
	s.enqueue(id, job{
		name: "boot again", bound: launchBound,
		do: func(ctx context.Context) error {
			if err := s.settleNetwork(ctx); err != nil {
				// Another VPC's trouble is no reason to leave this machine off: Start says what it lacks.
				s.log.Warn("the lab's network is not complete", "instance", id, "error", err)
			}
			m, err := s.machine(id)
			if err != nil {
				return err
			}
			return s.opt.Machines.Start(ctx, m)
		},
		done: func(err error) {
			if i := s.instances.get(id); err != nil && i != nil && i.State == stateRunning {
				s.machineGone(i, "it did not boot again: "+err.Error())
			}
		},
	})
}
