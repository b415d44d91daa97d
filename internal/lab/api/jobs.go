package api

import (
	"context"
	"fmt"
	"time"
)

// Bounds of calls of the machine layer.
const (
	launchBound    = 15 * time.Minute // an image may have to be built first
	stopBound      = 2 * time.Minute
	terminateBound = 2 * time.Minute
	consoleBound   = 10 * time.Second
	networkBound   = time.Minute
)

// jobs is what the machine layer has to do, in order for each instance. Calls are made without the server's lock.
type jobs struct {
	ctx     context.Context
	queues  map[string][]job // an entry exists while a goroutine works on it, or one is about to
	started map[string]bool
}

type job struct {
	name  string
	bound time.Duration
	do    func(ctx context.Context) error
	done  func(err error) // with the lock held
}

func boundedContext(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d)
}

// enqueue adds a job of an instance; runJobs starts it once the lock is free.
func (s *Server) enqueue(id string, j job) {
	if s.jobs.queues == nil {
		s.jobs.queues, s.jobs.started = map[string][]job{}, map[string]bool{}
	}
	s.jobs.queues[id] = append(s.jobs.queues[id], j)
}

// runJobs starts a goroutine for every instance that has jobs and none yet.
func (s *Server) runJobs() {
	if s.opt.Machines == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.jobs.queues {
		if !s.jobs.started[id] && s.jobs.ctx.Err() == nil {
			s.jobs.started[id] = true
			s.wg.Go(func() { s.work(id) })
		}
	}
}

func (s *Server) work(id string) {
	for {
		s.mu.Lock()
		q := s.jobs.queues[id]
		if len(q) == 0 || s.jobs.ctx.Err() != nil {
			delete(s.jobs.queues, id)
			delete(s.jobs.started, id)
			s.mu.Unlock()
			return
		}
		j := q[0]
		s.jobs.queues[id] = q[1:]
		s.mu.Unlock()

		ctx, cancel := boundedContext(s.jobs.ctx, j.bound)
		err := j.do(ctx)
		cancel()
		if err != nil && s.jobs.ctx.Err() == nil {
			s.log.Warn("the machine layer failed", "instance", id, "step", j.name, "error", err)
		}

		s.mu.Lock()
		s.advance(s.opt.Clock.Now())
		if s.jobs.ctx.Err() == nil {
			j.done(err)
		}
		if cerr := s.commit(); cerr != nil {
			s.log.Error("the lab's state cannot be written", "error", cerr)
		}
		s.mu.Unlock()
	}
}

// machine says what an instance needs to boot.
func (s *Server) machine(id string) (Machine, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.instances.get(id)
	if i == nil {
		return Machine{}, fmt.Errorf("instance %s is gone", id)
	}
	n := s.primary(i)
	if n == nil {
		return Machine{}, fmt.Errorf("instance %s has no network interface", id)
	}
	l := s.launchOf(i)
	t := s.types[l.Type]
	m := Machine{
		InstanceID: i.ID, ImageID: l.Image, InstanceType: l.Type, VCPUs: t.VCPUs, MemoryMiB: t.MemoryMiB, VPCID: i.VPC, SubnetID: i.Subnet,
		ENI: n.ID, MAC: n.MAC, PrivateIP: n.PrivateIP, PublicIP: n.PublicIP, Hostname: privateName(n.PrivateIP), Groups: n.Groups,
	}
	if im, err := s.image(l.Image); err == nil {
		m.System = im.System
	}
	for _, d := range i.Disks {
		if v := s.volumes.get(d.Volume); v != nil && d.Device == l.Root {
			m.DiskGiB = int(v.Size)
		}
	}
	return m, nil
}

// bootMachine launches the machine of a new instance, or starts that of a stopped one.
func (s *Server) bootMachine(id string, fresh bool) {
	s.enqueue(id, job{
		name: "boot", bound: launchBound,
		do: func(ctx context.Context) error {
			if err := s.settleNetwork(ctx); err != nil {
				return fmt.Errorf("network: %w", err)
			}
			m, err := s.machine(id)
			if err != nil {
				return err
			}
			if fresh {
				return s.opt.Machines.Launch(ctx, m)
			}
			return s.opt.Machines.Start(ctx, m)
		},
		done: func(err error) {
			i := s.instances.get(id)
			switch {
			case i == nil || i.State != statePending:
			case err == nil:
				s.setRunning(id)
			case fresh:
				s.failBoot(id, "Server.InternalError", "Server.InternalError: "+printableReason(err))
				s.endMachine(id)
			default:
				s.instances.update(id, func(i *instance) {
					i.Code, i.Reason = "Server.InternalError", "Server.InternalError: "+printableReason(err)
				})
				s.setStopped(id)
			}
		},
	})
}

// printableReason is an error of the machine layer as it may stand in a StateReason.
func printableReason(err error) string {
	s := []rune(printableText(err.Error()))
	return string(s[:min(len(s), 500)])
}

func (s *Server) stopMachine(id string, force bool) {
	s.enqueue(id, job{
		name: "stop", bound: stopBound,
		do: func(ctx context.Context) error { return s.opt.Machines.Stop(ctx, id, force) },
		done: func(error) {
			if i := s.instances.get(id); i != nil && i.State == stateStopping {
				s.setStopped(id)
			}
		},
	})
}

func (s *Server) rebootMachine(id string) {
	s.enqueue(id, job{
		name: "reboot", bound: launchBound,
		do: func(ctx context.Context) error { return s.opt.Machines.Reboot(ctx, id) },
		done: func(err error) {
			if i := s.instances.get(id); i != nil && err == nil && !i.Impaired.IsZero() {
				s.instances.update(id, func(i *instance) { i.Impaired = time.Time{} })
			}
		},
	})
}

const terminateRetry = 10 * time.Second

// endMachine removes a machine; it tries again until that worked, because what is left behind would be a leak.
func (s *Server) endMachine(id string) {
	s.enqueue(id, job{
		name: "terminate", bound: terminateBound,
		do: func(ctx context.Context) error {
			err := s.opt.Machines.Terminate(ctx, id)
			if err != nil {
				_ = s.opt.Clock.Sleep(s.jobs.ctx, terminateRetry) // ends early only when the server closes
			}
			return err
		},
		done: func(err error) {
			if err != nil {
				s.endMachine(id)
				return
			}
			if i := s.instances.get(id); i != nil && i.State == stateShuttingDown {
				s.setTerminated(id)
			}
		},
	})
}

// resumeMachines continues after a restart what was under way.
func (s *Server) resumeMachines() {
	s.mu.Lock()
	for i := range s.instances.all() {
		switch i.State {
		case statePending:
			if i.NextAt.IsZero() {
				s.bootMachine(i.ID, true)
			}
		case stateStopping:
			s.stopMachine(i.ID, false)
		case stateShuttingDown:
			s.endMachine(i.ID)
		}
	}
	s.mu.Unlock()
	s.runJobs()
}

// MachineChanged tells the server what a machine did on its own account. A machine that was powered off from inside
// (reason PoweredOff) stops or terminates the instance as its shutdown behaviour says; any other end leaves the instance
// running with failed status checks, which is how EC2 shows a machine that died.
func (s *Server) MachineChanged(instanceID string, state MachineState, reason string) {
	defer s.runJobs()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(s.opt.Clock.Now())
	defer func() {
		if err := s.commit(); err != nil {
			s.log.Error("the lab's state cannot be written", "error", err)
		}
	}()
	i := s.instances.get(instanceID)
	if i == nil {
		return
	}
	switch state {
	case MachineBooted:
		if !i.Impaired.IsZero() {
			s.instances.update(instanceID, func(i *instance) { i.Impaired = time.Time{} })
			s.targetsFollow(instanceID)
		}
	case MachineGone:
		if i.State == stateRunning {
			s.machineGone(i, reason)
		}
	}
}

func (s *Server) machineGone(i *instance, reason string) {
	if reason != PoweredOff {
		s.log.Info("a machine is gone", "instance", i.ID, "reason", printableText(reason))
		s.instances.update(i.ID, func(i *instance) { i.Impaired = s.db.now })
		s.targetsFollow(i.ID)
		return
	}
	const code = "Client.InstanceInitiatedShutdown"
	if s.launchOf(i).Shutdown == "terminate" {
		s.beginTermination(i.ID, code, code+": Instance initiated shutdown")
		return
	}
	s.beginStop(i.ID, code, code+": Instance initiated shutdown", true)
}

// powerLoss ends a machine without notice.
func (s *Server) powerLoss(i *instance) {
	s.instances.update(i.ID, func(i *instance) { i.Impaired = s.db.now })
	s.targetsFollow(i.ID)
	if s.opt.Machines == nil {
		return
	}
	s.enqueue(i.ID, job{
		name: "power loss", bound: stopBound,
		do:   func(ctx context.Context) error { return s.opt.Machines.Stop(ctx, i.ID, true) },
		done: func(error) {},
	})
}
