package resource

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// SortRules puts rules into canonical order and drops repetitions, so that two equal sets compare equal.
func SortRules(rules []Rule) []Rule {
	out := slices.Clone(rules)
	slices.SortFunc(out, func(a, b Rule) int {
		return cmp.Or(
			strings.Compare(a.Protocol, b.Protocol), cmp.Compare(a.FromPort, b.FromPort), cmp.Compare(a.ToPort, b.ToPort),
			strings.Compare(a.CIDR, b.CIDR), strings.Compare(string(a.Group), string(b.Group)), strings.Compare(a.Description, b.Description),
		)
	})
	return slices.Compact(out)
}

// SortRoutes puts routes into canonical order.
func SortRoutes(routes []Route) []Route {
	out := slices.Clone(routes)
	slices.SortFunc(out, func(a, b Route) int { return strings.Compare(a.Destination, b.Destination) })
	return slices.Compact(out)
}

// SortRefs puts references into canonical order.
func SortRefs(refs []Ref) []Ref {
	out := slices.Clone(refs)
	slices.Sort(out)
	return slices.Compact(out)
}

// Token is the deterministic token of the creation of one object: 32 hex digits of SHA-256 over everything that makes it
// another object. It fits AWS's client tokens (at most 64 ASCII characters).
func Token(uid string, a Address, generation int, more ...string) string {
	return digest(append([]string{uid, string(a), fmt.Sprint(generation)}, more...)...)[:32]
}

// SpecDigest is the hash of what a node is launched with. Two nodes of one digest can be launched by one call; on a
// found instance, the digest in its tag tells whether it was launched as wanted now.
//
// What the user-data was rendered from stands for it, so that a newer clusterform takes up what an older one launched.
func SpecDigest(n *Node) string {
	return digest(
		string(n.Pool), n.Role, n.Image, string(n.Subnet), n.Zone, fmt.Sprint(n.SecurityGroups), string(n.Profile), n.KeyName,
		fmt.Sprint(n.PublicIP), fmt.Sprint(n.DiskGiB), fmt.Sprint(n.Spot), cmp.Or(n.Setup, n.UserData), n.Orchestrator, n.Version, fmt.Sprint(n.InstanceTypes),
		fmt.Sprint(n.Tags), // fmt prints maps in the order of their keys
	)[:16]
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s,", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
