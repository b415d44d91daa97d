package network

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"
)

// Ranges the lab takes for itself: the /24 on which its namespaces meet the host comes from benchmarkRange, stand-ins
// for VPC ranges that cannot be used on the host come from sharedRange. Neither is routed on the Internet.
var (
	benchmarkRange = netip.MustParsePrefix("198.19.0.0/16")
	sharedRange    = netip.MustParsePrefix("100.64.0.0/10")
	linkLocalRange = netip.MustParsePrefix("169.254.0.0/16")
)

// route is one route or address of the host, or the range of another VPC.
type route struct {
	Dest netip.Prefix
	Dev  string
	Kind string // unicast, local, unreachable…
	VPC  string
}

func (r route) String() string {
	owner := "the host's interface " + r.Dev
	switch {
	case r.VPC != "":
		owner = r.VPC
	case strings.HasPrefix(r.Dev, bridgePrefix):
		owner = "another lab (bridge " + r.Dev + ")"
	case r.Dev == "":
		owner = "the host's " + r.Kind + " route"
	}
	return fmt.Sprintf("%s of %s", r.Dest, owner)
}

// collision returns the first route of the host that overlaps a range, leaving out those on the device `own`.
func collision(p netip.Prefix, routes []route, own string) (route, bool) {
	for _, r := range routes {
		if r.Dest.Bits() == 0 || r.Dev == own && own != "" {
			continue
		}
		if r.Dest.Overlaps(p) {
			return r, true
		}
	}
	return route{}, false
}

// pick returns a range of the given length inside pool that overlaps none of the taken ones. Where it starts to look
// depends on the seed, so that a lab tends to get the same range again and two labs tend not to compete.
func pick(pool netip.Prefix, bits int, seed string, taken func(netip.Prefix) bool) (netip.Prefix, bool) {
	if bits < pool.Bits() || bits > 32 {
		return netip.Prefix{}, false
	}
	h := fnv.New32a()
	h.Write([]byte(seed))
	count := uint32(1) << (bits - pool.Bits())
	start := h.Sum32() % count
	base := addrToUint(pool.Masked().Addr())
	tries := min(count, 4096)
	for i := range tries {
		n := (start + i) % count
		p := netip.PrefixFrom(uintToAddr(base+n<<(32-bits)), bits)
		if !taken(p) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// translate moves an address from one range to the same place in another of the same length.
func translate(a netip.Addr, from, to netip.Prefix) netip.Addr {
	host := addrToUint(a) - addrToUint(from.Masked().Addr())
	return uintToAddr(addrToUint(to.Masked().Addr()) + host)
}

func nth(p netip.Prefix, n uint32) netip.Addr { return uintToAddr(addrToUint(p.Masked().Addr()) + n) }

func addrToUint(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func uintToAddr(u uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], u)
	return netip.AddrFrom4(b)
}
