package aws

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/clusterform/clusterform/planner/resource"
)

// Zones lists the region's availability zones that are available, sorted. Local and wavelength zones are not among them.
func (c *Cloud) Zones(ctx context.Context, regionName string) ([]string, error) {
	r, err := c.region(ctx, regionName)
	if err != nil {
		return nil, err
	}
	out, err := r.ec2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{Filters: []types.Filter{filter("state", "available")}})
	if err != nil {
		return nil, describe(err, "", "")
	}
	var zones []string
	for _, z := range out.AvailabilityZones {
		if kind := sdk.ToString(z.ZoneType); kind == "" || kind == "availability-zone" {
			zones = append(zones, sdk.ToString(z.ZoneName))
		}
	}
	slices.Sort(zones)
	return zones, nil
}

// Image resolves a reference to an image id: "ami-…" is one, "ssm:/name" is the value of an SSM parameter, private or one
// of those that the makers of images publish.
func (c *Cloud) Image(ctx context.Context, regionName, ref string) (string, error) {
	if strings.HasPrefix(ref, "ami-") {
		return ref, nil
	}
	name, ok := strings.CutPrefix(ref, "ssm:")
	if !ok {
		return "", &resource.Error{Message: fmt.Sprintf("image %q is neither an image id nor an ssm: reference", ref), Hint: `Write "ami-…" or "ssm:/name/of/parameter"`}
	}
	r, err := c.region(ctx, regionName)
	if err != nil {
		return "", err
	}
	out, err := r.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if err != nil {
		return "", describe(fmt.Errorf("image %q: %w", ref, err), "", name)
	}
	id := sdk.ToString(out.Parameter.Value)
	if !strings.HasPrefix(id, "ami-") {
		return "", &resource.Error{Op: "ssm:GetParameter", ID: name, Message: "the parameter does not hold an image id", Hint: "Choose a parameter whose value is ami-…"}
	}
	return id, nil
}

// Find observes an existing object by its cloud id, for an import. Address, cluster and UID are the importer's to set; an
// update then tags it as theirs. The error says when there is none.
func (c *Cloud) Find(ctx context.Context, rt resource.Runtime, regionName string, kind resource.Kind, cloudID string) (*resource.Object, error) {
	r, err := c.region(ctx, regionName)
	if err != nil {
		return nil, err
	}
	var l lister
	switch kind {
	case resource.KindNode:
		l = &nodeDriver{r}
	case resource.KindSecurityGroupRules:
		l = &rulesDriver{r}
	default:
		h, err := r.handler(kind)
		if err != nil {
			return nil, &resource.Error{ID: cloudID, Message: fmt.Sprintf("objects of kind %s cannot be imported", kind), Hint: "They are made anew where missing: leave the import block out"}
		}
		l = h
	}
	all, err := l.list(ctx, rt, query{ids: []string{cloudID}})
	if err != nil {
		return nil, describe(err, "", cloudID)
	}
	f := first(all)
	if f == nil || f.gone != "" {
		return nil, &resource.Error{
			ID: cloudID, Message: fmt.Sprintf("no %s of this id exists in %s", kind, r.name), Hint: "Check the id and the cluster's region",
		}
	}
	o := f.object(kind, r.name)
	if kind == resource.KindNode {
		if err := (&nodeDriver{r}).fillDisks(ctx, []*resource.Object{o}); err != nil {
			return nil, describe(err, "", cloudID)
		}
	}
	return o, nil
}

// rootDevice is the name of an image's boot disk, asked for once: who comes while it is being asked for waits for the answer.
func (r *region) rootDevice(ctx context.Context, image string) (string, error) {
	r.mu.Lock()
	if r.rootDevices == nil {
		r.rootDevices = map[string]*rootDevice{}
	}
	d := r.rootDevices[image]
	if d == nil {
		d = &rootDevice{turn: make(chan struct{}, 1)}
		r.rootDevices[image] = d
	}
	r.mu.Unlock()
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if d.name != "" {
		return d.name, nil
	}
	out, err := r.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{image}})
	if err != nil {
		return "", err
	}
	d.name = "/dev/xvda"
	if len(out.Images) > 0 {
		d.name = cmp.Or(sdk.ToString(out.Images[0].RootDeviceName), d.name)
	}
	return d.name, nil
}

// rootDevice is what is known of an image's boot disk: "" until somebody asked. One asks at a time.
type rootDevice struct {
	turn chan struct{}
	name string // guarded by turn
}
