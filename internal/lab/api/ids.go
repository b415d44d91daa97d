package api

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// newID makes an identifier like i-0123456789abcdef0 that no record has.
func (s *Server) newID(prefix string) string {
	return fmt.Sprintf("%s-0%08x%08x", prefix, s.ids.Uint32(), s.ids.Uint32())
}

// randomHex makes 16 random hexadecimal digits.
func randomHex(r *rand.Rand) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 16)
	for i := range b {
		b[i] = digits[r.IntN(16)]
	}
	return string(b)
}

// randomUpper makes n random letters and digits as in AWS's unique ids (AROA…, AIPA…).
func randomUpper(r *rand.Rand, n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b)
}

// idKind describes one kind of EC2 identifier: its prefix and what errors call it.
type idKind struct {
	prefix, err, what string
}

var (
	instanceID   = idKind{"i", "InvalidInstanceID", "instance ID"}
	vpcID        = idKind{"vpc", "InvalidVpcID", "vpc ID"}
	subnetID     = idKind{"subnet", "InvalidSubnetID", "subnet ID"}
	gatewayID    = idKind{"igw", "InvalidInternetGatewayID", "internetGateway ID"}
	routeTableID = idKind{"rtb", "InvalidRouteTableID", "routeTable ID"}
	groupID      = idKind{"sg", "InvalidGroup", "security group"}
	ruleID       = idKind{"sgr", "InvalidSecurityGroupRuleId", "security group rule ID"}
	interfaceID  = idKind{"eni", "InvalidNetworkInterfaceID", "networkInterface ID"}
	volumeID     = idKind{"vol", "InvalidVolume", "volume"}
	allocationID = idKind{"eipalloc", "InvalidAllocationID", "allocation ID"}
	natID        = idKind{"nat", "NatGateway", "nat gateway"}
	dhcpID       = idKind{"dopt", "InvalidDhcpOptionID", "dhcpOptions ID"}
	templateID   = idKind{"lt", "InvalidLaunchTemplateId", "launch template ID"}
	aclID        = idKind{"acl", "InvalidNetworkAclID", "networkAcl ID"}
	imageID      = idKind{"ami", "InvalidAMIID", "image id"}
	spotID       = idKind{"sir", "InvalidSpotInstanceRequestID", "spot instance request ID"}
)

var idDigits = regexp.MustCompile(`^([0-9a-f]{8}|[0-9a-f]{17})$`)

func (k idKind) notFound(id string) error {
	if k == natID {
		return fail("NatGatewayNotFound", "The Nat Gateway %s was not found", id)
	}
	return fail(k.err+".NotFound", "The %s '%s' does not exist", k.what, id)
}

// check tells a malformed identifier from one that merely does not exist.
func (k idKind) check(id string) error {
	digits, ok := strings.CutPrefix(id, k.prefix+"-")
	if ok && idDigits.MatchString(digits) {
		return nil
	}
	switch k {
	case natID:
		return fail("NatGatewayMalformed", "The NatGateway ID '%s' is malformed", id)
	case groupID:
		return fail("InvalidGroupId.Malformed", "Invalid id: \"%s\" (expecting \"sg-...\")", id)
	case volumeID:
		return fail("InvalidParameterValue", "Value (%s) for parameter volumeId is invalid. Expected: 'vol-...'.", id)
	}
	return fail(k.err+".Malformed", "Invalid id: \"%s\" (expecting \"%s-...\")", id, k.prefix)
}

// find gives the record that callers can see, or AWS's error for an identifier that is malformed or unknown.
func find[T any](t *table[T], k idKind, id string) (*T, error) {
	if v := t.seen(id); v != nil {
		return v, nil
	}
	if err := k.check(id); err != nil {
		return nil, err
	}
	return nil, k.notFound(id)
}
