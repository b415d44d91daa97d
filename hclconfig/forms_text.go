package hclconfig

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
)

// maxName leaves room for what is added to names in the cloud.
const maxName = 40

var (
	dnsLabel      = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	versionNumber = regexp.MustCompile(`^[0-9]+\.[0-9]+(\.[0-9]+)?(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	labelName     = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$`)
	labelPrefix   = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
	envName       = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
	imageName     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`)
	userPattern   = regexp.MustCompile(`^[0-9]+(:[0-9]+)?$`)
	portName      = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
)

// checkName wants a DNS label, as names become host names, tags and DNS names.
func checkName(s string) string {
	switch {
	case dnsLabel.MatchString(s) && len(s) <= maxName:
		return ""
	case len(s) > maxName:
		return fmt.Sprintf("%q is %d characters long; %d are allowed.", s, len(s), maxName)
	}
	write := ""
	if fixed := fixName(s); fixed != "" {
		write = fmt.Sprintf(" Write %q.", fixed)
	}
	return fmt.Sprintf("%q cannot be a name: it becomes part of host names, so it starts with a small letter and holds small letters, digits and dashes.%s", s, write)
}

func fixName(s string) string {
	s = strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == '_' || r == '.' || r == ' ':
			return '-'
		}
		return -1
	}, s), "-")
	if dnsLabel.MatchString(s) && len(s) <= maxName {
		return s
	}
	return ""
}

func checkVersion(s string) string {
	if versionNumber.MatchString(s) {
		return ""
	}
	if rest, ok := strings.CutPrefix(s, "v"); ok && versionNumber.MatchString(rest) {
		return fmt.Sprintf("%q: write the version without \"v\": %q.", s, rest)
	}
	return fmt.Sprintf("%q is not a version. Write for example \"1.34.4\".", s)
}

func checkAbsPath(s string) string {
	if !strings.HasPrefix(s, "/") {
		return fmt.Sprintf("%q is not an absolute path: it must start with \"/\".", s)
	}
	if p := strings.TrimSuffix(s, "/"); strings.Contains(s, "\x00") || p != "" && strings.Contains(path.Clean(p)+"/", "/../") {
		return fmt.Sprintf("%q is not a usable path.", s)
	}
	return ""
}

func checkContainerImage(s string) string {
	if !imageName.MatchString(s) || strings.Contains(s, "//") || strings.HasSuffix(s, "/") || strings.HasSuffix(s, ":") {
		return fmt.Sprintf("%q is not the name of an image. Write \"registry/name:tag\".", s)
	}
	return ""
}

func checkUser(s string) string {
	if s != "" && !userPattern.MatchString(s) {
		return fmt.Sprintf("%q is not a numeric user. Write \"1000\" or \"1000:1000\".", s)
	}
	return ""
}

func checkPortRef(s string) string {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 1 || n > 65535 {
			return fmt.Sprintf("%s is out of range: ports go from 1 to 65535.", s)
		}
		return ""
	}
	if s != "" && !portName.MatchString(s) {
		return fmt.Sprintf("%q is neither a port number nor the name of a port block.", s)
	}
	return ""
}

// checkUserData leaves the rest of EC2's 16 KiB to the node's own script.
func checkUserData(s string) string {
	const limit = 8 << 10
	if len(s) > limit {
		return fmt.Sprintf("The script is %d bytes long; %d are allowed, as EC2 takes 16 KiB with the node's own part. Put the rest where the script can fetch it.", len(s), limit)
	}
	if s != "" && !strings.HasPrefix(s, "#!") {
		return "The script must start with \"#!\": write \"#!/bin/sh\" on its first line."
	}
	return ""
}

func checkEnvName(s string) string {
	if !envName.MatchString(s) {
		return fmt.Sprintf("%q cannot be the name of an environment variable: it holds letters, digits and underscores, and does not start with a digit.", s)
	}
	return ""
}

func checkLabelKey(s string) string {
	prefix, name, ok := strings.Cut(s, "/")
	if !ok {
		prefix, name = "", s
	}
	if len(name) > 63 || !labelName.MatchString(name) || ok && (len(prefix) > 253 || !labelPrefix.MatchString(prefix)) {
		return fmt.Sprintf("%q cannot be the key of a label: up to 63 letters, digits, \"-\", \"_\" and \".\", after an optional \"domain/\".", s)
	}
	if ok && (prefix == "kubernetes.io" || prefix == "k8s.io" || strings.HasPrefix(prefix, "clusterform")) {
		return fmt.Sprintf("%q: labels below %q are set by the system itself. Choose another prefix.", s, prefix)
	}
	return ""
}

func checkLabelValue(s string) string {
	if s != "" && (len(s) > 63 || !labelName.MatchString(s)) {
		return fmt.Sprintf("%q cannot be the value of a label: up to 63 letters, digits, \"-\", \"_\" and \".\".", s)
	}
	return ""
}

func checkTagKey(s string) string {
	switch {
	case s == "" || utf8.RuneCountInString(s) > 128:
		return fmt.Sprintf("%q cannot be the key of a tag: it has from 1 to 128 characters.", s)
	case strings.HasPrefix(strings.ToLower(s), "aws:"):
		return fmt.Sprintf("%q: tags that start with \"aws:\" belong to AWS. Choose another key.", s)
	case strings.HasPrefix(strings.ToLower(s), "clusterform:"), s == "Name":
		return fmt.Sprintf("%q is set by clusterform itself. Choose another key.", s)
	}
	return ""
}

func checkTagValue(s string) string {
	if n := utf8.RuneCountInString(s); n > 256 {
		return fmt.Sprintf("The value of a tag has at most 256 characters, and this has %d.", n)
	}
	return ""
}

func checkSchedule(s string) string {
	macros := []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
	for _, m := range macros {
		if s == m {
			return ""
		}
	}
	fields := strings.Fields(s)
	if len(fields) != 5 {
		return fmt.Sprintf("%q is not a schedule: it has five fields (minute, hour, day, month, weekday), as in \"*/15 * * * *\", or is one of %s.", s, quotedList(macros))
	}
	limits := [5][2]int{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}}
	names := [5]string{"minute", "hour", "day", "month", "weekday"}
	for i, field := range fields {
		for part := range strings.SplitSeq(field, ",") {
			if !cronPart(part, limits[i][0], limits[i][1]) {
				return fmt.Sprintf("%q is not a schedule: %q is no %s, which goes from %d to %d.", s, part, names[i], limits[i][0], limits[i][1])
			}
		}
	}
	return ""
}

func cronPart(part string, low, high int) bool {
	span, stepText, stepped := strings.Cut(part, "/")
	if stepped {
		if n, err := strconv.Atoi(stepText); err != nil || n < 1 || n > high {
			return false
		}
	}
	if span == "*" {
		return true
	}
	from, to, isRange := strings.Cut(span, "-")
	a, err := strconv.Atoi(from)
	if err != nil || a < low || a > high {
		return false
	}
	if !isRange {
		return true
	}
	b, err := strconv.Atoi(to)
	return err == nil && b >= a && b <= high
}

// checkEach checks every known element of a list.
func checkEach(v cty.Value, check func(string) string) string {
	var problems []string
	for _, e := range v.AsValueSlice() {
		if !e.IsKnown() {
			continue
		}
		if e.IsNull() {
			return "An element must not be null."
		}
		if problem := check(e.AsString()); problem != "" {
			problems = append(problems, problem)
		}
	}
	return allOf(problems)
}

// maxProblems is how many wrong elements of one list are told of.
const maxProblems = 10

// allOf makes one text of what is wrong with the elements of a list, each on a line of its own.
func allOf(problems []string) string {
	if more := len(problems) - maxProblems; more > 0 {
		problems = append(slices.Clone(problems[:maxProblems]), fmt.Sprintf("And %d more.", more))
	}
	return strings.Join(problems, "\n")
}

// checkKeys checks the keys of a map.
func checkKeys(v cty.Value, check func(string) string) string {
	return checkEntries(v, check, nil)
}

// checkEntries checks the keys and the known values of a map of strings.
func checkEntries(v cty.Value, key, value func(string) string) string {
	entries := v.AsValueMap()
	for _, k := range slices.Sorted(maps.Keys(entries)) {
		e := entries[k]
		if problem := key(k); problem != "" {
			return problem
		}
		e, _ = e.Unmark()
		if value == nil || !e.IsKnown() {
			continue
		}
		if e.IsNull() {
			return fmt.Sprintf("The value of %q must not be null. Leave the entry out, or write \"\".", k)
		}
		if problem := value(e.AsString()); problem != "" {
			return fmt.Sprintf("%q: %s", k, problem)
		}
	}
	return ""
}
