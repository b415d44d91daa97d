package controlplane

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// Parameters are a cluster's parameters in memory.
type Parameters struct {
	mu     sync.Mutex
	values map[string]string
}

var _ orchestrator.Parameters = (*Parameters)(nil)

// NewParameters starts with a copy of values.
func NewParameters(values map[string]string) *Parameters {
	p := &Parameters{values: map[string]string{}}
	maps.Copy(p.values, values)
	return p
}

// Get is orchestrator.Parameters'.
func (p *Parameters) Get(_ context.Context, names ...string) (map[string]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]string{}
	for _, name := range names {
		if v, ok := p.values[name]; ok {
			out[name] = v
		}
	}
	return out, nil
}

// Put is orchestrator.Parameters'.
func (p *Parameters) Put(_ context.Context, name, value string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.values[name] = value
	return nil
}

// Create is orchestrator.Parameters'.
func (p *Parameters) Create(_ context.Context, name, value string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.values[name]; ok {
		return false, nil
	}
	p.values[name] = value
	return true, nil
}

// List is orchestrator.Parameters'.
func (p *Parameters) List(context.Context) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.values)), nil
}

// Delete is orchestrator.Parameters'.
func (p *Parameters) Delete(_ context.Context, names ...string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range names {
		delete(p.values, name)
	}
	return nil
}
