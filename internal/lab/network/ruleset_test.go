package network

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/internal/lab/api"
)

var update = flag.Bool("update", false, "write the golden files")

func exampleRuleset() ruleset {
	mustAddr, mustPrefix := netip.MustParseAddr, netip.MustParsePrefix
	return ruleset{
		vpc: api.VPCTopology{ID: "vpc-1", CIDR: mustPrefix("10.88.0.0/16"), Subnets: []api.SubnetTopology{
			{ID: "subnet-open", CIDR: mustPrefix("10.88.0.0/24"), Internet: true}, {ID: "subnet-closed", CIDR: mustPrefix("10.88.1.0/24")},
		}},
		alias: mustPrefix("100.70.0.0/16"), link: mustAddr("198.19.5.2"), host: mustAddr("198.19.5.1"),
		interfaces: []api.InterfaceTopology{
			{ID: "eni-2", InstanceID: "i-2", SubnetID: "subnet-closed", PrivateIP: mustAddr("10.88.1.12"), Groups: []string{"sg-node", "sg-web"}, Cut: true},
			{ID: "eni-1", InstanceID: "i-1", SubnetID: "subnet-open", PrivateIP: mustAddr("10.88.0.11"), PublicIP: mustAddr("203.0.113.9"), Groups: []string{"sg-web"}, SourceDestCheck: true},
		},
		groups: []api.GroupTopology{
			{ID: "sg-web", Ingress: []api.RuleTopology{
				{Protocol: "tcp", FromPort: 30000, ToPort: 32767, Peer: mustPrefix("0.0.0.0/0")},
				{Protocol: "icmp", FromPort: -1, ToPort: -1, Peer: mustPrefix("192.0.2.7/24")},
				{Protocol: "udp", FromPort: 0, ToPort: 65535, Peer: mustPrefix("10.88.0.0/16")},
				{Protocol: "tcp", FromPort: 443, ToPort: 443, Peer: mustPrefix("2001:db8::/32")}, // no IPv6 here
			}, Egress: []api.RuleTopology{{Protocol: "-1", Peer: mustPrefix("0.0.0.0/0")}}},
			{ID: "sg-node", Ingress: []api.RuleTopology{{Protocol: "-1", Group: "sg-node"}, {Protocol: "tcp", FromPort: 22, ToPort: 22, Group: "sg-elsewhere"}}},
		},
		balancers: []netip.AddrPort{netip.MustParseAddrPort("10.88.0.200:6443")},
	}
}

func TestRulesetGolden(t *testing.T) {
	t.Parallel()
	got := exampleRuleset().render()
	path := filepath.Join("testdata", "ruleset.nft")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("run `go test -update` if this is wanted (-want +got):\n%s", diff)
	}
}

// What the order of a topology's lists is must not matter: rules are replaced only as a whole, and compared by people.
func TestRulesetIgnoresOrder(t *testing.T) {
	t.Parallel()
	a, b := exampleRuleset(), exampleRuleset()
	b.interfaces[0], b.interfaces[1] = b.interfaces[1], b.interfaces[0]
	b.groups[0], b.groups[1] = b.groups[1], b.groups[0]
	if diff := cmp.Diff(a.render(), b.render()); diff != "" {
		t.Error(diff)
	}
}

func TestRulesetOfNothingDropsEverything(t *testing.T) {
	t.Parallel()
	text := ruleset{vpc: api.VPCTopology{CIDR: netip.MustParsePrefix("10.0.0.0/16")}, link: netip.MustParseAddr("198.19.5.2"), host: netip.MustParseAddr("198.19.5.1")}.render()
	for _, want := range []string{"hook forward priority filter; policy drop;", "hook input priority filter; policy drop;", "chain from_machine {\n\t\tdrop", "chain to_machine {\n\t\tdrop"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
