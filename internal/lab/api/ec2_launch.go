package api

import (
	"net/netip"
	"strings"
	"time"
)

// launchAll makes the instances of an order that was checked.
func (c *call) launchAll(o *order) ([]*instance, error) {
	l := &o.launch
	l.ID = "launch-" + randomHex(c.ids)
	l.Reservation = c.newID("r")
	c.launches.put(l.ID, l)
	c.launchUses[l.ID] = o.want
	made := make([]*instance, 0, o.want)
	for n := range o.want {
		i, err := c.launchOne(o, n)
		if err != nil {
			return nil, err // cannot happen after the checks; what was made stays and is described
		}
		made = append(made, i)
		c.created = append(c.created, i.ID)
	}
	return made, nil
}

func (c *call) launchOne(o *order, index int) (*instance, error) {
	now := c.db.now
	i := &instance{
		ID: c.newID("i"), Launch: o.launch.ID, Index: index, State: statePending, VPC: o.subnet.VPC, Subnet: o.subnet.ID, Zone: o.subnet.Zone,
		LaunchTime: now.Truncate(time.Second),
	}
	primary := o.existing
	if primary == nil {
		base := netInterface{Groups: o.groups, DeleteOnTermination: true}
		if len(o.nics) > 0 {
			base.Description = o.nics[0].Description
			base.DeleteOnTermination = value(o.nics[0].DeleteOnTermination, true)
		}
		var err error
		if primary, err = c.makeAttached(i, o.subnet, base, o.privateIP, o.tags["network-interface"]); err != nil {
			return nil, err
		}
	} else {
		primary = c.interfaces.update(primary.ID, func(n *netInterface) {
			n.Attachment, n.Instance, n.DeviceIndex, n.AttachedAt, n.DeleteOnTermination = c.newID("eni-attach"), i.ID, 0, now, false
		})
	}
	if o.public && !primary.PublicIP.IsValid() {
		ip := c.publicIP()
		c.interfaces.update(primary.ID, func(n *netInterface) { n.PublicIP, n.AutoPublic = ip, true })
	}
	i.PrivateIP, i.Interfaces = primary.PrivateIP, []string{primary.ID}
	for k := 1; k < len(o.nics); k++ {
		spec := &o.nics[k]
		n, err := c.makeAttached(i, c.subnets.get(spec.SubnetId), netInterface{
			Groups: spec.Groups, Description: spec.Description, DeviceIndex: int(value(spec.DeviceIndex, int64(k))),
			DeleteOnTermination: value(spec.DeleteOnTermination, true),
		}, spec.PrivateIpAddress, o.tags["network-interface"])
		if err != nil {
			return nil, err
		}
		i.Interfaces = append(i.Interfaces, n.ID)
	}
	for _, d := range o.disks {
		v := &volume{
			ID: c.newID("vol"), Zone: i.Zone, Size: *d.Ebs.VolumeSize, Type: d.Ebs.VolumeType, IOPS: d.Ebs.Iops, Throughput: d.Ebs.Throughput,
			Encrypted: value(d.Ebs.Encrypted, false), KMS: d.Ebs.KmsKeyId, Snapshot: d.Ebs.SnapshotId, Created: now,
			State: "in-use", Instance: i.ID, Device: d.DeviceName,
		}
		c.volumes.put(v.ID, v)
		c.setTags(v.ID, o.tags["volume"])
		i.Disks = append(i.Disks, disk{Device: d.DeviceName, Volume: v.ID, AttachedAt: now, DeleteOnTermination: value(d.Ebs.DeleteOnTermination, true)})
	}
	if o.profile != "" {
		i.Profile = profileAssociation{ID: c.newID("iip-assoc"), Profile: o.profile}
	}
	if o.spot != nil {
		i.Spot = c.makeSpot(i, o)
	}
	if c.faults.NeverBoot > 0 && c.luck.Float64() < c.faults.NeverBoot {
		i.Doomed = true
	}
	if c.opt.Machines == nil || i.Doomed {
		i.NextAt = now.Add(c.bootTime())
		c.schedule(i.NextAt, "instance", i.ID)
	}
	c.instances.put(i.ID, i)
	c.setTags(i.ID, o.tags["instance"])
	if c.opt.Machines != nil && !i.Doomed {
		c.bootMachine(i.ID, true)
	}
	return i, nil
}

// makeAttached makes an interface that belongs to an instance from the start.
func (c *call) makeAttached(i *instance, sn *subnet, n netInterface, ip string, tags tagSet) (*netInterface, error) {
	n.Attachment, n.Instance, n.AttachedAt = c.newID("eni-attach"), i.ID, c.db.now
	made, err := c.makeInterface(sn, n, ip)
	if err != nil {
		return nil, err
	}
	c.setTags(made.ID, tags)
	return made, nil
}

// instanceDue lets an instance's state change by itself.
func (s *Server) instanceDue(id string) {
	i := s.instances.get(id)
	if i == nil || i.NextAt.IsZero() || s.db.now.Before(i.NextAt) {
		return
	}
	switch i.State {
	case statePending:
		if i.Doomed {
			s.failBoot(id, "Server.InternalError", "Server.InternalError: Internal error on launch")
			return
		}
		s.setRunning(id)
	case stateShuttingDown:
		s.setTerminated(id)
	case stateStopping:
		s.setStopped(id)
	case stateTerminated:
		s.purge(id)
	}
}

func (s *Server) setRunning(id string) {
	s.instances.update(id, func(i *instance) {
		i.State, i.NextAt, i.Impaired = stateRunning, time.Time{}, time.Time{}
	})
	s.targetsFollow(id)
}

// failBoot ends an instance that did not boot, as EC2 does: at once and with a reason.
func (s *Server) failBoot(id, code, reason string) {
	s.instances.update(id, func(i *instance) { i.Code, i.Reason = code, reason })
	s.setTerminated(id)
}

func (s *Server) setStopped(id string) {
	s.instances.update(id, func(i *instance) { i.State, i.NextAt, i.Impaired = stateStopped, time.Time{}, time.Time{} })
	if i := s.instances.get(id); i != nil {
		for _, n := range i.Interfaces {
			s.releasePublic(n)
		}
	}
	s.targetsFollow(id)
}

// releasePublic takes an address that is not elastic off an interface.
func (s *Server) releasePublic(interfaceID string) {
	n := s.interfaces.get(interfaceID)
	if n == nil || n.EIP != "" || !n.PublicIP.IsValid() {
		return
	}
	s.freePublicIP(n.PublicIP)
	s.interfaces.update(interfaceID, func(n *netInterface) { n.PublicIP = netip.Addr{} })
}

// setTerminated takes away what an instance held; it stays visible for an hour.
func (s *Server) setTerminated(id string) {
	i := s.instances.get(id)
	if i == nil || i.State == stateTerminated {
		return
	}
	for _, nid := range i.Interfaces {
		n := s.interfaces.get(nid)
		if n == nil {
			continue
		}
		if n.DeleteOnTermination {
			s.dropInterface(nid)
			continue
		}
		if n.EIP == "" {
			s.releasePublic(nid)
		}
		s.interfaces.update(nid, func(n *netInterface) { n.Attachment, n.Instance = "", "" })
	}
	for _, d := range i.Disks {
		if d.DeleteOnTermination {
			s.volumes.delete(d.Volume)
			s.tags.delete(d.Volume)
		} else {
			s.volumes.update(d.Volume, func(v *volume) { v.State, v.Instance, v.Device = "available", "", "" })
		}
	}
	if i.Spot != "" {
		s.closeSpot(i)
	}
	gone := s.db.now.Add(terminatedVisible)
	s.instances.update(id, func(i *instance) {
		i.State, i.NextAt, i.Interfaces, i.Disks = stateTerminated, gone, nil, nil
		i.SpotEnd, i.Impaired, i.Cut = time.Time{}, time.Time{}, false
	})
	s.schedule(gone, "instance", id)
	s.targetsFollow(id)
}

func (s *Server) purge(id string) {
	if i := s.instances.get(id); i != nil {
		s.dropLaunch(i.Launch)
		s.instances.delete(id)
		s.tags.delete(id)
		delete(s.roleSessions, id)
	}
}

// gmt is how EC2 writes the time in a state transition reason.
func gmt(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " GMT" }

func userInitiated(t time.Time) string { return "User initiated (" + gmt(t) + ")" }

// stateReason gives code and message of why an instance is where it is; empty when there is nothing to say.
func (i *instance) stateReason() (code, message string) {
	switch {
	case i.Code == "" && i.State == statePending:
		return "pending", "pending"
	case i.Code == "":
		return "", ""
	case strings.Contains(i.Reason, ": "):
		return i.Code, i.Reason
	case i.Code == "Client.UserInitiatedShutdown":
		return i.Code, i.Code + ": User initiated shutdown"
	}
	return i.Code, i.Code + ": " + i.Reason
}
