package network

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// applyPublics routes the public addresses of instances from the host to their VPCs. An address that the host already
// routes elsewhere is left alone, with a warning: taking it would cut the host off from somebody.
func (n *Network) applyPublics(ctx context.Context, t api.Topology) error {
	n.mu.Lock()
	host := n.host
	want := map[netip.Addr]netip.Addr{}
	for _, i := range t.Interfaces {
		if v := n.vpcs[i.VPCID]; v != nil && i.PublicIP.IsValid() {
			want[i.PublicIP] = v.link
		}
	}
	n.mu.Unlock()
	routes, err := hostRoutes(ctx)
	if err != nil {
		return err
	}
	have, err := publicRoutes(ctx, host.bridge)
	if err != nil {
		return err
	}
	var batch []string
	for addr, via := range want {
		if hit, found := collision(netip.PrefixFrom(addr, 32), routes, host.bridge); found {
			n.log.Warn("public address is not reachable: the host has a route for it", "address", addr, "route", hit.String())
			delete(want, addr)
			continue
		}
		if have[addr] != via {
			batch = append(batch, fmt.Sprintf("route replace %s/32 via %s dev %s", addr, via, host.bridge))
		}
	}
	for addr := range have {
		if _, ok := want[addr]; !ok {
			batch = append(batch, fmt.Sprintf("route del %s/32 dev %s", addr, host.bridge))
		}
	}
	if len(batch) > 0 {
		if err := ipBatch(ctx, "", batch...); err != nil {
			return fmt.Errorf("route public addresses: %w", err)
		}
	}
	now := slices.SortedFunc(maps.Keys(want), netip.Addr.Compare)
	if slices.Equal(now, n.publics) {
		return nil
	}
	if err := host.rules(ctx, now); err != nil {
		return err
	}
	n.publics = now
	return nil
}

// publicRoutes returns the single addresses that the host routes over the lab's bridge, and via which namespace.
func publicRoutes(ctx context.Context, bridge string) (map[netip.Addr]netip.Addr, error) {
	out, err := run(ctx, "", "ip", "-4", "-j", "route", "show", "dev", bridge)
	if err != nil {
		return nil, err
	}
	var list []struct{ Dst, Gateway string }
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("ip -j route: %w", err)
	}
	found := map[netip.Addr]netip.Addr{}
	for _, r := range list {
		addr, err := netip.ParseAddr(r.Dst) // ranges do not parse as an address
		if err != nil {
			continue
		}
		via, _ := netip.ParseAddr(r.Gateway)
		found[addr] = via
	}
	return found, nil
}
