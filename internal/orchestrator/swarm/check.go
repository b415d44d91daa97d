package swarm

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// Check says what a Swarm cannot do of what a cluster and its blocks ask, or would do otherwise than other orchestrators.
// What is known only after apply is left out; orchestrator.CheckKnown is about that. The finder makes the places exact and
// may be nil. Of the cluster's pools, see CheckPools.
func Check(c *hclconfig.Cluster, workloads []*hclconfig.Workload, manifests []*hclconfig.Manifest, finder *orchestrator.Finder) hclconfig.Diagnostics {
	diags := checkCluster(c, finder)
	for _, w := range workloads {
		diags = append(diags, CheckWorkload(w, finder)...)
	}
	for _, m := range manifests {
		diags = append(diags, CheckManifest(m, finder)...)
	}
	return diags
}

// CheckWorkload is the part of Check that is about one workload.
func CheckWorkload(w *hclconfig.Workload, finder *orchestrator.Finder) hclconfig.Diagnostics {
	f := orchestrator.NewFindings(hclconfig.Swarm, &w.Block, finder)
	checkKind(f, w)
	checkContainers(f, w)
	if len(w.Containers) > 0 {
		c := w.Containers[0]
		at := orchestrator.At(orchestrator.Labelled("container", c.Name))
		if c.Privileged {
			f.Unsupported(at.In("privileged"), "Services of a Swarm cannot be privileged.", "Leave it out, or run this workload on a Kubernetes cluster.")
		}
		checkEnv(f, c, at)
		checkHealth(f, c, at)
		checkMounts(f, w, c, at)
		checkExpose(f, w, c)
	}
	checkPlacement(f, w)
	if w.Autoscale != nil {
		f.Unsupported(orchestrator.At("autoscale"), "A Swarm does not change the number of replicas by itself.", "Write replicas = … and change it as needed, or run this workload on a Kubernetes cluster.")
	}
	return f.Diagnostics()
}

// CheckManifest says that a Swarm takes no Kubernetes objects.
func CheckManifest(m *hclconfig.Manifest, finder *orchestrator.Finder) hclconfig.Diagnostics {
	f := orchestrator.NewFindings(hclconfig.Swarm, &m.Block, finder)
	f.Unsupported(orchestrator.At("object"), "A manifest is a Kubernetes object.", "Write a workload block, which every orchestrator understands.")
	return f.Diagnostics()
}

// serviceNameLimit is the longest name of a service, its stack's included.
const serviceNameLimit = 63

func checkKind(f *orchestrator.Findings, w *hclconfig.Workload) {
	if name := w.Namespace + "_" + orchestrator.Name(&w.Block); len(name) > serviceNameLimit {
		f.Unsupported(orchestrator.At("namespace"), fmt.Sprintf("With it the service would be named %q, which is longer than %d characters.", name, serviceNameLimit), "Shorten the name of the namespace or of the workload.")
	}
	switch w.Kind {
	case hclconfig.CronJob:
		f.Unsupported(orchestrator.At("schedule"), "A Swarm starts nothing at given times.", "Write kind = \"job\" and apply it when it is to run, let a deployment keep time by itself, or run it on a Kubernetes cluster.")
	case hclconfig.Job:
		if w.Deadline > 0 {
			f.Unsupported(orchestrator.At("deadline"), "A Swarm does not stop jobs that take too long.", "Put the limit into the command: command = [\"timeout\", \"10m\", …].")
		}
		if w.Parallelism < w.Completions {
			f.Differs(orchestrator.At("parallelism"), fmt.Sprintf("`clusterform apply` keeps to it, but the stack file of `clusterform render` starts all %d runs at once.", w.Completions), "Write parallelism = completions to have the same everywhere.")
		}
	}
}

func checkContainers(f *orchestrator.Findings, w *hclconfig.Workload) {
	for i, c := range w.Containers {
		if i > 0 {
			f.Unsupported(orchestrator.At(orchestrator.Labelled("container", c.Name)), "A task of a Swarm is one container.", "Make it a workload of its own, which the others reach by its name.")
		}
	}
	for _, c := range w.Sidecars {
		f.Unsupported(orchestrator.At(orchestrator.Labelled("sidecar", c.Name)), "A task of a Swarm is one container, and shares its network and files with no other.", "Make it a workload of its own that is reached by its name (kind = \"daemon\" for one on every node), or put it into the image.")
	}
	for _, c := range w.InitContainers {
		f.Unsupported(orchestrator.At(orchestrator.Labelled("init_container", c.Name)), "A task of a Swarm is one container, and nothing runs before it.", "Make it a workload with kind = \"job\" that this one has in its depends_on, or do it in the image's entry point.")
	}
}

func checkEnv(f *orchestrator.Findings, c hclconfig.Container, at orchestrator.Place) {
	const instead = "Mount a secret block as a file, and give the program its path, as in env = { DB_PASSWORD_FILE = \"/run/secrets/password\" }."
	for _, e := range c.Env {
		switch {
		case e.FromSecret != "":
			f.Unsupported(at.In(orchestrator.Labelled("secret_env", e.Name)), "Secrets of a Swarm are files; in the environment everybody who may look at the service could read them.", instead)
		case e.Sensitive:
			f.Unsupported(at.In("env"), fmt.Sprintf("%s is sensitive, and everybody who may look at a service of a Swarm can read its environment.", e.Name), instead)
		}
	}
}

func checkHealth(f *orchestrator.Findings, c hclconfig.Container, at orchestrator.Place) {
	h := check(c)
	if h == nil {
		return
	}
	step := "health_check"
	switch {
	case c.Liveness != nil && c.Readiness != nil && reflect.DeepEqual(c.Liveness, c.Readiness):
	case c.Liveness != nil && c.Readiness != nil:
		f.Unsupported(at.In("readiness"), "A Swarm has one check for both: a task that fails it gets no requests and is replaced.", "Write one health_check block instead of liveness and readiness.")
		return
	case c.Readiness != nil:
		step = "readiness"
		f.Differs(at.In(step), "A Swarm replaces a task that fails its check, and does not wait for it to be ready again.", "Write health_check to say that this is meant.")
	default:
		step = "liveness"
	}
	if h.SuccessThreshold > 1 {
		f.Unsupported(at.In(step, "success_threshold"), "For a Swarm one success is enough.", "Leave it out.")
	}
	if len(h.Command) > 0 {
		return
	}
	what, program := "http", "wget or curl"
	if h.TCP {
		what, program = "tcp", "nc"
	}
	f.Differs(at.In(step, what), fmt.Sprintf("A Swarm checks from within the container, so the image must bring %s and a shell along.", program), "Where it does not, write command = [\"/app\", \"check\"] with something that the image has.")
	if checkedPort(h, c) == 0 {
		f.Unsupported(at.In(step, "port"), fmt.Sprintf("The container has no port %q, and a Swarm checks within the one container.", h.Port), "Name a port block of this container, or write the number.")
	}
}

// constraintKey is what Docker takes after "node.labels.".
var constraintKey = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.-]+$`)

func checkPlacement(f *orchestrator.Findings, w *hclconfig.Workload) {
	at := orchestrator.At("placement")
	for k, v := range sorted(w.Placement.NodeLabels) {
		if !constraintKey.MatchString(k) || v == "" {
			f.Unsupported(at.In("node_labels"), fmt.Sprintf("A Swarm cannot ask for %s = %q: keys have two or more letters, digits, \"-\", \"_\" and \".\", and values are not empty.", k, v), "Give the nodes a simpler label as well.")
		}
	}
	for _, s := range w.Placement.Spread {
		if s != "node" && s != "zone" && strings.Contains(s, "/") {
			f.Unsupported(at.In("spread"), fmt.Sprintf("A Swarm's nodes have no labels like %q.", s), "Spread over \"node\", \"zone\" or a label without \"/\".")
		}
	}
	if len(w.Placement.Affinity) > 0 {
		f.Unsupported(at.In("affinity"), "A Swarm does not place tasks by where others run.", "Write the same node_labels in both workloads.")
	}
	if slices.ContainsFunc(w.Placement.AntiAffinity, func(s string) bool { return s != w.Name }) {
		f.Unsupported(at.In("anti_affinity"), "A Swarm does not place tasks by where others run; it can only keep the replicas of one workload apart.", fmt.Sprintf("Leave only %q in it, or write different node_labels in the workloads.", w.Name))
	}
	if len(w.Placement.Tolerations) > 0 {
		f.Differs(at.In("toleration"), "A Swarm's nodes have no taints.", "Use node_labels to say where workloads run.")
	}
}

func checkExpose(f *orchestrator.Findings, w *hclconfig.Workload, c hclconfig.Container) {
	for _, e := range w.Expose {
		at := orchestrator.At(orchestrator.Labelled("expose", e.Name))
		target := portNumber(e.Target, c)
		switch {
		case target == 0:
			continue // a port of a container that is refused already
		case w.Kind == hclconfig.Job:
			f.Unsupported(at, "Jobs of a Swarm are not reached by name.", "Leave it out, or write kind = \"deployment\".")
		case e.Type == "load_balancer":
			f.Unsupported(at.In("type"), "A Swarm asks the cloud for no load balancer.", "Write type = \"node_port\" and put a load balancer in front of the nodes.")
		case target != e.Port && e.Type == "cluster":
			f.Unsupported(at.In("port"), fmt.Sprintf("Within a Swarm, clients reach the ports that containers listen on, and %q listens on %d.", e.Name, target), fmt.Sprintf("Write port = %d, or let the program listen on %d.", target, e.Port))
		case target != e.Port:
			f.Differs(at.In("port"), fmt.Sprintf("Other workloads of the Swarm reach this one on port %d, where the container listens, and not on %d.", target, e.Port), fmt.Sprintf("Write port = %d to have the same everywhere; outside only the node's port counts.", target))
		}
	}
}
