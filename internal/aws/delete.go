package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// isInUse says that something else still needs the object: it passes when that goes.
func isInUse(err error) bool {
	return isCode(err, "DependencyViolation", "InvalidGroup.InUse", "InvalidIPAddress.InUse", "ResourceInUse", "ResourceInUseException",
		"DeleteConflict", "OperationInProgress")
}

// whenFree makes a call that removes something, as often as it takes until nothing stands in the way. While it waits, and
// in the error when that took too long, it names the blocker.
func (r *region) whenFree(ctx context.Context, rt resource.Runtime, rec *resource.Record, remove func() error) error {
	var last error
	blockers, looked := "", time.Time{}
	_, err := until(ctx, time.Now().Add(r.cloud.opts.DeleteTimeout), func() (bool, error) {
		last = remove()
		if !isInUse(last) {
			return true, nil
		}
		if time.Since(looked) > 10*time.Second {
			looked = time.Now()
			blockers = r.blockers(ctx, rec)
			rt.Progress(rec.Address, "", "waits for "+blockers)
		}
		return false, nil
	})
	if !isInUse(last) {
		if last != nil {
			return last
		}
		return err
	}
	e, _ := errors.AsType[*resource.Error](describe(last, rec.Address, rec.ID))
	if err == nil { // a canceled context would find nothing
		blockers = r.blockers(ctx, rec)
	}
	e.Message += "; still in use by " + cmp.Or(blockers, unnamed)
	e.Hint = "Remove what uses it, then run the same command again: it goes on from here"
	if err != nil {
		e.Hint = "Interrupted while waiting; run the same command again: it goes on from here"
	}
	return e
}

// unnamed is a blocker that could not be found.
const unnamed = "something that the API does not name"

// blockers names what keeps an object from being removed, as far as the API tells.
func (r *region) blockers(ctx context.Context, rec *resource.Record) string {
	var names []string
	switch rec.Kind {
	case resource.KindVPC:
		names = r.blockersOfVPC(ctx, rec.ID)
	case resource.KindSubnet:
		names = r.interfaces(ctx, filter("subnet-id", rec.ID))
	case resource.KindSecurityGroup:
		names = r.interfaces(ctx, filter("group-id", rec.ID))
		if groups, err := r.groups(ctx, filter("ip-permission.group-id", rec.ID)); err == nil {
			for _, g := range groups {
				if sdk.ToString(g.GroupId) != rec.ID {
					names = append(names, fmt.Sprintf("%s (a rule of security group %s)", sdk.ToString(g.GroupId), sdk.ToString(g.GroupName)))
				}
			}
		}
	case resource.KindInternetGateway:
		names = r.interfacesWithPublicAddress(ctx, rec.ID)
	case resource.KindRouteTable:
		names = []string{"subnets associated with it"}
	}
	if len(names) == 0 {
		return unnamed
	}
	const most = 5
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	return printable(strings.Join(names, ", "))
}

func (r *region) blockersOfVPC(ctx context.Context, vpc string) []string {
	names := r.interfaces(ctx, filter("vpc-id", vpc))
	if out, err := r.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("vpc-id", vpc)}}); err == nil {
		for _, s := range out.Subnets {
			names = append(names, sdk.ToString(s.SubnetId))
		}
	}
	if groups, err := r.groups(ctx, filter("vpc-id", vpc)); err == nil {
		for _, g := range groups {
			if sdk.ToString(g.GroupName) != "default" {
				names = append(names, fmt.Sprintf("%s (security group %s)", sdk.ToString(g.GroupId), sdk.ToString(g.GroupName)))
			}
		}
	}
	gateways, err := r.ec2.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{Filters: []types.Filter{filter("attachment.vpc-id", vpc)}})
	if err == nil {
		for _, g := range gateways.InternetGateways {
			names = append(names, sdk.ToString(g.InternetGatewayId))
		}
	}
	tables, err := r.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{filter("vpc-id", vpc)}})
	if err == nil {
		for _, t := range tables.RouteTables {
			if !isMain(t) {
				names = append(names, sdk.ToString(t.RouteTableId))
			}
		}
	}
	return names
}

func isMain(t types.RouteTable) bool {
	for _, a := range t.Associations {
		if sdk.ToBool(a.Main) {
			return true
		}
	}
	return false
}

// interfaces names network interfaces by what owns them.
func (r *region) interfaces(ctx context.Context, f types.Filter) []string {
	out, err := r.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{f}, MaxResults: new(int32(100))})
	if err != nil {
		return nil
	}
	return interfaceNames(out.NetworkInterfaces)
}

func interfaceNames(all []types.NetworkInterface) []string {
	var names []string
	for _, n := range all {
		name := sdk.ToString(n.NetworkInterfaceId)
		switch owner := sdk.ToString(n.Description); {
		case n.Attachment != nil && n.Attachment.InstanceId != nil:
			name += " (instance " + *n.Attachment.InstanceId + ")"
		case owner != "":
			name += " (" + owner + ")"
		}
		names = append(names, name)
	}
	return names
}

// interfacesWithPublicAddress are what keeps an internet gateway attached.
func (r *region) interfacesWithPublicAddress(ctx context.Context, gateway string) []string {
	gateways, err := r.ec2.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{InternetGatewayIds: []string{gateway}})
	if err != nil || len(gateways.InternetGateways) == 0 {
		return nil
	}
	out, err := r.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
		Filters: []types.Filter{filter("vpc-id", attachedTo(gateways.InternetGateways[0]))}, MaxResults: new(int32(1000)),
	})
	if err != nil {
		return nil
	}
	return interfaceNames(slices.DeleteFunc(out.NetworkInterfaces, func(n types.NetworkInterface) bool {
		return n.Association == nil || n.Association.PublicIp == nil
	}))
}
