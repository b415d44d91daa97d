package planner

import (
	"slices"
	"strings"

	"github.com/clusterform/clusterform/planner/resource"
)

// attributeRow says which field of a kind of object an attribute of a block decides on.
type attributeRow struct {
	attribute string
	kind      resource.Kind // "" is every kind that has the field
	field     string
}

// machineRows are attributes of a pool and, with the prefix control_plane, of a cluster.
func machineRows() []attributeRow {
	const n = resource.KindNode
	return []attributeRow{
		{"instance_type", n, "instance_type"}, {"image", n, "image"}, {"disk_gib", n, "disk_gib"}, {"user_data", n, "user_data"},
		{"key_name", n, "key_name"}, {"labels", n, "labels"}, {"tags", n, "tags"},
	}
}

func poolRows() []attributeRow {
	const n = resource.KindNode
	return append(machineRows(),
		attributeRow{"availability_zones", n, "zone"}, attributeRow{"availability_zones", n, "subnet"}, attributeRow{"spot", n, "spot"},
		attributeRow{"public_ip", n, "associate_public_ip"}, attributeRow{"taint", n, "taints"}, attributeRow{"taints", n, "taints"},
	)
}

func clusterRows() []attributeRow {
	rows := []attributeRow{
		{"tags", "", "tags"}, {"version", "", "version"}, {"orchestrator", "", "orchestrator"},
		{"network.cidr", resource.KindVPC, "cidr"}, {"network.cidr", resource.KindSubnet, "cidr"},
		{"network.node_public_ip", "", "associate_public_ip"},
		{"network.availability_zones", resource.KindNode, "zone"}, {"network.availability_zones", resource.KindNode, "subnet"},
		{"firewall", resource.KindSecurityGroupRules, "ingress"},
		{"control_plane.access", resource.KindSecurityGroupRules, "ingress"}, {"control_plane.access", resource.KindLoadBalancer, "internal"},
	}
	for _, r := range machineRows() {
		rows = append(rows, attributeRow{"control_plane." + r.attribute, r.kind, r.field})
	}
	return rows
}

// pathIn tells whether an attribute path is name or stands below it.
func pathIn(path, name string) bool {
	rest, ok := strings.CutPrefix(path, name)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// machineAttr is the attribute of a machine that a path begins with: "image" of "control_plane.image" and of "image".
func machineAttr(path string) string {
	path = strings.TrimPrefix(path, "control_plane.")
	name, _, _ := strings.Cut(path, ".")
	return name
}

// fieldPaths translates an attribute path of a block into paths of a kind's fields: "tags.owner" is "tags.owner",
// "firewall.allow.web.from" is "ingress".
func fieldPaths(rows []attributeRow, kind resource.Kind, path string) []string {
	var out []string
	for _, r := range rows {
		if r.kind != "" && r.kind != kind {
			continue
		}
		if _, has := resource.FieldEffect(kind, r.field); !has {
			continue
		}
		switch {
		case pathIn(r.attribute, path):
			out = append(out, r.field)
		case pathIn(path, r.attribute):
			rest := path[len(r.attribute):]
			if (r.field == "tags" || r.field == "labels") && strings.HasPrefix(rest, ".") {
				out = append(out, r.field+rest)
			} else {
				out = append(out, r.field)
			}
		}
	}
	return out
}

// paths are fields that are treated apart.
type paths struct {
	ignore, unknown []string
	ignoreAll       bool
}

// pathsOf translates ignore_changes and the unknown attributes of a block for one kind of its objects.
func (o *owner) pathsOf(kind resource.Kind) paths {
	if got, ok := o.paths[kind]; ok {
		return got
	}
	if isWork(kind) {
		o.paths[kind] = workPaths(o.block, kind)
		return o.paths[kind]
	}
	rows := poolRows()
	if o.address == o.cluster {
		rows = clusterRows()
	}
	var out paths
	for _, a := range o.block.Lifecycle.IgnoreChanges {
		if a == "all" {
			out.ignoreAll = true
		}
		out.ignore = append(out.ignore, fieldPaths(rows, kind, a)...)
	}
	for _, a := range o.block.Unknown {
		out.unknown = append(out.unknown, fieldPaths(rows, kind, a)...)
	}
	for _, a := range o.inherited {
		out.unknown = append(out.unknown, fieldPaths(clusterRows(), kind, a)...)
	}
	slices.Sort(out.unknown)
	out.unknown = slices.Compact(out.unknown)
	o.paths[kind] = out
	return out
}
