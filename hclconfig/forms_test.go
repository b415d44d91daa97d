package hclconfig

import (
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

// TestForms gives each form values it takes, and values it refuses with what
// it says about them.
func TestForms(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	for _, tc := range []struct {
		form  Form
		good  []string
		wrong map[string]string
	}{
		{formAbsPath, []string{"/", "/a/b", "/a/"}, map[string]string{"a": "must start with", "": "must start with", "/a\x00": "usable"}},
		{formAmount, []string{"0", "25%", "100%", "7"}, map[string]string{"-1": "below zero", "101%": "more than all", "x": "not an amount", "1.5": "not an amount", "999999999": "too much"}},
		{formBytes, []string{"64Mi", "1.5Gi", "0", "2 G"}, map[string]string{"64MiB": "unknown unit", "lots": "not a size", "-1": "not a size", "9999999Pi": "too large"}},
		{formCIDR, []string{"10.0.0.0/8", "0.0.0.0/0", "10.1.2.3/32"}, map[string]string{"10.0.0.1/8": "bits set", "10.0.0.1": `write "10.0.0.1/32"`, "fd00::/8": "not IPv4", "x": "not a CIDR"}},
		{formContainerImage, []string{"a", "registry.lab:5000/hello:1", "a@sha256:00"}, map[string]string{"": "not the name", "a b": "not the name", "a//b": "not the name", "a:": "not the name"}},
		{formCPU, []string{"500m", "0.5", "2", "1500m"}, map[string]string{"x": "not an amount", "5k": "not an amount", "99999999": "too much"}},
		{formDuration, []string{"0s", "90s", "1h30m"}, map[string]string{"5": "number with a unit", "-1s": "below zero", "800h": "longer than 30 days"}},
		{formImage, []string{"debian-12", "ami-0123456789abcdef0", "ami-01234567", "ssm:/aws/service/x/y"}, map[string]string{"ami-1": "hexadecimal", "ssm:x": "not the name of a parameter", "debian": "debian-12"}},
		{formName, []string{"a", "web-1", strings.Repeat("a", 40)}, map[string]string{"Web_1": `Write "web-1"`, "1a": "cannot be a name", "a-": "cannot be a name", strings.Repeat("a", 41): "40 are allowed", "": "cannot be a name"}},
		{formPortRef, []string{"http", "8080", ""}, map[string]string{"0": "out of range", "70000": "out of range", "Web Port": "neither a port number"}},
		{formRegion, []string{"eu-central-1", "us-gov-west-1"}, map[string]string{"eu-central-1a": `Its region is "eu-central-1"`, "frankfurt": "not an AWS region"}},
		{formSchedule, []string{"* * * * *", "*/15 0-6 1,15 * 1-5", "@daily"}, map[string]string{"* * * *": "five fields", "60 * * * *": `"60" is no minute`, "*/0 * * * *": "is no minute", "5-1 * * * *": "is no minute", "* * * JAN *": "is no month"}},
		{formUser, []string{"", "1000", "1000:1000"}, map[string]string{"root": "not a numeric user"}},
		{formUserData, []string{"", "#!/bin/sh\n"}, map[string]string{"echo": `start with "#!"`, "#!" + strings.Repeat("x", 9000): "8192 are allowed"}},
		{formVersion, []string{"1.34", "1.34.4", "28.1.0-rc.1"}, map[string]string{"v1.34.4": `without "v"`, "latest": "not a version", "1": "not a version"}},
		{formVPC, []string{"10.0.0.0/16", "10.0.0.0/28"}, map[string]string{"10.0.0.0/8": "from /16 to /28", "10.0.0.0/30": "from /16 to /28", "x": "not a CIDR"}},
	} {
		a := &Attribute{Name: "x", Type: cty.String, Form: tc.form}
		t.Run(string(tc.form), func(t *testing.T) {
			t.Parallel()
			for _, s := range tc.good {
				if _, problem := a.normalise(cty.StringVal(s)); problem != "" {
					t.Errorf("%q is refused: %s", s, problem)
				}
			}
			for s, want := range tc.wrong {
				if _, problem := a.normalise(cty.StringVal(s)); !strings.Contains(problem, want) {
					t.Errorf("%q: %q, want %q", s, problem, want)
				}
			}
			if v, problem := a.normalise(cty.UnknownVal(cty.String)); problem != "" || v.IsKnown() {
				t.Errorf("an unknown value: %#v, %s", v, problem)
			}
		})
	}
	for _, tc := range []struct {
		form  Form
		value cty.Value
		want  string // empty: it is taken
	}{
		{formTags, tags("team", "a"), ""},
		{formTags, tags("Name", "a"), "set by clusterform itself"},
		{formTags, tags("aws:x", "a"), "belong to AWS"},
		{formTags, tags("clusterform:x", "a"), "set by clusterform itself"},
		{formTags, tags(long, "a"), "1 to 128 characters"},
		{formTags, tags("a", long), "at most 256 characters"},
		{formLabels, tags("example.com/tier", "web"), ""},
		{formLabels, tags("kubernetes.io/x", "web"), "set by the system itself"},
		{formLabels, tags("a b", "web"), "cannot be the key of a label"},
		{formLabels, tags("a", "b c"), "cannot be the value of a label"},
		{formEnv, tags("A_1", "x"), ""},
		{formEnv, tags("1A", "x"), "does not start with a digit"},
	} {
		a := &Attribute{Name: "x", Type: mapOfStrings, Form: tc.form}
		if _, problem := a.normalise(tc.value); (problem == "") != (tc.want == "") || !strings.Contains(problem, tc.want) {
			t.Errorf("%s %#v: %q, want %q", tc.form, tc.value, problem, tc.want)
		}
	}
}

func tags(key, value string) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{key: cty.StringVal(value)})
}

func TestQuantities(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{"64Mi": 64 << 20, "1k": 1000, "1.5Ki": 1536, "7": 7} {
		if got, problem := parseBytes(in); got != want || problem != "" {
			t.Errorf("%s: %d %s, want %d", in, got, problem, want)
		}
	}
	for in, want := range map[string]int64{"500m": 500, "0.25": 250, "2": 2000, "0.0001": 1} {
		if got, problem := parseCPU(in); got != want || problem != "" {
			t.Errorf("%s: %d %s, want %d", in, got, problem, want)
		}
	}
	for _, tc := range []struct {
		a          Amount
		total      int
		up, reduce int
	}{
		{Amount{Value: 2}, 10, 2, 2},
		{Amount{Value: 25, Percent: true}, 10, 3, 2},
		{Amount{Value: 100, Percent: true}, 3, 3, 3},
		{Amount{Value: 0, Percent: true}, 3, 0, 0},
	} {
		if tc.a.Of(tc.total, true) != tc.up || tc.a.Of(tc.total, false) != tc.reduce {
			t.Errorf("%+v of %d: %d and %d", tc.a, tc.total, tc.a.Of(tc.total, true), tc.a.Of(tc.total, false))
		}
	}
}
