package hclconfig

import (
	"slices"
	"strconv"
)

func (c *checker) checkWorkload(w *Workload) {
	p := c.at(w.Address)
	c.cluster(w.Cluster, w.Address)
	if len(w.Containers) == 0 {
		p.error("", "Missing container", "A workload needs at least one container block.")
	}
	c.checkKind(w, p)
	ports := c.checkContainers(w, p)
	for _, e := range w.Expose {
		c.checkExpose(e, ports, p.in("expose", e.Name))
	}
	for _, v := range w.Volumes {
		in := p.in("volume", v.Name)
		kinds := 0
		for _, has := range []bool{in.wrote("host"), v.Empty != nil, v.Claim != nil} {
			if has {
				kinds++
			}
		}
		if kinds != 1 && !in.bad("host") {
			in.error("", "Unclear volume", "A volume is exactly one of host, empty and claim; this has %d of them.", kinds)
		}
	}
	for _, s := range append(slices.Clone(w.Placement.Affinity), w.Placement.AntiAffinity...) {
		names := []string{}
		for _, o := range c.loads[w.Cluster] {
			names = append(names, o.Name)
		}
		if !slices.Contains(names, s) {
			p.in("placement").error("affinity", "No such workload", "There is no workload %q in %s.%s", s, w.Cluster, didYouMeanSentence(s, slices.Values(names)))
		}
	}
	u := p.in("update")
	if u.block != p.block && u.settledNow("max_surge") && u.settledNow("max_unavailable") && w.Update.MaxSurge.Value == 0 && w.Update.MaxUnavailable.Value == 0 {
		u.error("max_surge", "Nothing may move", "With max_surge and max_unavailable both 0, no replica could ever be replaced. Set one of them to 1 or more.")
	}
}

// checkKind finds arguments that mean nothing for the kind of workload.
func (c *checker) checkKind(w *Workload, p at) {
	if w.Kind == "" {
		return
	}
	job := w.Kind == Job || w.Kind == CronJob
	if w.Kind != Deployment && p.wrote("replicas") {
		p.error("replicas", "Argument without meaning", "Only a deployment has replicas, and this is a %s.", w.Kind)
	}
	for _, name := range []string{"completions", "parallelism", "backoff_limit", "deadline"} {
		if !job && p.wrote(name) {
			p.error(name, "Argument without meaning", "Only jobs have %s, and this is a %s.", name, w.Kind)
		}
	}
	switch {
	case w.Kind == CronJob && !p.wrote("schedule") && !p.bad("schedule"):
		p.error("", "Missing schedule", "A cron_job needs a schedule: schedule = \"0 3 * * *\".")
	case w.Kind != CronJob && p.wrote("schedule"):
		p.error("schedule", "Argument without meaning", "Only a cron_job has a schedule, and this is a %s.", w.Kind)
	}
	if job && w.RestartPolicy == "always" && p.wrote("restart_policy") {
		p.error("restart_policy", "Unsuitable restart policy", "A job that is always started again never ends. Write \"on_failure\" or \"never\".")
	}
	if (w.Kind == Deployment || w.Kind == Daemon) && p.wrote("restart_policy") && w.RestartPolicy != "" && w.RestartPolicy != "always" {
		p.error("restart_policy", "Unsuitable restart policy", "A %s is kept running, so its policy is \"always\". For something that ends, use kind = \"job\".", w.Kind)
	}
	if a := w.Autoscale; a != nil {
		in := p.in("autoscale")
		switch {
		case w.Kind != Deployment:
			in.error("", "Block without meaning", "Only a deployment can be scaled, and this is a %s.", w.Kind)
		case p.wrote("replicas"):
			p.error("replicas", "Two sizes", "autoscale decides the number of replicas. Leave replicas out.")
		case a.Min < 1 && in.settledNow("min"):
			in.error("min", "Unsuitable value for \"min\"", "At least one replica must be left to measure the load of.")
		case a.Max < a.Min && in.settledNow("max"):
			in.error("max", "Unsuitable value for \"max\"", "max, %d, is less than min, %d.", a.Max, a.Min)
		}
	}
}

// checkContainers checks the containers and gives the names of their ports.
func (c *checker) checkContainers(w *Workload, p at) map[string]int {
	ports := map[string]int{}
	names := map[string]bool{}
	for _, kind := range []struct {
		typ  string
		list []Container
	}{{"container", w.Containers}, {"sidecar", w.Sidecars}, {"init_container", w.InitContainers}} {
		for _, x := range kind.list {
			in := p.in(kind.typ, x.Name)
			if problem := checkName(x.Name); problem != "" {
				in.error("", "Invalid name", "%s", problem)
			}
			if names[x.Name] {
				in.error("", "Duplicate container", "There is another container %q in this workload. Give one of them another name.", x.Name)
			}
			names[x.Name] = true
			for _, q := range x.Ports {
				if _, ok := ports[q.Name]; ok {
					in.in("port", q.Name).error("", "Duplicate port", "There is another port %q in this workload.", q.Name)
				}
				ports[q.Name] = q.Container
			}
			c.checkContainer(w, x, in)
		}
	}
	return ports
}

func (c *checker) checkContainer(w *Workload, x Container, p at) {
	for _, h := range []string{"health_check", "liveness", "readiness"} {
		in := p.in(h)
		if in.block == p.block {
			continue
		}
		kinds := 0
		for _, name := range []string{"http", "tcp", "command"} {
			if got := in.block.args[name]; got.set && (name != "tcp" || got.value.IsKnown() && got.value.True()) || got.bad {
				kinds++
			}
		}
		if kinds != 1 {
			in.error("", "Unclear check", "A check is exactly one of http, tcp and command; this has %d of them.", kinds)
		}
		if !in.wrote("command") && !in.wrote("port") && len(x.Ports) == 0 && kinds == 1 {
			in.error("", "Missing port", "Which port? The container has no port block, so write port = 8080.")
		}
	}
	known := map[string]bool{}
	for _, v := range w.Volumes {
		known[v.Name] = true
	}
	for _, v := range w.Configs {
		known[v.Name] = true
	}
	for _, v := range w.Secrets {
		known[v.Name] = true
	}
	paths := map[string]string{}
	for _, m := range x.Mounts {
		in := p.in("mount", m.Name)
		if !known[m.Name] {
			in.error("", "Nothing to mount", "The workload has no volume, config or secret %q.%s", m.Name, didYouMeanSentence(m.Name, mapKeys(known)))
		}
		if other, ok := paths[m.Path]; ok && m.Path != "" {
			in.error("path", "Duplicate path", "%q is mounted at %s already.", other, m.Path)
		}
		paths[m.Path] = m.Name
	}
	seen := map[string]bool{}
	for _, e := range x.Env {
		in := p.in("secret_env", e.Name)
		if e.FromSecret != "" {
			c.checkSecretEnv(w, e, in)
		}
		if seen[e.Name] {
			p.error("env", "Duplicate variable", "The environment variable %q is set by env and by secret_env.", e.Name)
		}
		seen[e.Name] = true
	}
	r := p.in("resources")
	if r.block == p.block {
		return
	}
	if l := x.Resources.CPULimitMilli; l > 0 && l < x.Resources.CPUMilli {
		r.error("cpu_limit", "Limit below need", "cpu_limit is less than cpu.")
	}
	if l := x.Resources.MemoryLimit; l > 0 && l < x.Resources.MemoryBytes {
		r.error("memory_limit", "Limit below need", "memory_limit is less than memory.")
	}
}

func (c *checker) checkSecretEnv(w *Workload, e EnvVar, p at) {
	i := slices.IndexFunc(w.Secrets, func(s Secret) bool { return s.Name == e.FromSecret })
	if i < 0 {
		names := map[string]bool{}
		for _, s := range w.Secrets {
			names[s.Name] = true
		}
		p.error("secret", "No such secret", "The workload has no secret block %q.%s", e.FromSecret, didYouMeanSentence(e.FromSecret, mapKeys(names)))
		return
	}
	if _, ok := w.Secrets[i].Files[e.SecretKey]; !ok && e.SecretKey != "" && w.Secrets[i].Files != nil {
		names := map[string]bool{}
		for k := range w.Secrets[i].Files {
			names[k] = true
		}
		p.error("key", "No such key", "The secret %q has no file %q.%s", e.FromSecret, e.SecretKey, didYouMeanSentence(e.SecretKey, mapKeys(names)))
	}
}

func (c *checker) checkExpose(e Expose, ports map[string]int, p at) {
	if _, err := strconv.Atoi(e.Target); err != nil && e.Target != "" {
		if _, ok := ports[e.Target]; !ok {
			p.error("target", "No such port", "No container has a port %q.%s Name one of them, or write its number: target = 8080.", e.Target, didYouMeanSentence(e.Target, mapKeys(ports)))
		}
	}
	if e.Type == "cluster" && p.wrote("node_port") {
		p.error("node_port", "Argument without meaning", "type = \"cluster\" opens no port on the nodes. Leave node_port out, or write type = \"node_port\".")
	}
}

// checkNodePorts finds ports of the nodes that are asked for twice.
func (c *checker) checkNodePorts() {
	type taken struct {
		cluster  Address
		port     int
		protocol string
	}
	by := map[taken]Address{}
	for _, w := range c.d.Workloads {
		for _, e := range w.Expose {
			if e.NodePort == 0 || w.Cluster == "" {
				continue
			}
			k := taken{w.Cluster, e.NodePort, e.Protocol}
			if first, ok := by[k]; ok {
				c.at(w.Address).in("expose", e.Name).error("node_port", "Port taken", "%s publishes %d on the nodes of %s already.", first, e.NodePort, w.Cluster)
				continue
			}
			by[k] = w.Address
		}
	}
}

func (c *checker) checkManifest(m *Manifest) {
	cluster := c.cluster(m.Cluster, m.Address)
	if cluster != nil && cluster.Orchestrator != "" && cluster.Orchestrator != Kubernetes {
		c.at(m.Address).error("cluster", "Unsuitable orchestrator", "A manifest is a Kubernetes object, and %s runs %s. Use a workload block, which every orchestrator understands.", cluster.Address, cluster.Orchestrator)
	}
}
