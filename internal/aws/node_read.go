package aws

import (
	"context"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// list observes instances: one call for each thousand of a cluster. Of a cluster, those that are terminated are left out;
// EC2 shows them for about an hour, and asked by id they tell why.
func (d *nodeDriver) list(ctx context.Context, rt resource.Runtime, q query) ([]*found, error) {
	var out []*found
	for _, filters := range q.filters("instance-id") {
		if len(q.uids) > 0 {
			filters = append(filters, filter("instance-state-name", "pending", "running", "stopping", "stopped", "shutting-down"))
		}
		all, err := d.instances(ctx, filters...)
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(all, byLaunchIndex)
		for _, i := range all {
			out = append(out, foundInstance(rt, i))
		}
	}
	return out, nil
}

// byLaunchIndex is the order in which instances of one launch are given to its addresses.
func byLaunchIndex(a, b types.Instance) int {
	if x, y := sdk.ToInt32(a.AmiLaunchIndex), sdk.ToInt32(b.AmiLaunchIndex); x != y {
		return int(x - y)
	}
	return strings.Compare(sdk.ToString(a.InstanceId), sdk.ToString(b.InstanceId))
}

func foundInstance(rt resource.Runtime, i types.Instance) *found {
	tags := ec2Tags(i.Tags)
	n := &resource.Node{
		Pool: resource.Address(tags[resource.TagAddress]), Role: roleOfPool(tags[resource.TagAddress]), Image: sdk.ToString(i.ImageId),
		Subnet: rt.Ref(resource.KindSubnet, sdk.ToString(i.SubnetId)), KeyName: sdk.ToString(i.KeyName),
		Spot: i.InstanceLifecycle == types.InstanceLifecycleTypeSpot, Tags: tags.user(),
	}
	took(n, i)
	n.InstanceTypes = []string{n.InstanceType}
	for _, g := range groupsOf(i) {
		n.SecurityGroups = append(n.SecurityGroups, rt.Ref(resource.KindSecurityGroup, g))
	}
	n.SecurityGroups = resource.SortRefs(n.SecurityGroups)
	if i.IamInstanceProfile != nil {
		arn := sdk.ToString(i.IamInstanceProfile.Arn)
		n.Profile = rt.Ref(resource.KindRole, arn[strings.LastIndexByte(arn, '/')+1:])
	}
	for _, eni := range i.NetworkInterfaces {
		if eni.Association != nil && sdk.ToString(eni.Association.IpOwnerId) == "amazon" {
			n.PublicIP = true
		}
	}
	f := &found{id: sdk.ToString(i.InstanceId), tags: tags, spec: n}
	switch s := stateOf(i); {
	case isEnding(s):
		f.gone = string(s) + ": " + stateReason(i)
	case s == types.InstanceStateNameStopped || s == types.InstanceStateNameStopping:
		f.phase, f.trouble = resource.PhaseLaunching, "stopped outside clusterform: "+stateReason(i)
	case s == types.InstanceStateNamePending:
		f.phase = resource.PhaseLaunching
	default:
		f.phase = resource.PhaseReady
	}
	return f
}

func roleOfPool(pool string) string {
	if strings.HasSuffix(pool, ".control_plane") {
		return "control_plane"
	}
	return "worker"
}

// Read observes the recorded instances and finds those that no record names.
func (d *nodeDriver) Read(ctx context.Context, rt resource.Runtime, uids []string, recorded []*resource.Record) ([]resource.Observation, error) {
	all, err := readTagged(ctx, rt, d.region, resource.KindNode, d, uids, recorded)
	if err != nil {
		return nil, err
	}
	var strangers []*resource.Object
	for _, o := range all {
		if o.Unrecorded {
			strangers = append(strangers, o.Object)
		}
	}
	return all, describe(d.fillDisks(ctx, strangers), "", "")
}

// Recover finds what the launches of a dead run made: an instance that carries the token of an intent belongs to the
// address at its launch index.
func (d *nodeDriver) Recover(ctx context.Context, rt resource.Runtime, intents []resource.Intent) ([]resource.Recovery, error) {
	out, err := recoverTagged(ctx, rt, d.region, resource.KindNode, d, intents)
	if err != nil {
		return nil, err
	}
	var objects []*resource.Object
	for _, r := range out {
		for _, a := range r.Intent.Addresses {
			if o := r.Found[a]; o != nil {
				objects = append(objects, o)
			}
		}
	}
	return out, describe(d.fillDisks(ctx, objects), "", "")
}

// fillDisks looks up the sizes of the boot disks of instances that no record describes.
func (d *nodeDriver) fillDisks(ctx context.Context, objects []*resource.Object) error {
	for part := range slices.Chunk(objects, filterValues) {
		byID := map[string]*resource.Node{}
		for _, o := range part {
			byID[o.ID] = o.Spec.(*resource.Node)
		}
		var instances []string
		for _, o := range part {
			instances = append(instances, o.ID)
		}
		pages := ec2.NewDescribeVolumesPaginator(d.ec2, &ec2.DescribeVolumesInput{
			Filters: []types.Filter{filter("attachment.instance-id", instances...)}, MaxResults: new(int32(500)),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, v := range page.Volumes {
				for _, a := range v.Attachments {
					if n := byID[sdk.ToString(a.InstanceId)]; n != nil && n.DiskGiB == 0 {
						n.DiskGiB = int(sdk.ToInt32(v.Size))
					}
				}
			}
		}
	}
	return nil
}
