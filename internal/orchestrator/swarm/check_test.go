package swarm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

const cluster = `cluster "lab" {
  orchestrator = "swarm"
  version      = "29.0"
  region       = "eu-central-1"
}
`

func TestCheck(t *testing.T) {
	t.Parallel()
	container := func(inner string) string {
		return "container \"a\" {\n image = \"a\"\n port \"http\" { container = 8080 }\n" + inner + "\n}\n"
	}
	plain := container("")
	for _, tc := range []struct {
		name, kind, body string
		want             string // severity:line:place, the last without "of workload.w"
	}{
		{name: "nothing wrong", body: plain},
		{name: "job in a hurry", kind: "job", body: plain + "deadline = \"1m\"", want: "error:14:deadline"},
		{name: "job in turns", kind: "job", body: plain + "completions = 3", want: "warning:6:parallelism"},
		{name: "job that is reached", kind: "job", body: plain + "expose \"http\" {\n port = 8080\n}", want: `error:14:expose "http"`},
		{name: "job without update", kind: "job", body: plain},
		{name: "schedule", kind: "cron_job", body: plain + "schedule = \"@daily\"", want: "error:14:schedule"},
		{name: "second container", body: plain + "container \"b\" { image = \"b\" }", want: `error:14:container "b"`},
		{name: "sidecar", body: plain + "sidecar \"b\" { image = \"b\" }", want: `error:14:sidecar "b"`},
		{name: "init container", body: plain + "init_container \"b\" { image = \"b\" }", want: `error:14:init_container "b"`},
		{name: "autoscale", body: plain + "autoscale {\n min = 1\n max = 2\n}", want: "error:14:autoscale"},
		{name: "privileged", body: container("privileged = true"), want: `error:12:container "a".privileged`},
		{name: "secret variable", body: container("secret_env \"P\" {\n secret = \"s\"\n key = \"p\"\n}") + "secret \"s\" { files = { p = \"x\" } }", want: `error:12:container "a".secret_env "P"`},
		{name: "sensitive variable", body: container("env = { P = sensitive(\"x\") }"), want: `error:12:container "a".env`},
		{name: "check by command", body: container("health_check { command = [\"x\"] }")},
		{name: "check by http", body: container("health_check { http = \"/\" }"), want: `warning:12:container "a".health_check.http`},
		{name: "check by tcp", body: container("liveness { tcp = true }"), want: `warning:12:container "a".liveness.tcp`},
		{name: "two checks", body: container("liveness { command = [\"x\"] }\nreadiness { command = [\"y\"] }"), want: `error:13:container "a".readiness`},
		{name: "readiness alone", body: container("readiness { command = [\"y\"] }"), want: `warning:12:container "a".readiness`},
		{name: "two successes", body: container("liveness {\n command = [\"y\"]\n success_threshold = 2\n}"), want: `error:14:container "a".liveness.success_threshold`},
		{name: "odd label", body: plain + "placement {\n node_labels = { \"example.com/tier\" = \"web\" }\n}", want: "error:15:placement.node_labels"},
		{name: "spread over an odd label", body: plain + "placement {\n spread = [\"example.com/rack\"]\n}", want: "error:15:placement.spread"},
		{name: "near itself", body: plain + "placement {\n affinity = [\"w\"]\n}", want: "error:15:placement.affinity"},
		{name: "away from itself", body: plain + "placement {\n anti_affinity = [\"w\"]\n}"},
		{name: "away from another", body: plain + "placement {\n anti_affinity = [\"x\"]\n}\n}\nworkload \"x\" {\n cluster = cluster.lab\n container \"a\" { image = \"a\" }", want: "error:15:placement.anti_affinity"},
		{name: "toleration", body: plain + "placement {\n toleration {}\n}", want: "warning:15:placement.toleration"},
		{name: "load balancer", body: plain + "expose \"http\" {\n type = \"load_balancer\"\n port = 8080\n}", want: `error:15:expose "http".type`},
		{name: "other port inside", body: plain + "expose \"http\" {\n port = 80\n}", want: `error:15:expose "http".port`},
		{name: "other port outside", body: plain + "expose \"http\" {\n port = 80\n node_port = 30080\n}", want: `warning:15:expose "http".port`},
		{name: "part of a volume", body: container("mount \"v\" {\n path = \"/v\"\n sub_path = \"x\"\n}") + "volume \"v\" {\n empty {}\n}", want: `error:14:container "a".mount "v".sub_path`},
		{name: "empty volume with a limit", body: container("mount \"v\" { path = \"/v\" }") + "volume \"v\" {\n empty {\n  size = \"1Gi\"\n }\n}", want: `error:16:volume "v".empty.size`},
		{name: "claim on whichever node", body: container("mount \"v\" { path = \"/v\" }") + "volume \"v\" {\n claim {\n  size = \"1Gi\"\n }\n}", want: `warning:15:volume "v".claim`},
		{name: "empty file", body: plain + "config \"c\" { files = { x = \"\" } }", want: `error:14:config "c".files`},
		{name: "file outside", body: plain + "config \"c\" { files = { \"/x\" = \"y\" } }", want: `error:14:config "c".files`},
		{name: "large secret", body: plain + "secret \"c\" { files = { x = join(\"\", [for i in range(1024) : format(\"%0513d\", i)]) } }", want: `error:14:secret "c".files`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			kind := tc.kind
			if kind == "" {
				kind = "deployment"
			}
			d, sources := evaluate(t, cluster+"workload \"w\" {\n  cluster = cluster.lab\n  kind = \""+kind+"\"\n"+tc.body+"\n}\n")
			diags := CheckWorkload(d.Workloads[0], orchestrator.NewFinder(sources))
			var got []string
			for _, x := range diags {
				place, _, _ := strings.Cut(strings.TrimSuffix(strings.SplitN(x.Detail, ". ", 2)[0], " of workload.w"), " of workload.w")
				got = append(got, fmt.Sprintf("%s:%d:%s", x.Severity, x.Subject.Start.Line, place))
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("got %q, want %q\n%v", got, tc.want, diags)
			}
			if !diags.HasErrors() {
				stacks, err := Stacks(d.Workloads[:1], Options{})
				if err != nil {
					t.Fatal(err)
				}
				dockerReads(t, stackFile(t, stacks[0], true, true))
			}
		})
	}
}

// A stack with a name that leaves no room for the service's.
func TestLongName(t *testing.T) {
	t.Parallel()
	d, _ := evaluate(t, cluster+`
workload "a-workload-with-a-name-of-forty-letters" {
  cluster   = cluster.lab
  namespace = "a-namespace-with-a-long-name"
  container "a" { image = "a" }
}`)
	if diags := CheckWorkload(d.Workloads[0], nil); !diags.HasErrors() || !strings.Contains(diags[0].Detail, "longer than 63") {
		t.Errorf("%v", diags)
	}
}

func TestOneServiceTwice(t *testing.T) {
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
	_, err := Stacks(d.Workloads, Options{})
	if err == nil || !strings.Contains(err.Error(), `workload.web["eu"] and workload.web-eu both make`) {
		t.Errorf("%v", err)
	}
}
