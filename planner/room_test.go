package planner

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/clusterform/clusterform/hclconfig"
)

// What the language accepts has room in the subnets that the planner makes, and what it refuses has none.
func TestRoomOfSubnets(t *testing.T) {
	t.Parallel()
	const reserved = 5 // addresses that AWS keeps of each subnet
	for bits := 16; bits <= 28; bits++ {
		for zones := 1; zones <= 6; zones++ {
			cidrs, err := carve(fmt.Sprintf("10.0.0.0/%d", bits))
			if err != nil {
				t.Fatal(err)
			}
			size := 1 << (32 - netip.MustParsePrefix(cidrs[0]).Bits())
			for extra, fits := range map[int]bool{0: zones <= len(cidrs), 1: false} {
				// The control plane's node and one of a rolling update are there besides the pool's.
				pool := (size-reserved)*zones - zones - 1 + extra*zones
				if pool < 0 {
					continue
				}
				_, diags := load(t, fmt.Sprintf(`
cluster "lab" {
  orchestrator = "swarm"
  version      = "28.1"
  region       = "eu-west-1"
  network {
    cidr               = "10.0.0.0/%d"
    availability_zones = %d
  }
}
node_pool "w" {
  cluster = cluster.lab
  size    = %d
}
`, bits, zones, pool)).Evaluate(nil)
				if diags.HasErrors() == fits {
					t.Errorf("/%d in %d zones with %d nodes: has room is %v, but: %v", bits, zones, pool, fits, diags)
				}
			}
			if got := hclconfig.SubnetBits(bits); len(cidrs) != 1<<(got-bits) {
				t.Errorf("/%d is cut into %d subnets of /%d", bits, len(cidrs), got)
			}
		}
	}
}
