package network

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// clusterRanges are the default pod and service ranges: their packets belong inside nodes, and one that gets out is a
// mistake that somebody else would answer.
var clusterRanges = []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("10.96.0.0/12")}

// Addresses that every VPC answers on.
var (
	metadataAddr = netip.MustParseAddr("169.254.169.254")
	resolverAddr = netip.MustParseAddr("169.254.169.253")
)

// ruleset is what one VPC's packet filter is made from.
type ruleset struct {
	vpc        api.VPCTopology
	alias      netip.Prefix // the range under which the host knows the VPC when it is not the VPC's own
	link       netip.Addr   // the namespace's address towards the host
	host       netip.Addr   // the lab's address on the host
	interfaces []api.InterfaceTopology
	groups     []api.GroupTopology
	balancers  []netip.AddrPort
}

// render writes the nftables table, which replaces the one before in one transaction. Packets between machines, and
// between machines and the host, pass `forward`; what the namespace itself answers passes `input`; what its load
// balancers send passes `output`.
func (r ruleset) render() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	interfaces := slices.SortedFunc(slices.Values(r.interfaces), func(a, b api.InterfaceTopology) int { return cmp.Compare(a.ID, b.ID) })
	groups := slices.SortedFunc(slices.Values(r.groups), func(a, b api.GroupTopology) int { return cmp.Compare(a.ID, b.ID) })
	byID := map[string]api.GroupTopology{}
	members := map[string][]string{}
	for _, g := range groups {
		byID[g.ID] = g
	}
	var publics, sources, cut, private, in, out []string
	internet := map[string]bool{}
	for _, s := range r.vpc.Subnets {
		internet[s.ID] = s.Internet
	}
	for _, i := range interfaces {
		port := `"` + portName(i.InstanceID) + `"`
		in = append(in, port+" : goto in_"+ident(i.ID))
		out = append(out, port+" : goto out_"+ident(i.ID))
		if i.Cut {
			cut = append(cut, port)
		}
		if !internet[i.SubnetID] {
			private = append(private, port)
		}
		if i.PublicIP.IsValid() {
			publics = append(publics, i.PublicIP.String()+" : "+i.PrivateIP.String())
			sources = append(sources, i.PrivateIP.String()+" : "+i.PublicIP.String())
		}
		for _, g := range i.Groups {
			members[g] = append(members[g], i.PrivateIP.String())
		}
	}

	p("table inet vpc")
	p("delete table inet vpc")
	p("table inet vpc {")
	for _, g := range groups {
		p("\tset g_%s { type ipv4_addr; %s}", ident(g.ID), elements(members[g.ID]))
	}
	p("\tset cut { type ifname; %s}", elements(cut))
	p("\tset private { type ifname; %s}", elements(private))
	p("\tset balancers { type ipv4_addr . inet_service; %s}", elements(addrPorts(r.balancers)))
	p("\tmap machine_of { type ipv4_addr : ipv4_addr; %s}", elements(publics))
	p("\tmap public_of { type ipv4_addr : ipv4_addr; %s}", elements(sources))
	for _, i := range interfaces {
		writeInterface(p, i, byID)
	}

	p("\tchain from_machine {")
	if len(out) > 0 {
		p("\t\tiifname vmap { %s }", strings.Join(out, ", "))
	}
	p("\t\tdrop\n\t}")
	p("\tchain to_machine {")
	if len(in) > 0 {
		p("\t\toifname vmap { %s }", strings.Join(in, ", "))
	}
	p("\t\tdrop\n\t}")

	guards := []string{r.vpc.CIDR.Masked().String()}
	for _, c := range clusterRanges {
		if !c.Overlaps(r.vpc.CIDR) {
			guards = append(guards, c.String())
		}
	}
	p("\tchain forward {")
	p("\t\ttype filter hook forward priority filter; policy drop;")
	p("\t\tiifname @cut drop")
	p("\t\toifname @cut drop")
	p("\t\ttcp flags syn tcp option maxseg size set rt mtu")
	p("\t\tip daddr %s drop", linkLocalRange)
	p("\t\tct state established,related accept")
	p("\t\tct state invalid drop")
	p("\t\toifname %q ip daddr { %s } reject with icmp net-prohibited", uplinkInside, strings.Join(guards, ", "))
	p("\t\tiifname @private oifname %q ip daddr != %s drop", uplinkInside, r.host)
	p("\t\tiifname %q oifname @private ip saddr != %s drop", uplinkInside, r.host)
	p("\t\tiifname \"%s*\" jump from_machine", machinePrefix)
	p("\t\toifname \"%s*\" jump to_machine", machinePrefix)
	p("\t\taccept")
	p("\t}")

	p("\tchain input {")
	p("\t\ttype filter hook input priority filter; policy drop;")
	p("\t\tiifname \"lo\" accept")
	p("\t\tiifname \"%s*\" ip daddr %s tcp dport 80 accept", machinePrefix, metadataAddr)
	p("\t\tiifname @cut drop")
	p("\t\tct state established,related accept")
	p("\t\tiifname \"%s*\" ip daddr %s meta l4proto { tcp, udp } th dport 53 accept", machinePrefix, resolverAddr)
	p("\t\tip daddr %s drop", linkLocalRange)
	p("\t\tip daddr . tcp dport @balancers iifname %q accept", uplinkInside)
	p("\t\tip daddr . tcp dport @balancers jump from_machine")
	p("\t\tip daddr . tcp dport @balancers accept")
	p("\t\ticmp type echo-request accept")
	p("\t}")

	p("\tchain output {")
	p("\t\ttype filter hook output priority filter; policy accept;")
	p("\t\tip saddr %s accept", metadataAddr)
	p("\t\toifname @cut drop")
	p("\t\tct state established,related accept")
	p("\t\toifname %q ip daddr { %s } drop", uplinkInside, strings.Join(append(guards, linkLocalRange.String()), ", "))
	p("\t\toifname \"%s*\" jump to_machine", machinePrefix)
	p("\t}")

	p("\tchain prerouting {")
	p("\t\ttype nat hook prerouting priority dstnat; policy accept;")
	p("\t\tdnat ip to ip daddr map @machine_of")
	if r.alias.IsValid() {
		p("\t\tiifname %q dnat ip prefix to ip daddr map { %s : %s }", uplinkInside, r.alias.Masked(), r.vpc.CIDR.Masked())
	}
	p("\t}")

	p("\tchain postrouting {")
	p("\t\ttype nat hook postrouting priority srcnat; policy accept;")
	p("\t\toifname %q snat ip to ip saddr map @public_of", uplinkInside)
	p("\t\toifname %q masquerade", uplinkInside)
	// A machine that is reached by its public address sees a public address too, also of a neighbour.
	p("\t\tct status dnat ip saddr %s snat ip to ip saddr map @public_of", r.vpc.CIDR.Masked())
	p("\t\tct status dnat ip saddr %s snat ip to %s", r.vpc.CIDR.Masked(), r.link)
	p("\t}")
	p("}")
	return b.String()
}

// writeInterface writes what one interface may receive and send. A chain returns for what is allowed. Whoever comes
// through a public address is not a member of a group, as on EC2.
func writeInterface(p func(string, ...any), i api.InterfaceTopology, groups map[string]api.GroupTopology) {
	p("\tchain in_%s {", ident(i.ID))
	if i.SourceDestCheck {
		p("\t\tip daddr != %s drop", i.PrivateIP)
	}
	for _, id := range slices.Sorted(slices.Values(i.Groups)) {
		for _, rule := range groups[id].Ingress {
			writeRule(p, rule, "saddr", groups)
		}
	}
	p("\t\tdrop\n\t}")
	p("\tchain out_%s {", ident(i.ID))
	if i.SourceDestCheck {
		p("\t\tip saddr != %s drop", i.PrivateIP)
	}
	for _, id := range slices.Sorted(slices.Values(i.Groups)) {
		for _, rule := range groups[id].Egress {
			writeRule(p, rule, "daddr", groups)
		}
	}
	p("\t\tdrop\n\t}")
}

func writeRule(p func(string, ...any), rule api.RuleTopology, field string, groups map[string]api.GroupTopology) {
	var match []string
	switch {
	case rule.Group != "":
		if _, known := groups[rule.Group]; !known {
			return // a group that has no members here
		}
		match = append(match, fmt.Sprintf("ip %s @g_%s ct status & dnat == 0", field, ident(rule.Group)))
	case !rule.Peer.IsValid() || !rule.Peer.Addr().Is4():
		return
	case rule.Peer.Bits() > 0:
		match = append(match, fmt.Sprintf("ip %s %s", field, rule.Peer.Masked()))
	default:
		match = append(match, "meta nfproto ipv4")
	}
	switch rule.Protocol {
	case "-1":
	case "tcp", "udp":
		if rule.FromPort <= 0 && rule.ToPort >= 65535 || rule.FromPort < 0 {
			match = append(match, "meta l4proto "+rule.Protocol)
		} else {
			match = append(match, fmt.Sprintf("%s dport %d-%d", rule.Protocol, rule.FromPort, max(rule.FromPort, rule.ToPort)))
		}
	case "icmp":
		match = append(match, "meta l4proto icmp")
	default:
		match = append(match, "meta l4proto "+rule.Protocol)
	}
	p("\t\t%s return", strings.Join(match, " "))
}

func elements(items []string) string {
	if len(items) == 0 {
		return ""
	}
	slices.Sort(items)
	return "elements = { " + strings.Join(slices.Compact(items), ", ") + " } "
}

func addrPorts(list []netip.AddrPort) []string {
	var out []string
	for _, a := range list {
		out = append(out, fmt.Sprintf("%s . %d", a.Addr(), a.Port()))
	}
	return out
}

// ident makes an AWS id usable as an identifier of nftables.
func ident(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, id)
}
