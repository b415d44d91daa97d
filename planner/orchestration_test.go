package planner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// fakeOrchestration turns blocks into short texts that hold all that matters of them.
type fakeOrchestration struct {
	setups *[]NodeSetup
	// script is another release's way to do the same.
	script string
	check  func(*hclconfig.Configuration, *hclconfig.Desired) hclconfig.Diagnostics
}

func (f fakeOrchestration) UserData(in NodeSetup) (string, error) {
	if f.setups != nil {
		*f.setups = append(*f.setups, in)
	}
	if strings.Contains(in.Extra, "too long") {
		return "", errors.New("user_data leaves no room: shorten it")
	}
	origin := ""
	if in.Software != nil {
		origin = in.Software.Origin
	}
	return fmt.Sprintf("#!/bin/bash\n# %s %s %s %s %s %s %s\n%s", in.Cluster.Orchestrator, in.Cluster.Version, in.UID, in.Role, in.Pool, origin, in.Endpoint, in.Extra) + f.script, nil
}

func (f fakeOrchestration) Workload(c *hclconfig.Cluster, w *hclconfig.Workload) (*resource.Workload, Content, error) {
	if len(w.Unknown) > 0 {
		panic("asked with values that are not known")
	}
	out := &resource.Workload{
		Orchestrator: string(c.Orchestrator), Namespace: w.Namespace, Name: w.Name, Type: string(w.Kind),
		Attributes: map[string]string{"replicas": strconv.Itoa(w.Replicas)},
	}
	if w.Key != "" {
		out.Name += "-" + w.Key
	}
	text, secret := fmt.Sprintf("%s x %d", w.Name, w.Replicas), false
	for _, x := range w.Containers {
		out.Attributes["container."+x.Name+".image"] = x.Image
		text += " " + x.Image
		for _, e := range x.Env {
			shown := e.Value
			if e.Sensitive {
				shown, secret = "digest "+sum(e.Value)[:8], true
			}
			out.Attributes["container."+x.Name+".env."+e.Name] = shown
			text += fmt.Sprintf(" %s=%s", e.Name, e.Value)
		}
	}
	for _, e := range w.Expose {
		out.Attributes["expose."+e.Name+".port"] = strconv.Itoa(e.Port)
		out.Attributes["expose."+e.Name+".type"] = e.Type
		if e.NodePort > 0 {
			out.Attributes["expose."+e.Name+".node_port"] = strconv.Itoa(e.NodePort)
		}
	}
	out.Content = sum(text)
	return out, Content{Digest: out.Content, Data: []byte(text), Secret: secret}, nil
}

func (f fakeOrchestration) Manifest(_ *hclconfig.Cluster, m *hclconfig.Manifest) (*resource.Manifest, Content, error) {
	if len(m.Unknown) > 0 {
		panic("asked with values that are not known")
	}
	out := &resource.Manifest{
		APIVersion: textAt(m.Object, "apiVersion"), ObjectKind: textAt(m.Object, "kind"),
		Namespace: textAt(m.Object, "metadata", "namespace"), Name: textAt(m.Object, "metadata", "name"), Wait: m.Wait,
	}
	if out.Name == "" {
		return nil, Content{}, errors.New("the object has no name")
	}
	text := m.Object.GoString()
	out.Content = sum(text)
	return out, Content{Digest: out.Content, Data: []byte(text)}, nil
}

func (fakeOrchestration) DefaultVersion(o hclconfig.Orchestrator) string {
	if o == hclconfig.Kubernetes {
		return "1.34.4"
	}
	return ""
}

func (f fakeOrchestration) Check(cfg *hclconfig.Configuration, d *hclconfig.Desired) hclconfig.Diagnostics {
	if f.check == nil {
		return nil
	}
	return f.check(cfg, d)
}

func sum(s string) string {
	b := sha256.Sum256([]byte(s))
	return hex.EncodeToString(b[:])
}

func (l fakeLookup) Software(_ context.Context, _ string, o hclconfig.Orchestrator, version, source string) (*resource.Software, error) {
	if l.asked != nil {
		*l.asked = append(*l.asked, fmt.Sprintf("%s %s %s", o, version, source))
	}
	if l.err != nil {
		return nil, l.err
	}
	return &resource.Software{Origin: l.origin + source, Files: []resource.SoftwareFile{{Name: "kubelet", URL: "https://example.com/kubelet", SHA256: "00"}}}, nil
}

func (l fakeLookup) Endpoint(context.Context, string) (string, error) {
	return "http://aws.lab:4566", nil
}

// running is a cluster with something on it.
const running = small + `
workload "web" {
  cluster  = cluster.lab
  replicas = 3
  container "app" {
    image = "registry.lab:5000/hello:1"
    port "http" { container = 8080 }
  }
  expose "http" {
    port      = 80
    node_port = 30080
  }
}

manifest "settings" {
  cluster = cluster.lab
  object = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "settings", namespace = "shop" }
    data       = { colour = "blue" }
  }
}

manifest "shop" {
  cluster = cluster.lab
  object = {
    apiVersion = "v1"
    kind       = "Namespace"
    metadata   = { name = "shop" }
  }
}
`

// newCluster is a world with an orchestrator.
func newCluster(w *world) *world {
	w.orchestration = fakeOrchestration{}
	w.lookup.origin = "lab"
	return w
}

// steps lists what a plan does at addresses that begin with one of the prefixes.
func stepsAt(p *Plan, prefixes ...string) []string {
	return slices.DeleteFunc(summary(p), func(l string) bool {
		return !slices.ContainsFunc(prefixes, func(x string) bool { return strings.HasPrefix(l, x) })
	})
}

// alive gives a world a cloud in which everything is as recorded.
func (w *world) alive() *world {
	w.cloud = &fakeCloud{observe: map[string]func(*resource.Record) resource.Observation{}}
	return w
}
