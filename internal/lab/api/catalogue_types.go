package api

import (
	"fmt"
	"slices"
	"strings"
)

// instanceType is one row of the table of instance types.
type instanceType struct {
	Name       string
	VCPUs      int
	MemoryMiB  int
	Arch       string // x86_64 or arm64
	Clock      float64
	Network    string
	Interfaces int
	IPs        int // private addresses per interface
	Burstable  bool
	Nitro      bool
}

// instanceTypes gives the types the lab knows, by name, and their names in order.
func instanceTypes() (map[string]instanceType, []string) {
	type size struct {
		name     string
		cpu, mib int
		enis, ip int
	}
	burst := []size{
		{"nano", 2, 512, 2, 2}, {"micro", 2, 1024, 2, 2}, {"small", 2, 2048, 3, 4}, {"medium", 2, 4096, 3, 6},
		{"large", 2, 8192, 3, 12}, {"xlarge", 4, 16384, 4, 15}, {"2xlarge", 8, 32768, 4, 15},
	}
	regular := func(mibPerCPU int) []size {
		out := []size{{"large", 2, 0, 3, 10}, {"xlarge", 4, 0, 4, 15}, {"2xlarge", 8, 0, 4, 15}, {"4xlarge", 16, 0, 8, 30}, {"8xlarge", 32, 0, 8, 30}, {"12xlarge", 48, 0, 8, 30}, {"16xlarge", 64, 0, 15, 50}, {"24xlarge", 96, 0, 15, 50}}
		for i := range out {
			out[i].mib = out[i].cpu * mibPerCPU
		}
		return out
	}
	families := []struct {
		name, arch string
		clock      float64
		burst      bool
		sizes      []size
	}{
		{"t3", "x86_64", 2.5, true, burst}, {"t3a", "x86_64", 2.2, true, burst}, {"t4g", "arm64", 2.5, true, burst},
		{"m5", "x86_64", 3.1, false, regular(4096)}, {"m6i", "x86_64", 3.5, false, regular(4096)},
		{"m6g", "arm64", 2.5, false, regular(4096)}, {"m7i", "x86_64", 3.2, false, regular(4096)},
		{"c5", "x86_64", 3.4, false, c5(regular(2048))}, {"c6i", "x86_64", 3.5, false, regular(2048)},
		{"r5", "x86_64", 3.1, false, regular(8192)}, {"r6i", "x86_64", 3.5, false, regular(8192)},
	}
	out := map[string]instanceType{}
	add := func(t instanceType) { out[t.Name] = t }
	for _, f := range families {
		for _, z := range f.sizes {
			speed := "Up to 10 Gigabit"
			switch {
			case f.burst:
				speed = "Up to 5 Gigabit"
			case z.cpu > 32:
				speed = "25 Gigabit"
			}
			add(instanceType{
				Name: f.name + "." + z.name, VCPUs: z.cpu, MemoryMiB: z.mib, Arch: f.arch, Clock: f.clock, Network: speed,
				Interfaces: z.enis, IPs: z.ip, Burstable: f.burst, Nitro: true,
			})
		}
	}
	for name, mib := range map[string]int{"micro": 1024, "small": 2048, "medium": 4096} {
		cpu := map[string]int{"medium": 2}[name]
		add(instanceType{Name: "t2." + name, VCPUs: max(cpu, 1), MemoryMiB: mib, Arch: "x86_64", Clock: 2.5, Network: "Low to Moderate", Interfaces: 2, IPs: 4, Burstable: true})
	}
	names := make([]string, 0, len(out))
	for n := range out {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int {
		fa, _, _ := strings.Cut(a, ".")
		fb, _, _ := strings.Cut(b, ".")
		if fa != fb {
			return strings.Compare(fa, fb)
		}
		if d := out[a].VCPUs - out[b].VCPUs; d != 0 {
			return d
		}
		return out[a].MemoryMiB - out[b].MemoryMiB
	})
	return out, names
}

// c5 has sizes of its own above 4xlarge.
func c5[T any](sizes []T) []T { return sizes[:4] }

func unknownType(name string) error {
	return fail("InvalidInstanceType", "The following supplied instance types do not exist: [%s]", name)
}

// zone is an Availability Zone.
type zone struct{ name, id string }

// zones gives the three zones of a region.
func zones(region string) []zone {
	short := ""
	for part := range strings.SplitSeq(region, "-") {
		switch part {
		case "north", "south", "east", "west", "central":
			short += part[:1]
		case "northeast", "southeast", "northwest", "southwest":
			short += part[:1] + part[5:6]
		default:
			short += part
		}
	}
	out := make([]zone, 3)
	for i := range out {
		out[i] = zone{name: region + string(rune('a'+i)), id: fmt.Sprintf("%s-az%d", short, i+1)}
	}
	return out
}

func (s *Server) zone(name string) (zone, bool) {
	for _, z := range zones(s.opt.Region) {
		if z.name == name || z.id == name {
			return z, true
		}
	}
	return zone{}, false
}
