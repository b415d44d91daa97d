package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// kubernetes is the version of the clusters.
const kubernetes = "1.34.4"

// nodes writes a configuration of n nodes, in clusters of at most 10,000, that needs no cloud to be planned: zones and
// image are named.
func nodes(dir string, n int, image, labels string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var out strings.Builder
	for c := 0; n > 0; c++ {
		fmt.Fprintf(&out, `
cluster "lab%[1]d" {
  orchestrator = "kubernetes"
  version      = %[5]q
  region       = "us-east-1"
  network {
    cidr               = "10.%[1]d.0.0/16"
    availability_zones = ["us-east-1a", "us-east-1b"]
    overlay { pod_cidr = "100.64.0.0/10" }
  }
  control_plane { image = %[3]q }
}

node_pool "worker%[1]d" {
  cluster       = cluster.lab%[1]d
  size          = %[2]d
  instance_type = "t3.large"
  image         = %[3]q
  labels        = { %[4]s }
}
`, c, min(n, 10_000), image, labels, kubernetes)
		n -= 10_000
	}
	return os.WriteFile(filepath.Join(dir, "main.cluster.hcl"), []byte(out.String()), 0o600)
}
