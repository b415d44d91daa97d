package swarm

import (
	"fmt"
	"slices"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// Stacks makes the stacks of one Swarm's workloads, one for each namespace, sorted by name. All workloads have passed Check.
func Stacks(workloads []*hclconfig.Workload, o Options) ([]*Stack, error) {
	byName := map[string]*Stack{}
	made := map[string]hclconfig.Address{}
	var out []*Stack
	for _, w := range workloads {
		s := byName[w.Namespace]
		if s == nil {
			s = newStack(w.Namespace, o)
			byName[w.Namespace] = s
			out = append(out, s)
		}
		name := orchestrator.Name(&w.Block)
		if s.Services[name] != nil {
			return nil, fmt.Errorf("%s and %s both make the service %q of stack %q; give one of them another name or namespace", made[w.Namespace+"/"+name], w.Address, name, s.Name)
		}
		made[w.Namespace+"/"+name] = w.Address
		s.add(name, w, o)
	}
	slices.SortFunc(out, func(a, b *Stack) int { return compare(a.Name, b.Name) })
	return out, nil
}

func newStack(name string, o Options) *Stack {
	s := &Stack{
		Name: name, Version: Version, Services: map[string]*Service{}, Contents: map[string]Content{},
		Volumes: map[string]Volume{}, Configs: map[string]FileRef{}, Secrets: map[string]FileRef{},
	}
	if o.Encrypted {
		s.Networks = map[string]Network{NetworkName: {Driver: "overlay", DriverOpts: map[string]string{optionEncrypted: "true"}}}
	}
	return s
}

// add makes the service of a workload; the name is also the one under which others of the stack reach it.
func (s *Stack) add(name string, w *hclconfig.Workload, o Options) {
	c := w.Containers[0]
	x := &Service{
		Image: c.Image, Entrypoint: texts(c.Command), Command: texts(c.Args), WorkingDir: text(c.WorkingDir),
		User: c.User, ReadOnly: c.ReadOnly, Environment: map[string]text{}, Labels: map[string]text{},
		Healthcheck: healthcheck(c), StopGrace: w.Grace.String(), Deploy: deploy(w),
	}
	for _, e := range c.Env {
		x.Environment[e.Name] = text(e.Value)
	}
	for _, m := range []map[string]string{w.Labels, w.Annotations} {
		for k, v := range m {
			x.Labels[k] = text(v)
		}
	}
	x.Ports = ports(w)
	if o.NoIPVS {
		x.withoutIPVS()
	} else {
		x.freePorts()
	}
	s.mount(x, name, w, o)
	s.Services[name] = x
}
