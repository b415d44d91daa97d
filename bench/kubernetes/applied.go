package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed files/cluster.cluster.hcl
var configuration string

// applied is the cluster as clusterform makes it.
type applied struct{ *bench }

func (a *applied) up(ctx context.Context) error {
	text := strings.ReplaceAll(configuration, "VERSION", a.version)
	if err := os.WriteFile(filepath.Join(a.dir, "main.cluster.hcl"), []byte(text), 0o600); err != nil {
		return err
	}
	if _, err := a.clusterform(ctx, "apply", "-auto-approve"); err != nil {
		return err
	}
	kubeconfig := filepath.Join(a.dir, "kubeconfig")
	if _, err := a.clusterform(ctx, "kubeconfig", "-file="+kubeconfig); err != nil {
		return err
	}
	kubectl := filepath.Join(a.bundle, "files", "kubectl")
	if _, err := a.run(ctx, kubectl, "--kubeconfig="+kubeconfig, "-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=10m"); err != nil {
		return err
	}
	nodes, err := a.run(ctx, kubectl, "--kubeconfig="+kubeconfig, "get", "nodes", "--no-headers")
	if err != nil {
		return err
	}
	if strings.Count(nodes, " Ready ") != 3 {
		return fmt.Errorf("not three nodes are Ready after the apply:\n%s", nodes)
	}
	out, err := a.clusterform(ctx, "output", "-json", "workers")
	if err != nil {
		return err
	}
	var workers []string
	if err := json.Unmarshal([]byte(out), &workers); err != nil {
		return fmt.Errorf("the output %q: %w", out, err)
	}
	return a.answers(ctx, workers)
}

func (a *applied) down(ctx context.Context) error {
	_, err := a.clusterform(ctx, "destroy", "-auto-approve")
	return err
}
