package planner

import (
	"fmt"
	"strings"
	"testing"
)

// The figures to hold are in docs/benchmarks.md: a no-op plan of 10,000 recorded nodes without refresh takes at most half
// a second, a first plan a second, and both grow with the number of nodes.

// nodes is a configuration of n nodes, in clusters of at most 10,000.
func nodes(n int) string {
	var out strings.Builder
	for c := 0; n > 0; c++ {
		fmt.Fprintf(&out, `
cluster "lab%[1]d" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "ap-northeast-2"
  network {
    cidr               = "10.%[1]d.0.0/16"
    availability_zones = 3
    overlay { pod_cidr = "100.64.0.0/10" }
  }
}

node_pool "worker%[1]d" {
  cluster   = cluster.lab%[1]d
  size      = %[2]d
  user_data = "#!/bin/sh\necho hello"
  tags      = { team = "a" }
  labels    = { tier = "web" }
}
`, c, min(n, 10_000))
		n -= 10_000
	}
	return out.String()
}

var sizes = []int{1_000, 10_000, 100_000}

// benchmark measures Make, evaluation included and loading of files left out.
func benchmark(b *testing.B, n int, prepare func(*world), change func(*Request)) {
	w := newWorld(b, nodes(n))
	if prepare != nil {
		prepare(w)
	}
	r := w.request()
	if change != nil {
		change(&r)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, diags := Make(b.Context(), r); diags.HasErrors() {
			b.Fatal(diags.Err())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/node")
}

func BenchmarkFirstPlan(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmark(b, n, nil, nil) })
	}
}

func BenchmarkNoOpPlan(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmark(b, n, func(w *world) { w.apply(w.plan()) }, nil) })
	}
}

func BenchmarkRollPlan(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			benchmark(b, n, func(w *world) {
				w.apply(w.plan())
				w.files = strings.ReplaceAll(w.files, "echo hello", "echo bye")
			}, nil)
		})
	}
}

func BenchmarkDestroyPlan(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			benchmark(b, n, func(w *world) { w.apply(w.plan()) }, func(r *Request) { r.Mode = ModeDestroy })
		})
	}
}
