package hclconfig

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// parseCIDR reads an IPv4 network without host bits.
func parseCIDR(s string) (netip.Prefix, string) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		if a, err := netip.ParseAddr(s); err == nil {
			return netip.Prefix{}, fmt.Sprintf("%q is an address, not a CIDR block. For this one address write \"%s/%d\".", s, a, a.BitLen())
		}
		return netip.Prefix{}, fmt.Sprintf("%q is not a CIDR block. Write an address and a prefix length: \"10.0.0.0/16\".", s)
	}
	if !p.Addr().Is4() {
		return netip.Prefix{}, fmt.Sprintf("%q is not IPv4, which is all that clusterform supports.", s)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Sprintf("%q has bits set beyond its prefix. Write %q for the block, or \"%s/32\" for the address.", s, p.Masked(), p.Addr())
	}
	return p, ""
}

// checkVPC wants a block that AWS accepts for a VPC.
func checkVPC(s string) string {
	p, problem := parseCIDR(s)
	if problem != "" {
		return problem
	}
	if p.Bits() < 16 || p.Bits() > 28 {
		return fmt.Sprintf("%q cannot be a VPC: AWS takes blocks from /16 to /28.", s)
	}
	return ""
}

// checkPeer wants a CIDR block or one of the roles.
func checkPeer(s string) string {
	roles := []string{"control_plane", "worker", "cluster"}
	if slices.Contains(roles, s) {
		return ""
	}
	if strings.ContainsAny(s, "./:") || s != "" && s[0] >= '0' && s[0] <= '9' {
		_, problem := parseCIDR(s)
		return problem
	}
	return fmt.Sprintf("%q is neither a CIDR block nor one of %s.%s", s, quotedList(roles), didYouMeanSentence(s, slices.Values(roles)))
}

var (
	regionPattern   = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)
	zonePattern     = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}(-[a-z]{3}-[0-9]+)?[a-z]$`)
	instancePattern = regexp.MustCompile(`^[a-z][a-z0-9-]*[0-9][a-z0-9-]*\.([a-z0-9-]+)$`)
	amiPattern      = regexp.MustCompile(`^ami-([0-9a-f]{8}|[0-9a-f]{17})$`)
	parameterName   = regexp.MustCompile(`^/[A-Za-z0-9_.\-]+(/[A-Za-z0-9_.\-]+)*$`)
)

func checkRegion(s string) string {
	if regionPattern.MatchString(s) {
		return ""
	}
	if zonePattern.MatchString(s) {
		return fmt.Sprintf("%q is an availability zone. Its region is %q.", s, s[:len(s)-1])
	}
	return fmt.Sprintf("%q is not an AWS region. Write for example \"ap-northeast-2\" or \"eu-central-1\".", s)
}

func checkZoneName(s string) string {
	if zonePattern.MatchString(s) {
		return ""
	}
	if regionPattern.MatchString(s) {
		return fmt.Sprintf("%q is a region. Its zones have a letter at the end: \"%sa\".", s, s)
	}
	return fmt.Sprintf("%q is not an availability zone. Write for example \"ap-northeast-2a\".", s)
}

func checkInstanceTypes(v cty.Value) string {
	if v.LengthInt() == 0 {
		return "The list is empty: at least one instance type is needed."
	}
	seen := map[string]bool{}
	return checkEach(v, func(s string) string {
		if !instancePattern.MatchString(s) {
			return fmt.Sprintf("%q is not an EC2 instance type. Write for example \"t3.large\".", s)
		}
		if seen[s] {
			return fmt.Sprintf("%q is in the list twice.", s)
		}
		seen[s] = true
		return ""
	})
}

// shortImages are names for the public parameters of well-known images.
func shortImages() []struct{ Name, Parameter string } {
	const (
		debian = "/aws/service/debian/release/"
		ubuntu = "/aws/service/canonical/ubuntu/server/"
		amazon = "/aws/service/ami-amazon-linux-latest/"
	)
	return []struct{ Name, Parameter string }{
		{"debian-12", debian + "12/latest/amd64"},
		{"debian-12-arm64", debian + "12/latest/arm64"},
		{"debian-13", debian + "13/latest/amd64"},
		{"debian-13-arm64", debian + "13/latest/arm64"},
		{"ubuntu-22.04", ubuntu + "22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"},
		{"ubuntu-22.04-arm64", ubuntu + "22.04/stable/current/arm64/hvm/ebs-gp2/ami-id"},
		{"ubuntu-24.04", ubuntu + "24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"},
		{"ubuntu-24.04-arm64", ubuntu + "24.04/stable/current/arm64/hvm/ebs-gp3/ami-id"},
		{"amazon-linux-2023", amazon + "al2023-ami-kernel-default-x86_64"},
		{"amazon-linux-2023-arm64", amazon + "al2023-ami-kernel-default-arm64"},
	}
}

func imageNames() string {
	var names []string
	for _, i := range shortImages() {
		names = append(names, "`"+i.Name+"`")
	}
	return strings.Join(names, ", ")
}

// toImage replaces the short name of an image by its public parameter.
func toImage(v cty.Value) (cty.Value, string) {
	if v.Type() != cty.String {
		return v, "The image must be a string: \"debian-12\", \"ami-…\" or \"ssm:/aws/service/…\"."
	}
	s := v.AsString()
	var names []string
	for _, i := range shortImages() {
		if i.Name == s {
			return cty.StringVal("ssm:" + i.Parameter), ""
		}
		names = append(names, i.Name)
	}
	parameter, isParameter := strings.CutPrefix(s, "ssm:")
	switch {
	case isParameter && parameterName.MatchString(parameter), amiPattern.MatchString(s):
		return v, ""
	case isParameter:
		return v, fmt.Sprintf("%q is not the name of a parameter. Write \"ssm:/aws/service/…\".", s)
	case strings.HasPrefix(s, "ami-"):
		return v, fmt.Sprintf("%q is not an image id: after \"ami-\" come 17 (or 8) hexadecimal digits.", s)
	}
	return v, fmt.Sprintf("%q is not an image. Write \"ami-…\", \"ssm:/aws/service/…\", or one of %s.%s", s, quotedList(names), didYouMeanSentence(s, slices.Values(names)))
}
