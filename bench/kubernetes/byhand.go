package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/clusterform/clusterform/bench/cloud"
	"github.com/clusterform/clusterform/internal/lab"
)

// The user-data: what is the same on all nodes, and what follows it.
var (
	//go:embed files/node.sh
	nodeScript string
	//go:embed files/control-plane.sh
	controlPlaneScript string
	//go:embed files/worker.sh
	workerScript string
)

// byHand is the cluster without clusterform.
type byHand struct {
	*bench
	instances []string
	networks  int // made so far; each has addresses of its own
}

// words are those of the scripts that differ from bundle to bundle.
func (h *byHand) words(leader string) (*strings.Replacer, error) {
	m, err := h.manifest()
	if err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for _, a := range m.Artifacts {
		versions[a.Name] = a.Version
	}
	return strings.NewReplacer("ARTIFACTS", "http://artifacts.lab:5080", "BUNDLE", "kubernetes-"+h.version+"-"+m.Arch, "PAUSE", versions["image/pause"],
		"CNI", versions["cni-plugins"], "VERSION", h.version, "LEADER", leader, "TOKEN", "abcdef.0123456789abcdef"), nil
}

func (h *byHand) up(ctx context.Context) error {
	h.networks++
	prefix := "10." + strconv.Itoa(100+h.networks)
	words, err := h.words(prefix + ".0.11")
	if err != nil {
		return err
	}
	c := &cloud.Cloud{Endpoint: h.info.Endpoint, Region: h.info.Region}
	subnet, group, err := network(ctx, c, prefix)
	if err != nil {
		return err
	}
	place := []string{"InstanceType", "t3.medium", "SubnetId", subnet, "SecurityGroupId.1", group}
	leader, err := c.Run(ctx, 1, words.Replace(nodeScript+controlPlaneScript), append(place, "PrivateIpAddress", prefix+".0.11")...)
	if err != nil {
		return err
	}
	h.instances = leader
	workers, err := c.Run(ctx, 2, words.Replace(nodeScript+workerScript), place...)
	if err != nil {
		return err
	}
	h.instances = append(slices.Clone(leader), workers...)
	failed := ""
	err = wait(ctx, "the cluster made by hand is up", func() error {
		text, err := lab.ReadConsole(ctx, h.info, leader[0])
		if err != nil || strings.Contains(string(text), "by hand: all is up") {
			return err
		}
		if _, why, found := strings.Cut(string(text), "by hand: failed: "); found {
			failed, _, _ = strings.Cut(why, "\n")
			return nil
		}
		return errors.New("its console does not say so")
	})
	if err == nil && failed != "" {
		err = fmt.Errorf("the control plane's user-data failed: %s", failed)
	}
	if err != nil {
		return err
	}
	var addresses []string
	for _, id := range workers {
		address, err := c.Value(ctx, "ipAddress", "DescribeInstances", "InstanceId.1", id)
		if err != nil {
			return err
		}
		addresses = append(addresses, address)
	}
	return h.answers(ctx, addresses)
}

// network makes one that reaches the internet, and a security group that lets everything in.
func network(ctx context.Context, c *cloud.Cloud, prefix string) (subnet, group string, err error) {
	vpc, err := c.Value(ctx, "vpcId", "CreateVpc", "CidrBlock", prefix+".0.0/16")
	if err != nil {
		return "", "", err
	}
	if subnet, err = c.Value(ctx, "subnetId", "CreateSubnet", "VpcId", vpc, "CidrBlock", prefix+".0.0/20"); err != nil {
		return "", "", err
	}
	gateway, err := c.Value(ctx, "internetGatewayId", "CreateInternetGateway")
	if err != nil {
		return "", "", err
	}
	table, err := c.Value(ctx, "routeTableId", "DescribeRouteTables", "Filter.1.Name", "vpc-id", "Filter.1.Value.1", vpc)
	if err != nil {
		return "", "", err
	}
	if group, err = c.Value(ctx, "groupId", "CreateSecurityGroup", "VpcId", vpc, "GroupName", "open", "GroupDescription", "open"); err != nil {
		return "", "", err
	}
	for _, call := range [][]string{
		{"AttachInternetGateway", "VpcId", vpc, "InternetGatewayId", gateway},
		{"CreateRoute", "RouteTableId", table, "DestinationCidrBlock", "0.0.0.0/0", "GatewayId", gateway},
		{"ModifySubnetAttribute", "SubnetId", subnet, "MapPublicIpOnLaunch.Value", "true"},
		{"AuthorizeSecurityGroupIngress", "GroupId", group, "IpPermissions.1.IpProtocol", "-1", "IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"},
	} {
		if _, err := c.Call(ctx, call[0], call[1:]...); err != nil {
			return "", "", err
		}
	}
	return subnet, group, nil
}

// down ends the machines; what they were in costs nothing and goes with the lab.
func (h *byHand) down(ctx context.Context) error {
	pairs := []string{}
	for i, id := range h.instances {
		pairs = append(pairs, fmt.Sprintf("InstanceId.%d", i+1), id)
	}
	c := &cloud.Cloud{Endpoint: h.info.Endpoint, Region: h.info.Region}
	if _, err := c.Call(ctx, "TerminateInstances", pairs...); err != nil {
		return err
	}
	return wait(ctx, "the machines are gone", func() error {
		xml, err := c.Call(ctx, "DescribeInstances", append([]string{"Filter.1.Name", "instance-state-name",
			"Filter.1.Value.1", "running", "Filter.1.Value.2", "shutting-down"}, pairs...)...)
		if left := cloud.Values(xml, "instanceId"); err == nil && len(left) > 0 {
			err = fmt.Errorf("%v are still there", left)
		}
		return err
	})
}
