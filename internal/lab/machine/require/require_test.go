package require

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckNamesEverythingAtOnce(t *testing.T) {
	t.Parallel()
	absent := func(names ...string) func(string) error {
		return func(name string) error {
			for _, n := range names {
				if n == name {
					return errors.New("not found")
				}
			}
			return nil
		}
	}
	for _, c := range []struct {
		name    string
		missing []string
		reasons []string
		want    string
	}{
		{"everything is there", nil, nil, ""},
		{"programs", []string{"nft", "systemd-nspawn"}, nil,
			"this host cannot run lab machines:\n  - programs are missing; install them with: apt-get install systemd-container nftables\n`--machines=none` runs the endpoint alone and needs none of this"},
		{"programs and what no package gives", []string{"ip"}, []string{"namespaces and mounts need root; run it with sudo"},
			"this host cannot run lab machines:\n  - namespaces and mounts need root; run it with sudo\n  - programs are missing; install them with: apt-get install iproute2\n`--machines=none` runs the endpoint alone and needs none of this"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := check(absent(c.missing...), c.reasons); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
