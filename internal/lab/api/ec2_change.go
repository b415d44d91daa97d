package api

import (
	"encoding/base64"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// each finds all the named instances or fails.
func (c *call) each(ids []string) ([]*instance, error) {
	if len(ids) > maxIDs {
		return nil, fail("InvalidParameterValue", "The maximum number of identifiers in one call is %d", maxIDs)
	}
	if len(ids) == 0 {
		return nil, fail("MissingParameter", "The request must contain the parameter InstanceId")
	}
	out := make([]*instance, 0, len(ids))
	named := make(map[string]bool, len(ids))
	for _, id := range ids {
		if _, err := find(c.instances, instanceID, id); err != nil {
			return nil, err
		}
		if i := c.instances.get(id); i != nil && !named[id] {
			named[id] = true
			out = append(out, i)
		}
	}
	return out, nil
}

func stateChange(id, from, to string) ec2.InstanceStateChange {
	return ec2.InstanceStateChange{InstanceId: id, PreviousState: renderState(from), CurrentState: renderState(to)}
}

func (c *call) terminateInstances(in *ec2.TerminateInstancesRequest) (any, error) {
	list, err := c.each(in.InstanceIds)
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		if i.live() && c.launchOf(i).Protected {
			return nil, fail("OperationNotPermitted", "The instance '%s' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.", i.ID)
		}
	}
	out := &ec2.TerminateInstancesResult{}
	for _, i := range list {
		to := i.State
		if i.State != stateTerminated && i.State != stateShuttingDown {
			to = stateShuttingDown
			c.beginTermination(i.ID, "Client.UserInitiatedShutdown", userInitiated(c.db.now))
		}
		out.TerminatingInstances = append(out.TerminatingInstances, stateChange(i.ID, i.State, to))
	}
	return out, nil
}

// beginTermination starts what ends in the state terminated.
func (s *Server) beginTermination(id, code, reason string) {
	at := s.db.now.Add(s.shutdownTime())
	if s.opt.Machines != nil {
		at = time.Time{}
	}
	s.instances.update(id, func(i *instance) { i.State, i.Code, i.Reason, i.NextAt = stateShuttingDown, code, reason, at })
	s.targetsFollow(id)
	if s.opt.Machines != nil {
		s.endMachine(id)
		return
	}
	s.schedule(at, "instance", id)
}

func (c *call) stopInstances(in *ec2.StopInstancesRequest) (any, error) {
	list, err := c.each(in.InstanceIds)
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		switch {
		case i.State != stateRunning && i.State != stateStopping && i.State != stateStopped:
			return nil, fail("IncorrectInstanceState", "This instance '%s' is not in a state from which it can be stopped.", i.ID)
		case i.Spot != "":
			return nil, fail("UnsupportedOperation", "You can't stop the Spot Instance '%s' because it is associated with a one-time Spot Instance request.", i.ID)
		case c.launchOf(i).StopProtected && i.State == stateRunning:
			return nil, fail("OperationNotPermitted", "The instance '%s' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.", i.ID)
		}
	}
	out := &ec2.StopInstancesResult{}
	for _, i := range list {
		to := i.State
		if i.State == stateRunning {
			to = stateStopping
			c.beginStop(i.ID, "Client.UserInitiatedShutdown", userInitiated(c.db.now), value(in.Force, false))
		}
		out.StoppingInstances = append(out.StoppingInstances, stateChange(i.ID, i.State, to))
	}
	return out, nil
}

func (s *Server) beginStop(id, code, reason string, force bool) {
	at := s.db.now.Add(s.shutdownTime())
	if s.opt.Machines != nil {
		at = time.Time{}
	}
	s.instances.update(id, func(i *instance) { i.State, i.Code, i.Reason, i.NextAt = stateStopping, code, reason, at })
	s.targetsFollow(id)
	if s.opt.Machines != nil {
		s.stopMachine(id, force)
		return
	}
	s.schedule(at, "instance", id)
}

func (c *call) startInstances(in *ec2.StartInstancesRequest) (any, error) {
	list, err := c.each(in.InstanceIds)
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		if i.State != stateStopped && i.State != stateRunning && i.State != statePending {
			return nil, fail("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be started.", i.ID)
		}
	}
	for _, i := range list {
		if i.State == stateStopped {
			if _, err := c.capacity(c.launchOf(i).Type, i.Zone, 1, 1); err != nil {
				return nil, err
			}
		}
	}
	out := &ec2.StartInstancesResult{}
	for _, i := range list {
		to := i.State
		if i.State == stateStopped {
			to = statePending
			c.beginStart(i)
		}
		out.StartingInstances = append(out.StartingInstances, stateChange(i.ID, i.State, to))
	}
	return out, nil
}

func (s *Server) beginStart(i *instance) {
	at := s.db.now.Add(s.bootTime())
	if s.opt.Machines != nil {
		at = time.Time{}
	}
	s.instances.update(i.ID, func(i *instance) {
		i.State, i.Code, i.Reason, i.NextAt, i.LaunchTime = statePending, "", "", at, s.db.now.Truncate(time.Second)
	})
	n := s.primary(i)
	sn := s.subnets.get(i.Subnet)
	if n != nil && sn != nil && (n.AutoPublic || sn.PublicIP) && !n.PublicIP.IsValid() {
		ip := s.publicIP()
		s.interfaces.update(n.ID, func(n *netInterface) { n.PublicIP = ip })
	}
	if s.opt.Machines != nil {
		s.bootMachine(i.ID, false)
		return
	}
	s.schedule(at, "instance", i.ID)
}

func (c *call) rebootInstances(in *ec2.RebootInstancesRequest) (any, error) {
	list, err := c.each(in.InstanceIds)
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		if i.State != stateRunning {
			return nil, fail("IncorrectState", "The instance '%s' is not in the 'running' state.", i.ID)
		}
	}
	for _, i := range list {
		if c.opt.Machines != nil {
			c.rebootMachine(i.ID)
		} else if !i.Impaired.IsZero() {
			c.instances.update(i.ID, func(i *instance) { i.Impaired = time.Time{} })
			c.targetsFollow(i.ID)
		}
	}
	return nil, nil
}

func (c *call) getConsoleOutput(in *ec2.GetConsoleOutputRequest) (any, error) {
	i, err := find(c.instances, instanceID, in.InstanceId)
	if err != nil {
		return nil, err
	}
	out := &ec2.GetConsoleOutputResult{InstanceId: i.ID, Timestamp: new(c.db.now)}
	if c.opt.Machines == nil || i.State == stateTerminated {
		return out, nil
	}
	text, cerr := c.console(i.ID)
	if cerr != nil {
		c.log.Warn("the console cannot be read", "instance", i.ID, "error", cerr)
		return out, nil
	}
	const most = 64 << 10
	if len(text) > most {
		text = text[len(text)-most:]
	}
	out.Output = base64.StdEncoding.EncodeToString(text)
	return out, nil
}

// console asks the machine layer, which is never called with the lock held; nothing of the call depends on what may
// change meanwhile.
func (c *call) console(id string) ([]byte, error) {
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.advance(c.opt.Clock.Now())
	}()
	ctx, cancel := boundedContext(c.ctx, consoleBound)
	defer cancel()
	return c.opt.Machines.Console(ctx, id)
}

func (c *call) monitor(ids []string, on bool) ([]ec2.InstanceMonitoring, error) {
	list, err := c.each(ids)
	if err != nil {
		return nil, err
	}
	state := map[bool]string{true: "pending", false: "disabling"}[on]
	var out []ec2.InstanceMonitoring
	for _, i := range list {
		c.relaunch(i, func(l *launch) { l.Monitoring = on })
		out = append(out, ec2.InstanceMonitoring{InstanceId: i.ID, Monitoring: &ec2.Monitoring{State: state}})
	}
	return out, nil
}

func (c *call) monitorInstances(in *ec2.MonitorInstancesRequest) (any, error) {
	out, err := c.monitor(in.InstanceIds, true)
	return &ec2.MonitorInstancesResult{InstanceMonitorings: out}, err
}

func (c *call) unmonitorInstances(in *ec2.UnmonitorInstancesRequest) (any, error) {
	out, err := c.monitor(in.InstanceIds, false)
	return &ec2.UnmonitorInstancesResult{InstanceMonitorings: out}, err
}

func (c *call) describeInstanceCreditSpecifications(in *ec2.DescribeInstanceCreditSpecificationsRequest) (any, error) {
	rows, next, err := list(c.s, listing[instance]{
		table: c.instances, kind: instanceID, ids: in.InstanceIds, filters: in.Filters, max: in.MaxResults, token: in.NextToken, exclude: true,
		set: filterSet[instance]{"instance-id": func(i *instance, is func(string) bool) bool { return is(i.ID) }},
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstanceCreditSpecificationsResult{InstanceCreditSpecifications: []ec2.InstanceCreditSpecification{}, NextToken: next}
	for _, i := range rows {
		if l := c.launchOf(i); l.Credits != "" {
			out.InstanceCreditSpecifications = append(out.InstanceCreditSpecifications, ec2.InstanceCreditSpecification{InstanceId: i.ID, CpuCredits: l.Credits})
		}
	}
	return out, nil
}
