package hclconfig

import "github.com/zclconf/go-cty/cty"

func workloadSchema() *Schema {
	return &Schema{
		Description: "Something that runs on a cluster, in the same words for every orchestrator.",
		Attributes: concat(metaAttributes(), []Attribute{
			{Name: "cluster", Type: cty.DynamicPseudoType, Form: formCluster, Required: true, PlanTime: true, Description: "The cluster: `cluster.lab`."},
			{Name: "namespace", Type: cty.String, Form: formName, Default: `"default"`, PlanTime: true, Description: "Namespace, or stack."},
			{Name: "kind", Type: cty.String, Default: `"deployment"`, PlanTime: true, Values: []string{"deployment", "daemon", "job", "cron_job", "pod"},
				Description: "`deployment` keeps replicas running, `daemon` one on every node; a `job` runs to its end, a `cron_job` again and again; a `pod` is not replaced."},
			{Name: "replicas", Type: cty.Number, Form: formReplicas, Default: "1", Description: "How many, for a deployment."},
			{Name: "labels", Type: mapOfStrings, Form: formLabels, Default: "{}", Description: "Labels on the workload and its pods."},
			{Name: "annotations", Type: mapOfStrings, Default: "{}", Description: "Annotations on the pods."},
			{Name: "restart_policy", Type: cty.String, Values: []string{"always", "on_failure", "never"}, Description: "When a container that ended is started again. By default `always`, and `on_failure` for jobs."},
			{Name: "grace", Type: cty.String, Form: formDuration, Default: `"30s"`, Description: "Time between the stop signal and the kill."},
			{Name: "schedule", Type: cty.String, Form: formSchedule, Description: "When a cron_job runs: five fields as in crontab, or `@hourly`, `@daily`…"},
			{Name: "completions", Type: cty.Number, Form: formCount, Default: "1", Description: "How often a job must succeed."},
			{Name: "parallelism", Type: cty.Number, Form: formCount, Default: "1", Description: "How many of a job run at once."},
			{Name: "backoff_limit", Type: cty.Number, Form: formCount, Default: "6", Description: "How often a job is tried again."},
			{Name: "deadline", Type: cty.String, Form: formDuration, Description: "Time after which a job is stopped."},
		}, identityAttributes(), []Attribute{
			{Name: "endpoints", Type: mapOfStrings, Computed: true, Description: "Where each expose block is reached: `host:port` by its name."},
		}),
		Blocks: []NestedBlock{
			{Type: "container", Label: "name", Schema: containerSchema("A container of the workload.")},
			{Type: "sidecar", Label: "name", Schema: containerSchema("A container beside the main one, started first and stopped last.")},
			{Type: "init_container", Label: "name", Schema: containerSchema("A container that runs to its end before the others start, in the order of the file.")},
			{Type: "config", Label: "name", Schema: filesSchema("Files for containers, readable by anybody who may read the cluster's objects.")},
			{Type: "secret", Label: "name", Schema: filesSchema("Secret files or values for containers: never shown, never recorded.")},
			{Type: "volume", Label: "name", Schema: volumeSchema()},
			{Type: "expose", Label: "name", Schema: exposeSchema()},
			{Type: "autoscale", Max: 1, Schema: &Schema{
				Description: "Changes the number of replicas with the load.",
				Attributes: []Attribute{
					{Name: "min", Type: cty.Number, Form: formReplicas, Required: true, Description: "Fewest replicas."},
					{Name: "max", Type: cty.Number, Form: formReplicas, Required: true, Description: "Most replicas."},
					{Name: "cpu", Type: cty.Number, Form: formPercentage, Default: "80", Description: "Load to aim for, in percent of the requested processor time."},
				},
			}},
			{Type: "placement", Max: 1, Schema: placementSchema()},
			{Type: "update", Max: 1, Schema: &Schema{
				Description: "How a new version replaces the old one.",
				Attributes: []Attribute{
					{Name: "max_surge", Type: cty.DynamicPseudoType, Form: formAmount, Default: `"25%"`, Description: "Extra replicas meanwhile: a number or a part."},
					{Name: "max_unavailable", Type: cty.DynamicPseudoType, Form: formAmount, Default: `"25%"`, Description: "Replicas that may be missing meanwhile: a number or a part."},
					{Name: "progress_deadline", Type: cty.String, Form: formDuration, Default: `"10m"`, Description: "Time without progress after which the update has failed."},
					{Name: "auto_revert", Type: cty.Bool, Default: "false", Description: "Go back to the last good version when the update fails."},
				},
			}},
			lifecycleBlock(),
		},
	}
}

func containerSchema(description string) *Schema {
	return &Schema{
		Description: description,
		Attributes: []Attribute{
			{Name: "image", Type: cty.String, Form: formContainerImage, Required: true, Description: "Image: `registry/name:tag` or with a digest."},
			{Name: "command", Type: listOfStrings, Default: "[]", Description: "Replaces the image's entry point."},
			{Name: "args", Type: listOfStrings, Default: "[]", Description: "Arguments for the entry point."},
			{Name: "working_dir", Type: cty.String, Form: formAbsPath, Description: "Working directory."},
			{Name: "env", Type: mapOfStrings, Form: formEnv, Default: "{}", Sensitive: true, Description: "Environment. Sensitive values are handed over as the orchestrator's secrets."},
			{Name: "user", Type: cty.String, Form: formUser, Default: `""`, Description: "Numeric user, or `user:group`."},
			{Name: "privileged", Type: cty.Bool, Default: "false", Description: "All rights on the node. Avoid it."},
			{Name: "read_only", Type: cty.Bool, Default: "false", Description: "Mount the root file system read-only."},
		},
		Blocks: []NestedBlock{
			{Type: "secret_env", Label: "name", Schema: &Schema{
				Description: "An environment variable from a secret block.",
				Attributes: []Attribute{
					{Name: "secret", Type: cty.String, Required: true, Description: "Name of the secret block."},
					{Name: "key", Type: cty.String, Required: true, Description: "Which of its files."},
				},
			}},
			{Type: "port", Label: "name", Schema: &Schema{
				Description: "A port the container listens on.",
				Attributes: []Attribute{
					{Name: "container", Type: cty.Number, Form: formPort, Required: true, Description: "Port number in the container."},
					{Name: "host", Type: cty.Number, Form: formPort, Description: "Port on the node it is published at; not published by default."},
					{Name: "protocol", Type: cty.String, Default: `"tcp"`, Values: []string{"tcp", "udp"}, Description: "Protocol."},
				},
			}},
			{Type: "resources", Max: 1, Schema: &Schema{
				Description: "What the container needs, and may use at most.",
				Attributes: []Attribute{
					{Name: "cpu", Type: cty.DynamicPseudoType, Form: formCPU, Description: "Processors it needs: `0.5` or `\"500m\"`."},
					{Name: "memory", Type: cty.DynamicPseudoType, Form: formBytes, Description: "Memory it needs: `\"64Mi\"`."},
					{Name: "cpu_limit", Type: cty.DynamicPseudoType, Form: formCPU, Description: "Processors it gets at most."},
					{Name: "memory_limit", Type: cty.DynamicPseudoType, Form: formBytes, Description: "Memory it gets at most; beyond it is killed."},
				},
			}},
			{Type: "health_check", Max: 1, Schema: healthCheckSchema("Both of liveness and readiness, where one check does for both.")},
			{Type: "liveness", Max: 1, Schema: healthCheckSchema("A container that fails this is started again.")},
			{Type: "readiness", Max: 1, Schema: healthCheckSchema("A container that fails this gets no requests.")},
			{Type: "mount", Label: "name", Schema: &Schema{
				Description: "Puts a volume, config or secret of that name into the container.",
				Attributes: []Attribute{
					{Name: "path", Type: cty.String, Form: formAbsPath, Required: true, Description: "Where in the container."},
					{Name: "sub_path", Type: cty.String, Default: `""`, Description: "Only this file or directory of it."},
					{Name: "read_only", Type: cty.Bool, Default: "false", Description: "No writing."},
				},
			}},
		},
	}
}

func healthCheckSchema(description string) *Schema {
	return &Schema{
		Description: description + " Exactly one of `http`, `tcp` and `command`.",
		Attributes: []Attribute{
			{Name: "http", Type: cty.String, Form: formAbsPath, Description: "Path that answers with a status below 400."},
			{Name: "tcp", Type: cty.Bool, Default: "false", Description: "The port accepts connections."},
			{Name: "command", Type: listOfStrings, Description: "A command in the container that ends with 0."},
			{Name: "port", Type: cty.DynamicPseudoType, Form: formPortRef, Default: `""`, Description: "Name or number of the port; the first by default."},
			{Name: "interval", Type: cty.String, Form: formDuration, Default: `"10s"`, Description: "Time between checks."},
			{Name: "timeout", Type: cty.String, Form: formDuration, Default: `"1s"`, Description: "Time a check may take."},
			{Name: "initial_delay", Type: cty.String, Form: formDuration, Default: `"0s"`, Description: "Time before the first check."},
			{Name: "failure_threshold", Type: cty.Number, Form: formCount, Default: "3", Description: "Failures in a row that count."},
			{Name: "success_threshold", Type: cty.Number, Form: formCount, Default: "1", Description: "Successes in a row that count."},
		},
	}
}

func filesSchema(description string) *Schema {
	return &Schema{
		Description: description,
		Attributes: []Attribute{
			{Name: "files", Type: mapOfStrings, Required: true, Sensitive: true, Description: "Contents by file name."},
		},
	}
}

func volumeSchema() *Schema {
	return &Schema{
		Description: "Storage for containers. Exactly one of `host`, `empty` and `claim`.",
		Attributes: []Attribute{
			{Name: "host", Type: cty.String, Form: formAbsPath, Description: "A directory of the node."},
		},
		Blocks: []NestedBlock{
			{Type: "empty", Max: 1, Schema: &Schema{
				Description: "An empty directory that lives as long as its pod.",
				Attributes: []Attribute{
					{Name: "memory", Type: cty.Bool, Default: "false", Description: "In memory."},
					{Name: "size", Type: cty.DynamicPseudoType, Form: formBytes, Description: "Most it may hold: `\"1Gi\"`."},
				},
			}},
			{Type: "claim", Max: 1, Schema: &Schema{
				Description: "Storage that outlives its pod.",
				Attributes: []Attribute{
					{Name: "size", Type: cty.DynamicPseudoType, Form: formBytes, Required: true, Description: "How much: `\"10Gi\"`."},
					{Name: "storage_class", Type: cty.String, Default: `""`, Description: "Storage class; the cluster's default when empty."},
					{Name: "access_mode", Type: cty.String, Default: `"read_write_once"`, Values: []string{"read_write_once", "read_only_many", "read_write_many"}, Description: "Who may use it at once."},
				},
			}},
		},
	}
}

func exposeSchema() *Schema {
	return &Schema{
		Description: "Makes a port of the workload reachable; the label names the port.",
		Attributes: []Attribute{
			{Name: "type", Type: cty.String, Values: []string{"cluster", "node_port", "load_balancer"}, Description: "Reachable from within the cluster, on a port of every node, or through a load balancer. By default `node_port` when there is a `node_port`, else `cluster`."},
			{Name: "port", Type: cty.Number, Form: formPort, Required: true, Description: "Port clients use."},
			{Name: "target", Type: cty.DynamicPseudoType, Form: formPortRef, Default: `""`, Description: "Name or number of the container's port; by default the one named as the label."},
			{Name: "node_port", Type: cty.Number, Form: formNodePort, Description: "Port on every node, from 30000 to 32767; chosen when not given."},
			{Name: "protocol", Type: cty.String, Default: `"tcp"`, Values: []string{"tcp", "udp"}, Description: "Protocol."},
		},
	}
}

func placementSchema() *Schema {
	return &Schema{
		Description: "On which nodes the workload may run.",
		Attributes: []Attribute{
			{Name: "node_labels", Type: mapOfStrings, Form: formLabels, Default: "{}", Description: "Only nodes with these labels."},
			{Name: "spread", Type: listOfStrings, Default: "[]", Description: "Spread evenly over `node`, `zone`, or the values of a node label."},
			{Name: "affinity", Type: listOfStrings, Default: "[]", Description: "Names of workloads to share a node with."},
			{Name: "anti_affinity", Type: listOfStrings, Default: "[]", Description: "Names of workloads to share no node with; its own name keeps replicas apart."},
		},
		Blocks: []NestedBlock{{Type: "toleration", Schema: &Schema{
			Description: "Lets the workload run on nodes with a matching taint.",
			Attributes: []Attribute{
				{Name: "key", Type: cty.String, Default: `""`, Description: "Key of the taint; without it, every taint."},
				{Name: "value", Type: cty.String, Description: "Value of the taint; without it, any value."},
				{Name: "effect", Type: cty.String, Values: []string{"NoSchedule", "PreferNoSchedule", "NoExecute"}, Description: "Effect of the taint; without it, any effect."},
				{Name: "duration", Type: cty.String, Form: formDuration, Description: "How long it may stay once the taint is set; without it, for ever."},
			},
		}}},
	}
}

func manifestSchema() *Schema {
	return &Schema{
		Description: "One raw Kubernetes object.",
		Attributes: concat(metaAttributes(), []Attribute{
			{Name: "cluster", Type: cty.DynamicPseudoType, Form: formCluster, Required: true, PlanTime: true, Description: "The cluster: `cluster.lab`."},
			{Name: "object", Type: cty.DynamicPseudoType, Form: formObject, Required: true, Sensitive: true, Description: "The object: an object value, or `yamldecode(file(…))`."},
			{Name: "wait", Type: cty.Bool, Default: "true", Description: "Wait until it is ready."},
		}, identityAttributes()),
		Blocks: []NestedBlock{lifecycleBlock()},
	}
}
