package planner

import (
	"strings"

	"github.com/clusterform/clusterform/planner/resource"
)

// AWS's limits on names.
const (
	maxRoleName          = 64
	maxLoadBalancerName  = 32
	maxSecurityGroupName = 255
)

// cloudName is <cluster>-<first 8 of the UID>-<part>, which is unique in an account also when two modules have a cluster
// of one name. Where it would be too long the cluster's name is cut.
func cloudName(cluster, uid, part string, limit int) string {
	tail := "-" + uid[:min(8, len(uid))] + "-" + part
	name := plainName(cluster)
	if strings.HasPrefix(name, "sg-") || strings.HasPrefix(name, "internal-") { // not allowed for groups and balancers
		name = "c-" + name
	}
	if room := limit - len(tail); len(name) > room {
		name = strings.TrimRight(name[:max(room, 0)], "-")
	}
	out := name + tail
	return out[:min(len(out), limit)]
}

// plainName replaces everything but ASCII letters, digits and hyphens.
func plainName(s string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-':
			return r
		}
		return '-'
	}, s), "-")
}

// keepName returns the recorded name of an object: it stays when the cluster or pool gets another, since AWS renames
// nothing.
func (p *planning) keepName(a resource.Address, name string) string {
	rec := p.current.records[a]
	if f := p.wanted.found[a]; rec == nil && f != nil {
		rec = f.record
	}
	if rec == nil {
		return name
	}
	switch s := rec.Spec.(type) {
	case *resource.SecurityGroup:
		return s.Name
	case *resource.Role:
		return s.Name
	case *resource.LoadBalancer:
		return s.Name
	}
	return name
}
