package hclconfig

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// toText takes a string or a number.
func toText(v cty.Value) (cty.Value, string) {
	if v.Type() != cty.String && v.Type() != cty.Number {
		return v, fmt.Sprintf("The value must be a number or a string, and this is %s.", withArticle(v.Type().FriendlyName()))
	}
	if v.Type() == cty.Number && numberText(v.AsBigFloat()) == "a number beyond reason" {
		return v, "The number is beyond reason."
	}
	out, err := convert.Convert(v, cty.String)
	if err != nil {
		return v, fmt.Sprintf("The value must be a number or a string: %s.", err)
	}
	return out, ""
}

// toTextList takes one string or a list of them.
func toTextList(v cty.Value) (cty.Value, string) {
	if v.Type() == cty.String {
		return cty.ListVal([]cty.Value{v}), ""
	}
	out, err := convert.Convert(v, listOfStrings)
	if err != nil || v.Type().IsPrimitiveType() {
		return v, fmt.Sprintf("The value must be a string or a list of strings, and this is %s.", withArticle(v.Type().FriendlyName()))
	}
	return out, ""
}

// toZones takes a number of zones or a list of their names.
func toZones(v cty.Value) (cty.Value, string) {
	if v.Type().IsPrimitiveType() {
		n, err := convert.Convert(v, cty.Number)
		if err != nil {
			return v, "Write a number of zones, or a list of their names: availability_zones = [\"eu-central-1a\"]."
		}
		return n, checkWhole(n, 1, 8, "the number of zones")
	}
	out, err := convert.Convert(v, listOfStrings)
	if err != nil {
		return v, "Write a number of zones, or a list of their names: availability_zones = [\"eu-central-1a\"]."
	}
	if out.LengthInt() == 0 {
		return v, "The list is empty: at least one zone is needed."
	}
	return out, checkEach(out, checkZoneName)
}

// toPorts takes a list of port numbers and ranges.
func toPorts(v cty.Value) (cty.Value, string) {
	if v.Type().IsPrimitiveType() {
		v = cty.TupleVal([]cty.Value{v})
	}
	if !v.CanIterateElements() || v.Type().IsMapType() || v.Type().IsObjectType() {
		return v, "Write a list of ports and ranges: ports = [80, \"30000-32767\"]."
	}
	var out []cty.Value
	var problems []string
	for _, e := range v.AsValueSlice() {
		if !e.IsKnown() {
			out = append(out, cty.UnknownVal(cty.String))
			continue
		}
		if e.IsNull() {
			return v, "A port must not be null."
		}
		text, problem := toText(e)
		if problem != "" {
			return v, problem
		}
		if _, problem := parsePorts(text.AsString()); problem != "" {
			problems = append(problems, problem)
		}
		out = append(out, text)
	}
	if len(problems) > 0 {
		return v, allOf(problems)
	}
	if len(out) == 0 {
		return cty.ListValEmpty(cty.String), ""
	}
	return cty.ListVal(out), ""
}

// toClusterAddress takes a cluster object, or its address as a string.
func toClusterAddress(v cty.Value) (cty.Value, string) {
	const write = "Write the cluster itself: cluster = cluster.NAME."
	if v.Type().IsObjectType() && v.Type().HasAttribute("address") {
		v = v.GetAttr("address")
		if !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
			return v, "The cluster's address is not known. " + write
		}
	}
	if v.Type().IsObjectType() {
		return v, "This is not one cluster. Where cluster blocks have for_each, write which one: cluster = cluster.NAME[\"KEY\"]."
	}
	if v.Type() != cty.String {
		return v, "This is not a cluster but " + withArticle(v.Type().FriendlyName()) + ". " + write
	}
	parts, err := ParseAddress(v.AsString())
	switch {
	case err != nil:
		return v, fmt.Sprintf("%q is not the address of a cluster. %s", v.AsString(), write)
	case parts.Type != "cluster" || parts.Rest != "":
		return v, fmt.Sprintf("%q is not a cluster. %s", v.AsString(), write)
	}
	return v, ""
}

// toManifestObject takes a Kubernetes object as an object value.
func toManifestObject(v cty.Value) (cty.Value, string) {
	plain, _ := v.Unmark()
	t := plain.Type()
	if !t.IsObjectType() && !t.IsMapType() {
		return v, "The manifest must be an object with apiVersion, kind and metadata; for YAML write yamldecode(file(\"…\")). One manifest block holds one object."
	}
	for _, name := range []string{"apiVersion", "kind"} {
		part, ok := child(plain, name)
		if !ok {
			return v, fmt.Sprintf("The manifest has no %s.", name)
		}
		part, _ = part.Unmark()
		if part.IsKnown() && (part.IsNull() || part.Type() != cty.String || part.AsString() == "") {
			return v, fmt.Sprintf("The manifest's %s must be a string.", name)
		}
	}
	return v, ""
}

// child is an attribute of an object or an element of a map.
func child(v cty.Value, name string) (cty.Value, bool) {
	if v.Type().IsObjectType() {
		if !v.Type().HasAttribute(name) {
			return cty.NilVal, false
		}
		return v.GetAttr(name), true
	}
	key := cty.StringVal(name)
	if v.HasIndex(key).False() {
		return cty.NilVal, false
	}
	return v.Index(key), true
}

// parsePorts reads "80" or "30000-32767".
func parsePorts(s string) (PortRange, string) {
	from, to, isRange := strings.Cut(strings.TrimSpace(s), "-")
	if !isRange {
		to = from
	}
	low, err1 := strconv.Atoi(strings.TrimSpace(from))
	high, err2 := strconv.Atoi(strings.TrimSpace(to))
	switch {
	case err1 != nil || err2 != nil:
		return PortRange{}, fmt.Sprintf("%q is neither a port nor a range of ports. Write 443, or \"30000-32767\".", s)
	case low < 1 || high > 65535:
		return PortRange{}, fmt.Sprintf("%q is out of range: ports go from 1 to 65535.", s)
	case low > high:
		return PortRange{}, fmt.Sprintf("%q runs backwards. Write \"%d-%d\".", s, high, low)
	}
	return PortRange{low, high}, ""
}
