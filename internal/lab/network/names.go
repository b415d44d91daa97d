package network

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
)

// RunDir holds what must be known of running labs, and nothing that outlives a boot of the host.
const RunDir = "/run/clusterform"

// netnsDir is where `ip netns` looks for namespaces.
const netnsDir = "/run/netns"

var validLab = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$`)

// CheckName says whether a string can name a lab: its processes, links and rules are found by it.
func CheckName(lab string) error {
	if !validLab.MatchString(lab) {
		return fmt.Errorf("lab name %q: use 1 to 20 lower-case letters, digits and hyphens, not at the ends", lab)
	}
	return nil
}

func shortHash(s string, digits int) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:digits]
}

// Names of kernel objects. Links have at most 15 characters, so these carry a hash of the lab's name.
const (
	bridgePrefix  = "cfb-"
	machinePrefix = "m-"
	uplinkInside  = "uplink"
	// Device is the name of a machine's interface, as on EC2's current instance types.
	Device = "ens5"
)

func bridgeName(lab string) string        { return bridgePrefix + shortHash(lab, 8) }
func uplinkName(lab, vpc string) string   { return "cfu" + shortHash(lab, 6) + shortHash(vpc, 6) }
func uplinkPrefix(lab string) string      { return "cfu" + shortHash(lab, 6) }
func portName(instance string) string     { return machinePrefix + shortHash(instance, 12) }
func tableName(lab string) string         { return "clusterform-" + lab }
func ruleComment(lab string) string       { return "clusterform-lab:" + lab }
func namespacePrefix(lab string) string   { return "cf." + lab + "." }
func namespaceName(lab, id string) string { return namespacePrefix(lab) + id }

// LabRunDir is where a lab keeps what another process must know to find its pieces.
func LabRunDir(lab string) string { return filepath.Join(RunDir, "labs", lab) }
