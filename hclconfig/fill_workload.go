package hclconfig

import (
	"maps"
	"slices"
)

func fillWorkload(b Block, block *evaluatedBlock) *Workload {
	w := &Workload{Block: b}
	f := filler{block: block, out: &w.Block}
	w.Cluster, w.Namespace = Address(f.text("cluster")), f.text("namespace")
	w.Kind, w.Replicas = WorkloadKind(f.text("kind")), f.number("replicas")
	w.Labels, w.Annotations = f.textMap("labels"), f.textMap("annotations")
	w.Grace, w.Schedule = f.duration("grace"), f.text("schedule")
	w.Completions, w.Parallelism, w.BackoffLimit = f.number("completions"), f.number("parallelism"), f.number("backoff_limit")
	w.Deadline = f.duration("deadline")
	w.RestartPolicy = f.textOr("restart_policy", "always")
	if !f.set("restart_policy") && (w.Kind == Job || w.Kind == CronJob) {
		w.RestartPolicy = "on_failure"
	}
	for _, c := range f.each("container") {
		w.Containers = append(w.Containers, fillContainer(c))
	}
	for _, c := range f.each("sidecar") {
		w.Sidecars = append(w.Sidecars, fillContainer(c))
	}
	for _, c := range f.each("init_container") {
		w.InitContainers = append(w.InitContainers, fillContainer(c))
	}
	for _, c := range f.each("config") {
		w.Configs = append(w.Configs, ConfigFile{Name: c.block.label, Files: c.entries("files")})
	}
	for _, c := range f.each("secret") {
		files := c.entries("files")
		for k, v := range files {
			v.Sensitive = true
			files[k] = v
		}
		w.Secrets = append(w.Secrets, Secret{Name: c.block.label, Files: files})
	}
	for _, v := range f.each("volume") {
		w.Volumes = append(w.Volumes, fillVolume(v))
	}
	for _, e := range f.each("expose") {
		w.Expose = append(w.Expose, fillExpose(e))
	}
	if f.has("autoscale") {
		a := f.in("autoscale")
		w.Autoscale = &Autoscale{Min: a.number("min"), Max: a.number("max"), CPU: a.number("cpu")}
	}
	w.Placement = fillPlacement(f.in("placement"))
	u := f.in("update")
	w.Update = WorkloadUpdate{
		MaxSurge: u.amount("max_surge"), MaxUnavailable: u.amount("max_unavailable"),
		ProgressDeadline: u.duration("progress_deadline"), AutoRevert: u.flag("auto_revert"),
	}
	return w
}

func fillContainer(f filler) Container {
	c := Container{
		Name: f.block.label, Image: f.text("image"), Command: f.texts("command"), Args: f.texts("args"),
		WorkingDir: f.text("working_dir"), User: f.text("user"), Privileged: f.flag("privileged"), ReadOnly: f.flag("read_only"),
	}
	env := f.entries("env")
	for _, name := range slices.Sorted(maps.Keys(env)) {
		c.Env = append(c.Env, EnvVar{Name: name, Value: env[name].Content, Sensitive: env[name].Sensitive})
	}
	for _, e := range f.each("secret_env") {
		c.Env = append(c.Env, EnvVar{Name: e.block.label, Sensitive: true, FromSecret: e.text("secret"), SecretKey: e.text("key")})
	}
	slices.SortStableFunc(c.Env, func(a, b EnvVar) int { return compareText(a.Name, b.Name) })
	for _, p := range f.each("port") {
		c.Ports = append(c.Ports, Port{Name: p.block.label, Container: p.number("container"), Host: p.number("host"), Protocol: p.text("protocol")})
	}
	r := f.in("resources")
	c.Resources = Resources{CPUMilli: r.cpu("cpu"), MemoryBytes: r.bytes("memory"), CPULimitMilli: r.cpu("cpu_limit"), MemoryLimit: r.bytes("memory_limit")}
	if f.has("health_check") {
		c.Liveness, c.Readiness = fillHealthCheck(f.in("health_check")), fillHealthCheck(f.in("health_check"))
	}
	if f.has("liveness") {
		c.Liveness = fillHealthCheck(f.in("liveness"))
	}
	if f.has("readiness") {
		c.Readiness = fillHealthCheck(f.in("readiness"))
	}
	for _, m := range f.each("mount") {
		c.Mounts = append(c.Mounts, Mount{Name: m.block.label, Path: m.text("path"), SubPath: m.text("sub_path"), ReadOnly: m.flag("read_only")})
	}
	return c
}

func fillHealthCheck(f filler) *HealthCheck {
	return &HealthCheck{
		HTTP: f.text("http"), TCP: f.flag("tcp"), Command: f.texts("command"), Port: f.text("port"),
		Interval: f.duration("interval"), Timeout: f.duration("timeout"), InitialDelay: f.duration("initial_delay"),
		FailureThreshold: f.number("failure_threshold"), SuccessThreshold: f.number("success_threshold"),
	}
}

func fillVolume(f filler) Volume {
	v := Volume{Name: f.block.label, Host: f.text("host")}
	if f.has("empty") {
		e := f.in("empty")
		v.Empty = &EmptyVolume{Memory: e.flag("memory"), SizeBytes: e.bytes("size")}
	}
	if f.has("claim") {
		c := f.in("claim")
		v.Claim = &VolumeClaim{SizeBytes: c.bytes("size"), StorageClass: c.text("storage_class"), AccessMode: c.text("access_mode")}
	}
	return v
}

func fillExpose(f filler) Expose {
	e := Expose{
		Name: f.block.label, Type: f.text("type"), Port: f.number("port"), Target: f.textOr("target", f.block.label),
		NodePort: f.number("node_port"), Protocol: f.text("protocol"),
	}
	if e.Type == "" {
		e.Type = "cluster"
		if f.set("node_port") {
			e.Type = "node_port"
		}
	}
	return e
}

func fillPlacement(f filler) Placement {
	p := Placement{
		NodeLabels: f.textMap("node_labels"), Spread: f.texts("spread"),
		Affinity: f.texts("affinity"), AntiAffinity: f.texts("anti_affinity"),
	}
	for _, t := range f.each("toleration") {
		p.Tolerations = append(p.Tolerations, Toleration{
			Key: t.text("key"), Value: t.text("value"), Exists: !t.set("value"), Effect: t.text("effect"), Duration: t.duration("duration"),
		})
	}
	return p
}

func fillManifest(b Block, block *evaluatedBlock) *Manifest {
	m := &Manifest{Block: b}
	f := filler{block: block, out: &m.Block}
	m.Cluster, m.Wait = Address(f.text("cluster")), f.flag("wait")
	if got := block.arg("object"); !got.bad {
		m.Object = got.value
		if !m.Object.IsWhollyKnown() {
			f.unknown("object")
		}
	}
	return m
}
