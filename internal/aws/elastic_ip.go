package aws

import (
	"context"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// elasticIPs handles elastic addresses; what they are tied to is the associationDriver's.
type elasticIPs struct{ taggedInEC2 }

func (*elasticIPs) kind() resource.Kind { return resource.KindElasticIP }

func (h *elasticIPs) list(ctx context.Context, _ resource.Runtime, q query) ([]*found, error) {
	all, err := h.addresses(ctx, q)
	var out []*found
	for _, a := range all {
		tags := ec2Tags(a.Tags)
		out = append(out, &found{id: sdk.ToString(a.AllocationId), tags: tags, spec: &resource.ElasticIP{
			Tags: tags.user(), PublicIP: sdk.ToString(a.PublicIp),
		}})
	}
	return out, err
}

func (r *region) addresses(ctx context.Context, q query) ([]types.Address, error) {
	var out []types.Address
	for _, filters := range q.filters("allocation-id") {
		page, err := r.ec2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: filters})
		if err != nil {
			return nil, err
		}
		out = append(out, page.Addresses...)
	}
	return out, nil
}

func (h *elasticIPs) create(ctx context.Context, _ resource.Runtime, _ *resource.Object, tags tagSet) (string, error) {
	out, err := h.ec2.AllocateAddress(ctx, &ec2.AllocateAddressInput{
		Domain: types.DomainTypeVpc, TagSpecifications: tags.specification(types.ResourceTypeElasticIp),
	})
	if err != nil {
		return "", err
	}
	return sdk.ToString(out.AllocationId), nil
}

func (*elasticIPs) namesake(context.Context, resource.Runtime, *resource.Object) (*found, error) {
	return nil, nil
}

func (*elasticIPs) converge(context.Context, resource.Runtime, *resource.Object, *found) error {
	return nil
}

func (h *elasticIPs) remove(ctx context.Context, rt resource.Runtime, rec *resource.Record) error {
	return h.whenFree(ctx, rt, rec, func() error {
		_, err := h.ec2.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: &rec.ID})
		return err
	})
}

// associationDriver ties elastic addresses to nodes. An address has at most one association, which a later one replaces:
// every change is the same call.
type associationDriver struct{ *region }

// Read looks at the addresses that the records are about. One tied to something else by hand shows that as its node.
func (d *associationDriver) Read(ctx context.Context, rt resource.Runtime, _ []string, recorded []*resource.Record) ([]resource.Observation, error) {
	q := query{}
	for _, rec := range recorded {
		if eip, ok := rt.ID(rec.Spec.(*resource.ElasticIPAssociation).Address); ok {
			q.ids = append(q.ids, eip)
		}
	}
	byEIP, err := d.byAllocation(ctx, q)
	if err != nil {
		return nil, describe(err, "", "")
	}
	out := make([]resource.Observation, 0, len(recorded))
	for _, rec := range recorded {
		eip, _ := rt.ID(rec.Spec.(*resource.ElasticIPAssociation).Address)
		var f *found
		if a, ok := byEIP[eip]; ok {
			f = foundAssociation(rt, a)
		}
		ob := observe(rec, f, nil)
		if f != nil {
			ob.ID, ob.Object.ID = f.id, f.id
		}
		out = append(out, ob)
	}
	return out, nil
}

func foundAssociation(rt resource.Runtime, a types.Address) *found {
	return &found{id: sdk.ToString(a.AssociationId), spec: &resource.ElasticIPAssociation{
		Address: rt.Ref(resource.KindElasticIP, sdk.ToString(a.AllocationId)),
		Node:    rt.Ref(resource.KindNode, sdk.ToString(a.InstanceId)),
	}}
}

// byAllocation returns the addresses that are tied to something.
func (d *associationDriver) byAllocation(ctx context.Context, q query) (map[string]types.Address, error) {
	out := map[string]types.Address{}
	all, err := d.addresses(ctx, q)
	for _, a := range all {
		if a.AssociationId != nil {
			out[sdk.ToString(a.AllocationId)] = a
		}
	}
	return out, err
}

// Recover finds an association by its address, which the intent names as its id.
func (d *associationDriver) Recover(ctx context.Context, rt resource.Runtime, intents []resource.Intent) ([]resource.Recovery, error) {
	q := query{}
	for _, in := range intents {
		if eip := in.Detail[detailAddress]; eip != "" {
			q.ids = append(q.ids, eip)
		}
	}
	byEIP, err := d.byAllocation(ctx, q)
	if err != nil {
		return nil, describe(err, "", "")
	}
	out := make([]resource.Recovery, 0, len(intents))
	for _, in := range intents {
		var made []*found
		if a, ok := byEIP[in.Detail[detailAddress]]; ok {
			made = []*found{foundAssociation(rt, a)}
		}
		out = append(out, recovery(d.region, resource.KindElasticIPAssociation, in, made))
	}
	return out, nil
}

// detailAddress is the intent's detail with the allocation id.
const detailAddress = "allocation_id"

// Apply associates and disassociates.
func (d *associationDriver) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, report func(int, resource.Result)) {
	announce := func(c resource.Change, in *resource.Intent) {
		spec := specOf(c).(*resource.ElasticIPAssociation)
		eip, _ := rt.ID(spec.Address)
		in.Detail = map[string]string{detailAddress: eip}
	}
	applyEach(ctx, rt, d.region, resource.KindElasticIPAssociation, batch, report, func(c resource.Change) resource.Result {
		if c.Operation == resource.Delete {
			_, err := d.ec2.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: &c.Before.ID})
			if ignoreNotFound(err) != nil {
				return finish(new(*c.Before), err)
			}
			return resource.Result{}
		}
		association, err := d.associate(ctx, rt, c)
		if err != nil && c.Before == nil {
			return resource.Result{Err: describe(err, c.Address(), "")}
		}
		rec := recordOf(c, association)
		if err != nil {
			rec = new(*c.Before)
		}
		return finish(rec, err)
	}, announce)
}

func (d *associationDriver) associate(ctx context.Context, rt resource.Runtime, c resource.Change) (string, error) {
	spec := c.After.Spec.(*resource.ElasticIPAssociation)
	refs := []resource.Ref{spec.Address, spec.Node}
	resolved := make([]string, len(refs))
	for i, ref := range refs {
		v, err := id(rt, ref)
		if err != nil {
			return "", err
		}
		resolved[i] = v
	}
	var association string
	err := d.settled(ctx, func() error {
		out, err := d.ec2.AssociateAddress(ctx, &ec2.AssociateAddressInput{
			AllocationId: &resolved[0], InstanceId: &resolved[1], AllowReassociation: new(true),
		})
		if err == nil {
			association = sdk.ToString(out.AssociationId)
		}
		return err
	}, func(err error) bool {
		// The instance may not be seen to run yet, and its VPC's gateway not to be attached.
		return isCode(err, "IncorrectInstanceState", "IncorrectState", "InvalidInstanceID", "Gateway.NotAttached")
	})
	if err != nil {
		return "", err
	}
	_, err = until(ctx, d.visibleBy(time.Now()), func() (bool, error) {
		byEIP, err := d.byAllocation(ctx, query{ids: resolved[:1]})
		a, ok := byEIP[resolved[0]]
		return ok && sdk.ToString(a.InstanceId) == resolved[1], err
	})
	return association, err
}

func specOf(c resource.Change) resource.Spec {
	if c.After != nil {
		return c.After.Spec
	}
	return c.Before.Spec
}
