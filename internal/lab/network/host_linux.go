package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/clusterform/clusterform/internal/lab/machine/hostlimit"
)

// hostSide is where a lab meets the host.
type hostSide struct {
	lab    string
	bridge string
	link   netip.Prefix // the /24 on which namespaces meet the host
	addr   netip.Addr   // its first address, the host's
	mtu    int
}

// hostRecord is the part of it that must be the same again after a restart of the lab.
type hostRecord struct {
	Link netip.Prefix `json:"link"`
}

// hostUp makes the bridge, its address and the host's rules, or finds them.
func hostUp(ctx context.Context, lab string) (hostSide, error) {
	h := hostSide{lab: lab, bridge: bridgeName(lab)}
	unlock, err := lockHost()
	if err != nil {
		return h, err
	}
	defer unlock()
	if h.mtu, err = uplinkMTU(ctx); err != nil {
		return h, err
	}
	routes, err := hostRoutes(ctx)
	if err != nil {
		return h, err
	}
	if err := h.chooseLink(routes); err != nil {
		return h, err
	}
	if err := hostlimit.New(RunDir).Raise(lab, map[string]int64{"net/ipv4/ip_forward": 1}); err != nil {
		return h, fmt.Errorf("machines need the host to forward packets: %w", err)
	}
	existing, err := links(ctx, "")
	if err != nil {
		return h, err
	}
	if !slices.ContainsFunc(existing, func(l link) bool { return l.Name == h.bridge }) {
		if err := ipBatch(ctx, "", "link add "+h.bridge+" type bridge forward_delay 0"); err != nil {
			return h, err
		}
	}
	err = ipBatch(ctx, "",
		fmt.Sprintf("link set %s mtu %d up", h.bridge, h.mtu),
		fmt.Sprintf("addr replace %s/%d dev %s", h.addr, h.link.Bits(), h.bridge))
	if err != nil {
		return h, err
	}
	// Without these the host tells one namespace to send directly to another, around its filter.
	for key, value := range map[string]string{"send_redirects": "0", "rp_filter": "0"} {
		path := filepath.Join("/proc/sys/net/ipv4/conf", h.bridge, key)
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			return h, fmt.Errorf("lab bridge %s: %w", h.bridge, err)
		}
	}
	if err := h.rules(ctx, nil); err != nil {
		return h, err
	}
	return h, h.openFirewall(ctx)
}

// chooseLink takes the range on record, or a free one.
func (h *hostSide) chooseLink(routes []route) error {
	dir := LabRunDir(h.lab)
	path := filepath.Join(dir, "network.json")
	var record hostRecord
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(data, &record); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	taken := func(p netip.Prefix) bool {
		_, hit := collision(p, routes, h.bridge)
		return hit
	}
	if !record.Link.IsValid() || taken(record.Link) {
		var ok bool
		if record.Link, ok = pick(benchmarkRange, 24, h.lab, taken); !ok {
			return fmt.Errorf("no free /24 in %s for the lab: the host routes all of it; remove labs or routes (`ip route`)", benchmarkRange)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if data, err = json.Marshal(record); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return err
		}
	}
	h.link = record.Link
	h.addr = nth(h.link, 1)
	return nil
}

// rules loads the host's table: translation outward, and what may not pass between the lab and others.
func (h hostSide) rules(ctx context.Context, publics []netip.Addr) error {
	var list []string
	for _, a := range publics {
		list = append(list, a.String())
	}
	text := strings.NewReplacer(
		"TABLE", tableName(h.lab), "BRIDGE", h.bridge, "PREFIX", bridgePrefix,
		"LINK", h.link.Masked().String(), "ELEMENTS", elements(list), "LOCAL", linkLocalRange.String(),
	).Replace(`table ip TABLE
delete table ip TABLE
table ip TABLE {
	set publics { type ipv4_addr; ELEMENTS}
	chain forward {
		type filter hook forward priority filter - 10; policy accept;
		iifname "BRIDGE" ip daddr LOCAL drop
		iifname "BRIDGE" ct state established,related accept
		oifname "BRIDGE" ct state established,related accept
		iifname "BRIDGE" oifname "PREFIX*" ip daddr != @publics drop
		iifname != "BRIDGE" oifname "BRIDGE" drop
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname != "BRIDGE" ip saddr LINK masquerade
		oifname != "BRIDGE" ip saddr @publics masquerade
	}
}
`)
	if _, err := run(ctx, text, "nft", "-f", "-"); err != nil {
		return fmt.Errorf("load the lab's rules on the host: %w", err)
	}
	return nil
}

// openFirewall lets the lab's packets through a host firewall made with iptables (Docker's drops what it forwards not).
// A rule of our own table cannot: every table has to agree. Hosts without such rules are left alone.
func (h hostSide) openFirewall(ctx context.Context) error {
	if _, err := exec.LookPath("iptables"); err != nil {
		return nil //nolint:nilerr // a host without iptables has no such rules
	}
	for _, chain := range []struct{ name, match string }{{"FORWARD", "-i"}, {"FORWARD", "-o"}, {"INPUT", "-i"}} {
		out, err := run(ctx, "", "iptables", "-w", "-S", chain.name)
		if err != nil {
			return nil //nolint:nilerr // no such table in this kernel: nothing to open
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if len(lines) == 1 && strings.HasSuffix(lines[0], " ACCEPT") {
			continue
		}
		rule := []string{chain.name, chain.match, h.bridge, "-m", "comment", "--comment", ruleComment(h.lab), "-j", "ACCEPT"}
		if _, err := run(ctx, "", append([]string{"iptables", "-w", "-C"}, rule...)...); err == nil {
			continue
		}
		if _, err := run(ctx, "", append([]string{"iptables", "-w", "-I"}, rule...)...); err != nil {
			return fmt.Errorf("let the lab through the host's firewall: %w", err)
		}
	}
	return nil
}

// hostRoutes lists every IPv4 route of the host, local addresses among them.
func hostRoutes(ctx context.Context) ([]route, error) {
	out, err := run(ctx, "", "ip", "-4", "-j", "route", "show", "table", "all")
	if err != nil {
		return nil, err
	}
	var list []struct {
		Type, Dst, Dev string
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("ip -j route: %w", err)
	}
	var routes []route
	for _, r := range list {
		if r.Dst == "default" {
			continue
		}
		p, err := netip.ParsePrefix(r.Dst)
		if err != nil {
			a, err := netip.ParseAddr(r.Dst)
			if err != nil {
				continue
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		routes = append(routes, route{Dest: p, Dev: r.Dev, Kind: r.Type})
	}
	return routes, nil
}

// uplinkMTU is that of the interface of the default route, or Ethernet's without one.
func uplinkMTU(ctx context.Context) (int, error) {
	out, err := run(ctx, "", "ip", "-4", "-j", "route", "show", "default")
	if err != nil {
		return 0, err
	}
	var list []struct{ Dev string }
	if err := json.Unmarshal(out, &list); err != nil || len(list) == 0 {
		return 1500, nil //nolint:nilerr // no default route prints nothing
	}
	all, err := links(ctx, "")
	if err != nil {
		return 0, err
	}
	for _, l := range all {
		if l.Name == list[0].Dev {
			return l.MTU, nil
		}
	}
	return 1500, nil
}

// lockHost keeps labs that start at once from choosing the same range.
func lockHost() (unlock func(), err error) {
	if err := os.MkdirAll(RunDir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(RunDir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}
