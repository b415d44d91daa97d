package kubernetes

import (
	"strconv"
	"strings"
)

// Options say for which cluster objects are made.
type Options struct {
	// Version is that of the cluster, "1.34.4"; empty is taken for a current one.
	Version string
	// RevisionKey makes the names of Secrets tell their content apart, so that a change of content rolls out. Without it they
	// are named alike whatever they hold, as a hash without a key lets others try guesses.
	RevisionKey []byte
}

// nativeSidecars is the minor version from which init containers that are always restarted run beside the others.
const nativeSidecars = 29

func (o Options) nativeSidecars() bool {
	parts := strings.Split(strings.TrimPrefix(o.Version, "v"), ".")
	if len(parts) < 2 {
		return true
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return err1 != nil || err2 != nil || major > 1 || minor >= nativeSidecars
}
