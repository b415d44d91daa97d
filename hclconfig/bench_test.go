package hclconfig

import (
	"fmt"
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
