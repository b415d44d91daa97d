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

// Minor versions from which on something is there.
const (
	nativeSidecars = 29 // init containers that are always restarted run beside the others
	sleepHooks     = 30 // a container can be told to wait before it is told to stop
)

func (o Options) nativeSidecars() bool { return o.since(nativeSidecars) }

// since tells whether the cluster's version is 1.minor or newer.
func (o Options) since(since int) bool {
	parts := strings.Split(strings.TrimPrefix(o.Version, "v"), ".")
	if len(parts) < 2 {
		return true
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return err1 != nil || err2 != nil || major > 1 || minor >= since
}
