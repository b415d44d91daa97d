package client

import (
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

func TestNotices(t *testing.T) {
	t.Parallel()
	member := func(instance string, ready bool, ipvs string) orchestrator.Member {
		return orchestrator.Member{Instance: instance, Ready: ready, Annotations: map[string]string{EngineIPVS: ipvs}}
	}
	for _, tt := range []struct {
		name    string
		members []orchestrator.Member
		want    string
	}{
		{"every kernel has it", []orchestrator.Member{member("i-1", true, "true")}, ""},
		{"a node that is down does not count", []orchestrator.Member{member("i-1", true, "true"), member("i-2", false, "false")}, ""},
		{"one has it not", []orchestrator.Member{member("i-1", true, "true"), member("i-2", true, "false")}, "(1 of 2: i-2)"},
		{"none has it", []orchestrator.Member{
			member("i-1", true, "false"), member("i-2", true, "false"), member("i-3", true, "false"), member("i-4", true, "false"),
		}, "(4 of 4: i-1, i-2, i-3)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Notices("cluster.prod", tt.members)
			if tt.want == "" {
				if len(got) > 0 {
					t.Errorf("got %+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].Title != "Swarm without IPVS" || !strings.Contains(got[0].Text, tt.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
