package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// value writes a field's value on one line, in the way of the configuration language.
func value(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return quote(v)
	case phrase:
		return string(v)
	case resource.Ref:
		return ref(v)
	case resource.Address:
		return string(v)
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case resource.Rule:
		return rule(v)
	case resource.Route:
		return v.Destination + " via " + ref(v.Gateway)
	case resource.Taint:
		return taint(v)
	}
	if items := items(v); items != nil {
		return "[" + strings.Join(items, ", ") + "]"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// items are the elements of a list value, each on one line; nil when v is no list. Plans read from a file hold JSON's
// general types instead of the kinds' own.
func items(v any) []string {
	switch v := v.(type) {
	case []string:
		return each(v, func(s string) string { return quote(s) })
	case []resource.Ref:
		return each(v, ref)
	case []resource.Address:
		return each(v, func(a resource.Address) string { return string(a) })
	case []resource.Rule:
		return each(v, rule)
	case []resource.Route:
		return each(v, func(r resource.Route) string { return value(r) })
	case []resource.Taint:
		return each(v, taint)
	case []any:
		return each(v, generic)
	}
	return nil
}

func each[T any](list []T, f func(T) string) []string {
	out := make([]string, 0, len(list))
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}

// generic writes an element decoded from JSON, and sees rules, routes and taints by their fields.
func generic(v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		if s, isString := v.(string); isString && resource.IsAddress(resource.Ref(s)) && strings.Contains(s, "cluster.") {
			return s
		}
		return value(v)
	}
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Sprint(m)
	}
	if _, ok := m["protocol"]; ok {
		var r resource.Rule
		if json.Unmarshal(b, &r) == nil {
			return rule(r)
		}
	}
	if _, ok := m["destination"]; ok {
		var r resource.Route
		if json.Unmarshal(b, &r) == nil {
			return value(r)
		}
	}
	if _, ok := m["effect"]; ok {
		var t resource.Taint
		if json.Unmarshal(b, &t) == nil {
			return taint(t)
		}
	}
	return string(b)
}

func ref(r resource.Ref) string {
	if resource.IsAddress(r) {
		return string(r)
	}
	return quote(string(r))
}

// rule writes "tcp 80 from 0.0.0.0/0".
func rule(r resource.Rule) string {
	s := protocol(r)
	peer := r.CIDR
	if r.Group != "" {
		peer = string(r.Group)
	}
	if peer != "" {
		s += " " + peer
	}
	if r.Description != "" {
		s += " (" + r.Description + ")"
	}
	return s
}

func protocol(r resource.Rule) string {
	switch {
	case r.Protocol == "-1":
		return "all"
	case r.Protocol == "icmp":
		return "icmp"
	case r.FromPort == r.ToPort:
		return fmt.Sprintf("%s %d", r.Protocol, r.FromPort)
	default:
		return fmt.Sprintf("%s %d-%d", r.Protocol, r.FromPort, r.ToPort)
	}
}

func taint(t resource.Taint) string {
	if t.Value == "" {
		return quote(t.Key + ":" + t.Effect)
	}
	return quote(t.Key + "=" + t.Value + ":" + t.Effect)
}

func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return strconv.Quote(s)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// document pretty-prints a string that holds a JSON document (a role's policy); ok is false for any other value.
func document(v any) (lines []string, ok bool) {
	s, isString := v.(string)
	if !isString || !strings.HasPrefix(s, "{") {
		return nil, false
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(s), "", "  ") != nil {
		return nil, false
	}
	return strings.Split(b.String(), "\n"), true
}

// ordinals writes a set of numbers as ranges: 0..9, 12.
func ordinals(list []int) string {
	list = slices.Clone(list)
	sort.Ints(list)
	list = slices.Compact(list)
	var parts []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		switch j - i {
		case 0:
			parts = append(parts, strconv.Itoa(list[i]))
		case 1:
			parts = append(parts, strconv.Itoa(list[i]), strconv.Itoa(list[j]))
		default:
			parts = append(parts, fmt.Sprintf("%d..%d", list[i], list[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

// duration writes a length of time as a person would: 0.4s, 12s, 3m20s, 2h5m.
func duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(float64(d.Round(100*time.Millisecond))/float64(time.Second), 'f', -1, 64) + "s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		if s := int(d.Seconds()) % 60; s != 0 {
			return fmt.Sprintf("%dm%ds", int(d.Minutes()), s)
		}
		return fmt.Sprintf("%dm", int(d.Minutes()))
	default:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
}
