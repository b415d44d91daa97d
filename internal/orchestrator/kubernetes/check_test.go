package kubernetes

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

const cluster = `cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
}
`

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, kind, body, version string
		want                      string // severity:line:place; empty for nothing
	}{
		{name: "nothing wrong", body: `container "a" { image = "a" }`},
		{name: "long port name", body: "container \"a\" {\n image = \"a\"\n port \"a-very-long-port-name\" { container = 80 }\n}", want: `error:11:container "a".port "a-very-long-port-name"`},
		{name: "checked init container", body: "container \"a\" { image = \"a\" }\ninit_container \"i\" {\n image = \"i\"\n liveness { command = [\"x\"] }\n}", want: `error:12:init_container "i".liveness`},
		{name: "job with a sidecar before 1.29", kind: "job", version: "1.28.1", body: "container \"a\" { image = \"a\" }\nsidecar \"s\" { image = \"s\" }", want: `error:10:sidecar "s"`},
		{name: "job with a sidecar since", kind: "job", version: "1.29.0", body: "container \"a\" { image = \"a\" }\nsidecar \"s\" { image = \"s\" }"},
		{name: "file outside", body: "container \"a\" { image = \"a\" }\nconfig \"c\" { files = { \"../x\" = \"y\" } }", want: `error:10:config "c".files`},
		{name: "large file", body: "container \"a\" { image = \"a\" }\nsecret \"c\" { files = { x = join(\"\", [for i in range(1024) : format(\"%01025d\", i)]) } }", want: `error:10:secret "c".files`},
		{name: "one port twice", body: "container \"a\" { image = \"a\" }\nexpose \"x\" {\n port = 80\n target = 80\n}\nexpose \"y\" {\n port = 80\n target = 81\n}", want: `error:15:expose "y".port`},
		{name: "autoscale without request", body: "container \"a\" { image = \"a\" }\nautoscale {\n min = 1\n max = 2\n}", want: `error:9:container "a".resources.cpu`},
		{name: "daemon that surges", kind: "daemon", body: "container \"a\" { image = \"a\" }\nupdate {\n max_surge = 1\n max_unavailable = 1\n}", want: `error:11:update.max_surge`},
		{name: "daemon that spreads", kind: "daemon", body: "container \"a\" { image = \"a\" }\nplacement {\n spread = [\"zone\"]\n}", want: `warning:11:placement.spread`},
		{name: "claim of many", body: "replicas = 2\ncontainer \"a\" { image = \"a\" }\nvolume \"v\" {\n claim {\n  size = \"1Gi\"\n }\n}", want: `warning:12:volume "v".claim`},
		{name: "time for what does not run yet", body: "container \"a\" { image = \"a\" }\nplacement {\n toleration {\n  effect = \"NoSchedule\"\n  duration = \"1m\"\n }\n}", want: `error:13:placement.toleration.duration`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			kind := tc.kind
			if kind == "" {
				kind = "deployment"
			}
			d, sources := evaluate(t, cluster+"workload \"w\" {\n  cluster = cluster.lab\n  kind = \""+kind+"\"\n"+tc.body+"\n}\n")
			diags := CheckWorkload(d.Workloads[0], Options{Version: tc.version}, orchestrator.NewFinder(sources))
			got := ""
			for _, x := range diags {
				got += fmt.Sprintf("%s:%d:%s", x.Severity, x.Subject.Start.Line, place(x))
			}
			if got != tc.want {
				t.Errorf("got %q, want %q\n%v", got, tc.want, diags)
			}
			if exact := CheckWorkload(d.Workloads[0], Options{Version: tc.version}, nil); len(exact) != len(diags) || len(exact) > 0 && *exact[0].Subject != d.Workloads[0].Range {
				t.Error("without a finder the place is not the block")
			}
			if tc.want == "" || strings.HasPrefix(tc.want, "warning") {
				if _, err := Objects(d.Workloads[0], Options{Version: tc.version}); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

var placePattern = regexp.MustCompile(`^(.*?)( of workload\.w)\. `)

func place(d hclconfig.Diagnostic) string {
	if m := placePattern.FindStringSubmatch(d.Detail); m != nil {
		return m[1]
	}
	return d.Detail
}

// What is not known yet is said, and not shown as if it were empty.
func TestUnknown(t *testing.T) {
	t.Parallel()
	d, sources := evaluate(t, cluster+`
workload "w" {
  cluster = cluster.lab
  container "a" {
    image = "a"
    env   = { API = cluster.lab.endpoint }
  }
}
manifest "m" {
  cluster = cluster.lab
  object = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "m" }
    data       = { api = cluster.lab.endpoint }
  }
}`)
	f := orchestrator.NewFinder(sources)
	diags := append(orchestrator.CheckKnown(&d.Workloads[0].Block, f), orchestrator.CheckKnown(&d.Manifests[0].Block, f)...)
	if len(diags) != 2 || diags[0].Summary != "Known after apply" || diags[1].Summary != "Known after apply" {
		t.Fatalf("%v", diags)
	}
	if diags[0].Subject.Start.Line != 11 || !strings.Contains(diags[0].Detail, "container.a.env") {
		t.Errorf("%d: %s", diags[0].Subject.Start.Line, diags[0].Detail)
	}
	if diags[1].Subject.Start.Line != 16 {
		t.Errorf("%d: %s", diags[1].Subject.Start.Line, diags[1].Detail)
	}
}

// Two blocks never become one object.
func TestOneObjectTwice(t *testing.T) {
	t.Parallel()
	d, _ := evaluate(t, cluster+`
workload "web" {
  for_each = toset(["eu"])
  cluster  = cluster.lab
  container "a" { image = "a" }
}
workload "web-eu" {
  cluster = cluster.lab
  container "a" { image = "a" }
}`)
	_, err := Cluster(d.Workloads, nil, Options{}, true)
	if err == nil || !strings.Contains(err.Error(), `workload.web["eu"] and workload.web-eu both make`) {
		t.Errorf("%v", err)
	}
}

// Texts reach the program as they are written, whatever Kubernetes replaces in them.
func TestLiteral(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.RuneFrom([]rune("$$$()Aa ")), 0, 12, -1).Draw(t, "s")
		if got := expand(literal(s)); got != s {
			t.Fatalf("%q is written %q and becomes %q", s, literal(s), got)
		}
	})
}

// expand does what the documentation of env.value says, with every name defined.
func expand(s string) string {
	var b bytes.Buffer
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "$$"):
			b.WriteByte('$')
			i++
		case strings.HasPrefix(s[i:], "$(") && strings.Contains(s[i:], ")"):
			b.WriteString("<replaced>")
			i += strings.Index(s[i:], ")")
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func TestNativeSidecars(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{"": true, "1.28.15": false, "v1.28": false, "1.29.0": true, "1.34.4": true, "2.0": true} {
		if got := (Options{Version: version}).nativeSidecars(); got != want {
			t.Errorf("%q: %t", version, got)
		}
	}
}
