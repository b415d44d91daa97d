package image

import (
	"fmt"
	"slices"
	"strings"
)

// DefaultSystem is what machines run unless their image says otherwise.
const DefaultSystem = "debian-12"

// distribution is whose packages a system is made of.
type distribution struct {
	id, title  string // id as in os-release
	components []string
	// keyring verifies the mirror of a host of another distribution, and pkg is the Debian package that holds it.
	keyring, pkg string
}

var (
	debian = distribution{id: "debian", title: "Debian", components: []string{"main"},
		keyring: "/usr/share/keyrings/debian-archive-keyring.gpg", pkg: "debian-archive-keyring"}
	ubuntu = distribution{id: "ubuntu", title: "Ubuntu", components: []string{"main", "universe"},
		keyring: "/usr/share/keyrings/ubuntu-archive-keyring.gpg", pkg: "ubuntu-keyring"}
)

// system is an operating system that machines can run, and in what its recipe differs from the common one.
type system struct {
	name, suite, release string
	distribution         distribution
	packages             []string // besides the common ones
	diverted             []string
	masked               []string // besides the common ones
}

var systems = [...]system{
	{name: DefaultSystem, suite: "bookworm", release: "12", distribution: debian, diverted: []string{"/sbin/dhclient", "/sbin/modprobe"}},
	{name: "debian-13", suite: "trixie", release: "13", distribution: debian, packages: []string{"docker-cli"},
		diverted: []string{"/usr/sbin/dhcpcd", "/usr/sbin/modprobe"}},
	{name: "ubuntu-22.04", suite: "jammy", release: "22.04", distribution: ubuntu, diverted: []string{"/sbin/dhclient", "/sbin/modprobe"}, masked: ubuntuMasked[:]},
	{name: "ubuntu-24.04", suite: "noble", release: "24.04", distribution: ubuntu,
		diverted: []string{"/usr/sbin/dhcpcd", "/usr/sbin/modprobe"}, masked: ubuntuMasked[:]},
}

// ubuntuMasked are settings of the host's kernel and units of networks that machines do not have.
var ubuntuMasked = [...]string{
	"etc/sysctl.d/10-bufferbloat.conf",
	"etc/sysctl.d/10-console-messages.conf",
	"etc/sysctl.d/10-ipv6-privacy.conf",
	"etc/sysctl.d/10-kernel-hardening.conf",
	"etc/sysctl.d/10-magic-sysrq.conf",
	"etc/sysctl.d/10-map-count.conf",
	"etc/sysctl.d/10-network-security.conf",
	"etc/sysctl.d/10-ptrace.conf",
	"etc/sysctl.d/10-zeropage.conf",
	"etc/systemd/system/systemd-resolved.service",
	"etc/systemd/system/motd-news.timer",
}

// Systems are the names of what machines can run.
func Systems() []string {
	names := make([]string, 0, len(systems))
	for i := range systems {
		names = append(names, systems[i].name)
	}
	return names
}

// lookup finds a system; an empty name is the default.
func lookup(name string) (*system, error) {
	if name == "" {
		name = DefaultSystem
	}
	if i := slices.IndexFunc(systems[:], func(s system) bool { return s.name == name }); i >= 0 {
		return &systems[i], nil
	}
	return nil, fmt.Errorf("a lab's machines cannot run %s; they run %s", name, strings.Join(Systems(), ", "))
}

// Check refuses the name of what machines cannot run.
func Check(name string) error {
	_, err := lookup(name)
	return err
}
