package hclconfig

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"time"
)

// TestCrossChecks has the mistakes that need more than one file, or one too
// many for the golden ones.
func TestCrossChecks(t *testing.T) {
	t.Parallel()
	pool := "node_pool \"w\" {\n  cluster = %s\n  size = 1\n}\n"
	named := "variable \"cluster\" {}\n" + strings.ReplaceAll(pool, "%s", "var.cluster")
	for _, tc := range []struct {
		name, root, want string
		files            map[string]string
	}{
		{"two pools of one name", "module \"a\" {\n source = \"./a\"\n cluster = cluster.lab\n}\nmodule \"b\" {\n source = \"./a\"\n cluster = cluster.lab\n}\n",
			"module.a.node_pool.w, at a/a.cluster.hcl:2, is a node pool of that name in cluster.lab already", map[string]string{"a/a.cluster.hcl": named}},
		{"disabled cluster", "cluster \"off\" {\n enabled = false\n orchestrator = \"swarm\"\n version = \"28.1\"\n region = \"eu-west-1\"\n}\n" + strings.ReplaceAll(pool, "%s", "cluster.off"),
			"The cluster is null, as a disabled one is", nil},
		{"cluster by unknown name", strings.ReplaceAll(pool, "%s", `"cluster.lba"`), `There is no cluster.lba in this configuration, or it is disabled. Did you mean "cluster.lab"?`, nil},
		{"reserved pool name", "node_pool \"all\" {\n cluster = cluster.lab\n size = 1\n}\n", `cannot be called "all"`, nil},
		{"removed inside of a module", "module \"a\" {\n source = \"./a\"\n cluster = cluster.lab\n}\nremoved {\n from = module.a.node_pool.w\n}\n",
			"module.a.node_pool.w is declared at a/a.cluster.hcl:2", map[string]string{"a/a.cluster.hcl": named}},
		{"module still there", "module \"a\" {\n source = \"./a\"\n cluster = cluster.lab\n}\nmoved {\n from = module.a\n to = module.b\n}\n",
			"module.a is declared at", map[string]string{"a/a.cluster.hcl": named}},
		{"missing instance", "node_pool \"x\" {\n for_each = toset([\"a\"])\n cluster = cluster.lab\n size = 1\n}\nnode_pool \"y\" {\n cluster = cluster.lab\n size = 1\n depends_on = [node_pool.x[\"b\"]]\n}\n",
			`node_pool.y depends on node_pool.x["b"], and there is no such instance`, nil},
		{"attribute behind a computed key", "node_pool \"x\" {\n for_each = toset([\"a\"])\n cluster = cluster.lab\n size = 1\n}\nlocals {\n k = \"a\"\n}\noutput \"o\" { value = node_pool.x[local.k].siez }\n",
			`A node_pool has no attribute "siez". Did you mean "size"?`, nil},
		{"required version", "clusterform { required_version = \">= 2.0\" }\n", "asks for clusterform >= 2.0, and this is 0.1.0", nil},
		{"nonsense version", "clusterform { required_version = \"new\" }\n", `"new" is not a version number`, nil},
		{"node port taken", workloadOn("a", 30080) + workloadOn("b", 30080), "workload.a publishes 30080 on the nodes of cluster.lab already", nil},
		{"quorum", "cluster \"q\" {\n orchestrator = \"swarm\"\n version = \"28.1\"\n region = \"eu-west-1\"\n control_plane {\n  size = 3\n  update { max_unavailable = 2 }\n }\n}\n",
			"Of 3 control-plane nodes, 1 may be missing at most", nil},
		{"too many instances", "node_pool \"x\" {\n for_each = toset(formatlist(\"p%d\", range(1000)))\n cluster = cluster.lab\n size = 1\n}\nnode_pool \"y\" {\n for_each = node_pool.x\n cluster = cluster.lab\n size = 1\n}\n",
			"there are more than 1500 objects", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"main.cluster.hcl": minimal + tc.root}
			for k, v := range tc.files {
				files[k] = v
			}
			c, diags := Load("/nowhere", Options{Snapshot: snapshot(files), Version: "0.1.0", Limits: Limits{Instances: 1500}})
			_, more := c.Evaluate(nil)
			wantDiagnostic(t, append(diags, more...), tc.want)
		})
	}
}

func workloadOn(name string, port int) string {
	return strings.NewReplacer("NAME", name, "PORT", numberOf(port)).Replace(`
workload "NAME" {
  cluster = cluster.lab
  container "c" {
    image = "c"
    port "http" { container = 80 }
  }
  expose "http" {
    port      = 80
    node_port = PORT
  }
}
`)
}

func numberOf(n int) string { return strconv.Itoa(n) }

func TestVersionConstraints(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		constraint, version string
		want                bool
	}{
		{">= 0.1", "0.1.0", true}, {">= 0.1, < 0.2", "0.2.0", false}, {"~> 1.2", "1.9.9", true}, {"~> 1.2", "2.0.0", false},
		{"~> 1.2.3", "1.2.9", true}, {"~> 1.2.3", "1.3.0", false}, {"= 1.0", "1.0.0", true}, {"1.0", "1.0.1", false},
		{"!= 1.0", "1.0.0", false}, {"<= 1.0", "1.0.0", true}, {"> 1.0", "1.0.0", false}, {">= 0.1", "0.1.0-dev", true},
	} {
		v, err := parseVersion(tc.version)
		if err != nil {
			t.Fatal(err)
		}
		list, err := parseConstraints(tc.constraint)
		if err != nil {
			t.Fatal(err)
		}
		got := true
		for _, c := range list {
			got = got && c.allows(v)
		}
		if got != tc.want {
			t.Errorf("%s allows %s: %t", tc.constraint, tc.version, got)
		}
	}
}

// TestWholeWorkload decodes everything a workload can say.
func TestWholeWorkload(t *testing.T) {
	t.Parallel()
	c, diags := Load("../examples/language/workload", Options{})
	d, more := c.Evaluate(nil)
	if diags = append(diags, more...); len(diags) > 0 {
		t.Fatal(texts(diags))
	}
	want := &Workload{
		Cluster: "cluster.lab", Namespace: "shop", Kind: Deployment, RestartPolicy: "always", Replicas: 1,
		Labels: map[string]string{"team": "web"}, Annotations: map[string]string{"example.com/x": "y"},
		Grace: time.Minute, Completions: 1, Parallelism: 1, BackoffLimit: 6,
		InitContainers: []Container{{Name: "migrate", Image: "shop:1", Args: []string{"migrate"}}},
		Containers: []Container{{
			Name: "app", Image: "shop:1", Command: []string{"/shop"}, Args: []string{"-v"}, WorkingDir: "/srv", User: "1000:1000", ReadOnly: true,
			Env:       []EnvVar{{Name: "MODE", Value: "fast"}, {Name: "PASSWORD", Sensitive: true, FromSecret: "db", SecretKey: "password"}},
			Ports:     []Port{{Name: "http", Container: 8080, Protocol: "tcp"}, {Name: "stats", Container: 8125, Host: 8125, Protocol: "udp"}},
			Resources: Resources{CPUMilli: 250, MemoryBytes: 64 << 20, CPULimitMilli: 1000, MemoryLimit: 128 << 20},
			Liveness:  &HealthCheck{TCP: true, Port: "http", Interval: 10 * time.Second, Timeout: time.Second, FailureThreshold: 3, SuccessThreshold: 1},
			Readiness: &HealthCheck{HTTP: "/ready", Interval: 5 * time.Second, Timeout: 2 * time.Second, InitialDelay: time.Second, FailureThreshold: 2, SuccessThreshold: 1},
			Mounts:    []Mount{{Name: "data", Path: "/data"}, {Name: "settings", Path: "/etc/shop", ReadOnly: true}, {Name: "scratch", Path: "/tmp", SubPath: "shop"}},
		}},
		Sidecars: []Container{{Name: "log", Image: "tail:1", Resources: Resources{CPUMilli: 50}}},
		Configs:  []ConfigFile{{Name: "settings", Files: map[string]FileContent{"shop.conf": {Content: "color = blue\n"}}}},
		Secrets:  []Secret{{Name: "db", Files: map[string]FileContent{"password": {Content: "not-a-secret", Sensitive: true}}}},
		Volumes: []Volume{
			{Name: "data", Claim: &VolumeClaim{SizeBytes: 10 << 30, StorageClass: "fast", AccessMode: "read_write_once"}},
			{Name: "scratch", Empty: &EmptyVolume{Memory: true, SizeBytes: 16 << 20}},
			{Name: "host", Host: "/var/lib/shop"},
		},
		Expose:    []Expose{{Name: "http", Type: "load_balancer", Port: 80, Target: "http", Protocol: "tcp"}},
		Autoscale: &Autoscale{Min: 2, Max: 10, CPU: 70},
		Placement: Placement{
			NodeLabels: map[string]string{"tier": "web"}, Spread: []string{"zone"}, AntiAffinity: []string{"shop"},
			Tolerations: []Toleration{{Key: "dedicated", Value: "web", Effect: "NoSchedule"}, {Exists: true, Duration: time.Minute}},
		},
		Update: WorkloadUpdate{MaxSurge: Amount{Value: 50, Percent: true}, MaxUnavailable: Amount{}, ProgressDeadline: 2 * time.Minute, AutoRevert: true},
	}
	if diff := cmp.Diff(want, d.Workloads[0], cmpopts.IgnoreTypes(Block{})); diff != "" {
		t.Error(diff)
	}
}
