// Package require says what a host lacks to run lab machines, before anything on it is changed, and can install what
// Debian packages provide.
package require

import (
	"fmt"
	"slices"
	"strings"
)

// Missing is the error of Check: everything at once.
type Missing struct {
	// Packages are the Debian packages to install.
	Packages []string
	// Reasons say what no package can provide.
	Reasons []string
}

func (m *Missing) Error() string {
	var b strings.Builder
	b.WriteString("this host cannot run lab machines:")
	for _, r := range m.Reasons {
		b.WriteString("\n  - " + r)
	}
	if len(m.Packages) > 0 {
		fmt.Fprintf(&b, "\n  - programs are missing; install them with: apt-get install %s", strings.Join(m.Packages, " "))
	}
	b.WriteString("\n`--machines=none` runs the endpoint alone and needs none of this")
	return b.String()
}

// programs and the packages that hold them.
var programs = [...]struct{ name, pkg string }{
	{"mmdebstrap", "mmdebstrap"},
	{"systemd-nspawn", "systemd-container"},
	{"nft", "nftables"},
	{"ip", "iproute2"},
	{"nsenter", "util-linux"},
	{"chroot", "coreutils"},
}

// check collects findings; look finds programs.
func check(look func(string) error, reasons []string) error {
	m := &Missing{Reasons: reasons}
	for _, p := range programs {
		if look(p.name) != nil && !slices.Contains(m.Packages, p.pkg) {
			m.Packages = append(m.Packages, p.pkg)
		}
	}
	if len(m.Packages) == 0 && len(m.Reasons) == 0 {
		return nil
	}
	return m
}
