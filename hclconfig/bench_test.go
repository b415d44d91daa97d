package hclconfig

import (
	"fmt"
	"strings"
	"testing"
)

// pools is a configuration with a node pool that has n instances.
func pools(n int) *Sources {
	return snapshot(map[string]string{"main.cluster.hcl": fmt.Sprintf(`
cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
  network {
    overlay { pod_cidr = "100.64.0.0/10" }
  }
}

locals {
  many  = flatten([for a in range(%d) : [for b in range(50) : a * 50 + b]])
  pools = { for i in local.many : "p${i}" => { size = 1, tier = "t${i %% 7}" } }
}

node_pool "worker" {
  for_each      = local.pools
  cluster       = cluster.lab
  size          = each.value.size
  instance_type = ["t3.large", "t3a.large"]
  labels        = { tier = each.value.tier, name = each.key }
  tags          = { endpoint = cluster.lab.endpoint }
}

node_pool "second" {
  for_each = local.pools
  cluster  = cluster.lab
  size     = node_pool.worker[each.key].size
}
`, n/100)})
}

func BenchmarkLoadEvaluate(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprintf("pools=%d", n), func(b *testing.B) {
			files := pools(n)
			b.ReportAllocs()
			for b.Loop() {
				c, diags := Load("/nowhere", Options{Snapshot: files})
				d, more := c.Evaluate(nil)
				if err := append(diags, more...).Err(); err != nil && n < 10000 {
					b.Fatal(err)
				}
				if len(d.NodePools) != n {
					b.Fatalf("%d pools", len(d.NodePools))
				}
			}
		})
	}
}

// separate is a configuration with n node pools, each in a block of its own.
func separate(n int) *Sources {
	var b strings.Builder
	b.WriteString("cluster \"lab\" {\n  orchestrator = \"swarm\"\n  version      = \"28.1\"\n  region       = \"eu-central-1\"\n}\n")
	for i := range n {
		fmt.Fprintf(&b, "node_pool \"p%d\" {\n  cluster = cluster.lab\n  size    = 0\n  tags    = { endpoint = cluster.lab.endpoint }\n}\n", i)
	}
	return snapshot(map[string]string{"main.cluster.hcl": b.String()})
}

func BenchmarkLoadEvaluateBlocks(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprintf("blocks=%d", n), func(b *testing.B) {
			files := separate(n)
			b.ReportAllocs()
			for b.Loop() {
				c, diags := Load("/nowhere", Options{Snapshot: files})
				d, more := c.Evaluate(nil)
				if err := append(diags, more...).Err(); err != nil || len(d.NodePools) != n {
					b.Fatalf("%d pools: %v", len(d.NodePools), err)
				}
			}
		})
	}
}
