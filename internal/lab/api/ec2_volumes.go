package api

import (
	"slices"
	"strconv"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// volume is an EBS volume.
type volume struct {
	ID, Zone         string
	Size             int64 // GiB
	Type             string
	IOPS, Throughput *int64
	Encrypted        bool
	KMS, Snapshot    string
	Created          time.Time
	State            string // creating, available, in-use, deleting
	NextAt           time.Time
	Instance, Device string
	Changed          *volumeChange
}

type volumeChange struct {
	At                        time.Time
	Size, NewSize             int64
	Type, NewType             string
	IOPS, NewIOPS             *int64
	Throughput, NewThroughput *int64
}

func checkVolume(typ string, size int64, iops, throughput *int64) error {
	limits := map[string][2]int64{"gp2": {1, 16384}, "gp3": {1, 65536}, "io1": {4, 16384}, "io2": {4, 65536}, "st1": {125, 16384}, "sc1": {125, 16384}, "standard": {1, 1024}}
	l, ok := limits[typ]
	if !ok {
		return fail("InvalidParameterValue", "Invalid value '%s' for volumeType.", typ)
	}
	if size < l[0] || size > l[1] {
		return fail("InvalidParameterValue", "Volume of %dGiB is invalid for %s: the size must be between %d and %d GiB", size, typ, l[0], l[1])
	}
	if (typ == "io1" || typ == "io2") && iops == nil {
		return fail("MissingParameter", "The request must contain the parameter iops")
	}
	if throughput != nil && typ != "gp3" {
		return fail("InvalidParameterCombination", "The parameter throughput is not supported for %s volumes.", typ)
	}
	return nil
}

func (v *volume) performance() (iops, throughput *int64) {
	iops, throughput = v.IOPS, v.Throughput
	switch {
	case v.Type == "gp3":
		if iops == nil {
			iops = new(int64(3000))
		}
		if throughput == nil {
			throughput = new(int64(125))
		}
	case v.Type == "gp2" && iops == nil:
		iops = new(min(max(3*v.Size, 100), 16000))
	}
	return iops, throughput
}

func (s *Server) renderVolume(v *volume) ec2.Volume {
	out := ec2.Volume{
		VolumeId: v.ID, AvailabilityZone: v.Zone, Size: new(v.Size), VolumeType: v.Type, Encrypted: new(v.Encrypted), KmsKeyId: v.KMS,
		SnapshotId: v.Snapshot, CreateTime: new(v.Created), State: v.State, MultiAttachEnabled: new(false), Tags: s.tagsSeen(v.ID).ec2(),
		Attachments: []ec2.VolumeAttachment{},
	}
	out.Iops, out.Throughput = v.performance()
	if i := s.instances.get(v.Instance); i != nil {
		for _, d := range i.Disks {
			if d.Volume == v.ID {
				out.Attachments = append(out.Attachments, ec2.VolumeAttachment{
					VolumeId: v.ID, InstanceId: i.ID, Device: d.Device, State: "attached", AttachTime: new(d.AttachedAt), DeleteOnTermination: new(d.DeleteOnTermination),
				})
			}
		}
	}
	return out
}

func (c *call) createVolume(in *ec2.CreateVolumeRequest) (any, error) {
	z, ok := c.zone(in.AvailabilityZone + in.AvailabilityZoneId)
	if !ok {
		return nil, fail("InvalidZone.NotFound", "The zone '%s' does not exist.", in.AvailabilityZone+in.AvailabilityZoneId)
	}
	if in.Size == nil {
		return nil, fail("MissingParameter", "The request must contain the parameter size or snapshotId")
	}
	typ := in.VolumeType
	if typ == "" {
		typ = "gp2"
	}
	if err := checkVolume(typ, *in.Size, in.Iops, in.Throughput); err != nil {
		return nil, err
	}
	tags, err := specified(in.TagSpecifications, "volume")
	if err != nil {
		return nil, err
	}
	v := &volume{
		ID: c.newID("vol"), Zone: z.name, Size: *in.Size, Type: typ, IOPS: in.Iops, Throughput: in.Throughput, Encrypted: value(in.Encrypted, false),
		KMS: in.KmsKeyId, Snapshot: in.SnapshotId, Created: c.db.now, State: "creating", NextAt: c.db.now.Add(time.Second),
	}
	c.volumes.put(v.ID, v)
	c.setTags(v.ID, tags["volume"])
	c.schedule(v.NextAt, "volume", v.ID)
	out := c.renderVolume(v)
	out.Tags = c.tagsOf(v.ID).ec2()
	return &out, nil
}

func (s *Server) volumeDue(id string) {
	v := s.volumes.get(id)
	if v == nil || v.NextAt.IsZero() || s.db.now.Before(v.NextAt) {
		return
	}
	if v.State == "deleting" {
		s.volumes.delete(id)
		s.tags.delete(id)
		return
	}
	s.volumes.update(id, func(v *volume) {
		v.NextAt = time.Time{}
		if v.State == "creating" {
			v.State = "available"
		}
	})
}

func (c *call) describeVolumes(in *ec2.DescribeVolumesRequest) (any, error) {
	rows, next, err := list(c.s, listing[volume]{
		table: c.volumes, kind: volumeID, ids: in.VolumeIds, filters: in.Filters, max: in.MaxResults, token: in.NextToken, exclude: true,
		id: func(v *volume) string { return v.ID },
		set: filterSet[volume]{
			"volume-id":              func(v *volume, is func(string) bool) bool { return is(v.ID) },
			"status":                 func(v *volume, is func(string) bool) bool { return is(v.State) },
			"availability-zone":      func(v *volume, is func(string) bool) bool { return is(v.Zone) },
			"size":                   func(v *volume, is func(string) bool) bool { return isInt(is, v.Size) },
			"volume-type":            func(v *volume, is func(string) bool) bool { return is(v.Type) },
			"snapshot-id":            func(v *volume, is func(string) bool) bool { return v.Snapshot != "" && is(v.Snapshot) },
			"encrypted":              func(v *volume, is func(string) bool) bool { return isBool(is, v.Encrypted) },
			"attachment.instance-id": func(v *volume, is func(string) bool) bool { return v.Instance != "" && is(v.Instance) },
			"attachment.device":      func(v *volume, is func(string) bool) bool { return v.Device != "" && is(v.Device) },
			"attachment.status":      func(v *volume, is func(string) bool) bool { return v.Instance != "" && is("attached") },
			"attachment.delete-on-termination": func(v *volume, is func(string) bool) bool {
				a := c.renderVolume(v).Attachments
				return len(a) > 0 && is(strconv.FormatBool(*a[0].DeleteOnTermination))
			},
			"create-time": func(v *volume, is func(string) bool) bool {
				return is(v.Created.UTC().Format("2006-01-02T15:04:05.000Z"))
			},
		},
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVolumesResult{Volumes: make([]ec2.Volume, 0, len(rows)), NextToken: next}
	for _, v := range rows {
		out.Volumes = append(out.Volumes, c.renderVolume(v))
	}
	return out, nil
}

func (c *call) deleteVolume(in *ec2.DeleteVolumeRequest) (any, error) {
	v, err := find(c.volumes, volumeID, in.VolumeId)
	if err != nil {
		return nil, err
	}
	if v.Instance != "" {
		return nil, fail("VolumeInUse", "Volume %s is currently attached to %s", v.ID, v.Instance)
	}
	c.volumes.delete(v.ID)
	c.tags.delete(v.ID)
	return nil, nil
}

func (c *call) attachVolume(in *ec2.AttachVolumeRequest) (any, error) {
	v, err := find(c.volumes, volumeID, in.VolumeId)
	if err != nil {
		return nil, err
	}
	i, err := find(c.instances, instanceID, in.InstanceId)
	if err != nil {
		return nil, err
	}
	switch {
	case v.State != "available":
		return nil, fail("IncorrectState", "%s is not 'available'.", v.ID)
	case i.State != stateRunning && i.State != stateStopped && i.State != statePending:
		return nil, fail("IncorrectState", "Instance '%s' is not 'running'.", i.ID)
	case v.Zone != i.Zone:
		return nil, fail("InvalidVolume.ZoneMismatch", "The volume '%s' is not in the same availability zone as instance '%s'", v.ID, i.ID)
	case slices.ContainsFunc(i.Disks, func(d disk) bool { return d.Device == in.Device }):
		return nil, fail("InvalidParameterValue", "Invalid value '%s' for unixDevice. Attachment point %s is already in use", in.Device, in.Device)
	}
	c.instances.update(i.ID, func(i *instance) {
		i.Disks = append(slices.Clone(i.Disks), disk{Device: in.Device, Volume: v.ID, AttachedAt: c.db.now})
	})
	c.volumes.update(v.ID, func(v *volume) { v.State, v.Instance, v.Device = "in-use", i.ID, in.Device })
	return &ec2.VolumeAttachment{VolumeId: v.ID, InstanceId: i.ID, Device: in.Device, State: "attaching", AttachTime: new(c.db.now)}, nil
}

func (c *call) detachVolume(in *ec2.DetachVolumeRequest) (any, error) {
	v, err := find(c.volumes, volumeID, in.VolumeId)
	if err != nil {
		return nil, err
	}
	if v.Instance == "" {
		return nil, fail("IncorrectState", "Volume '%s' is in the 'available' state.", v.ID)
	}
	if in.InstanceId != "" && in.InstanceId != v.Instance {
		return nil, fail("InvalidAttachment.NotFound", "The volume '%s' is not attached to instance '%s'.", v.ID, in.InstanceId)
	}
	if i := c.instances.get(v.Instance); i != nil {
		if c.launchOf(i).Root == v.Device && i.State != stateStopped {
			return nil, fail("OperationNotPermitted", "Unable to detach root volume '%s' from instance '%s'", v.ID, i.ID)
		}
		c.instances.update(i.ID, func(i *instance) {
			i.Disks = slices.DeleteFunc(slices.Clone(i.Disks), func(d disk) bool { return d.Volume == v.ID })
		})
	}
	out := &ec2.VolumeAttachment{VolumeId: v.ID, InstanceId: v.Instance, Device: v.Device, State: "detaching"}
	c.volumes.update(v.ID, func(v *volume) { v.State, v.Instance, v.Device = "available", "", "" })
	return out, nil
}

func (c *call) modifyVolume(in *ec2.ModifyVolumeRequest) (any, error) {
	v, err := find(c.volumes, volumeID, in.VolumeId)
	if err != nil {
		return nil, err
	}
	ch := &volumeChange{At: c.db.now, Size: v.Size, NewSize: value(in.Size, v.Size), Type: v.Type, NewType: v.Type, IOPS: v.IOPS, NewIOPS: v.IOPS, Throughput: v.Throughput, NewThroughput: v.Throughput}
	if in.VolumeType != "" {
		ch.NewType = in.VolumeType
	}
	if in.Iops != nil {
		ch.NewIOPS = in.Iops
	}
	if in.Throughput != nil {
		ch.NewThroughput = in.Throughput
	}
	if ch.NewSize < v.Size {
		return nil, fail("InvalidParameterValue", "New size cannot be smaller than existing size")
	}
	if err := checkVolume(ch.NewType, ch.NewSize, ch.NewIOPS, ch.NewThroughput); err != nil {
		return nil, err
	}
	v = c.volumes.update(v.ID, func(v *volume) {
		v.Size, v.Type, v.IOPS, v.Throughput, v.Changed = ch.NewSize, ch.NewType, ch.NewIOPS, ch.NewThroughput, ch
	})
	out := renderChange(v)
	out.ModificationState, out.Progress = "modifying", new(int64(0))
	return &ec2.ModifyVolumeResult{VolumeModification: &out}, nil
}

func renderChange(v *volume) ec2.VolumeModification {
	ch := v.Changed
	return ec2.VolumeModification{
		VolumeId: v.ID, ModificationState: "completed", Progress: new(int64(100)), StartTime: new(ch.At), EndTime: new(ch.At),
		OriginalSize: new(ch.Size), TargetSize: new(ch.NewSize), OriginalVolumeType: ch.Type, TargetVolumeType: ch.NewType,
		OriginalIops: ch.IOPS, TargetIops: ch.NewIOPS, OriginalThroughput: ch.Throughput, TargetThroughput: ch.NewThroughput,
	}
}

func (c *call) describeVolumesModifications(in *ec2.DescribeVolumesModificationsRequest) (any, error) {
	rows, next, err := list(c.s, listing[volume]{
		table: c.volumes, kind: volumeID, ids: in.VolumeIds, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		set: filterSet[volume]{
			"volume-id":          func(v *volume, is func(string) bool) bool { return is(v.ID) },
			"modification-state": func(v *volume, is func(string) bool) bool { return v.Changed != nil && is("completed") },
		},
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVolumesModificationsResult{VolumesModifications: []ec2.VolumeModification{}, NextToken: next}
	for _, v := range rows {
		if v.Changed != nil {
			out.VolumesModifications = append(out.VolumesModifications, renderChange(v))
		}
	}
	return out, nil
}
