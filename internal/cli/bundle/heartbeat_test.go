package bundle

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestHeartbeatSaysThatALongStepGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		h := &heartbeat{note: func(line string) { lines = append(lines, line) }, now: time.Now}
		go h.run(t.Context())
		h.line("[1/2] kubeadm: compiling…", "[1/2] kubeadm: compiling")
		time.Sleep(65 * time.Second)
		h.line("[1/2] kubeadm: 70 MiB after 1m5s", "")
		time.Sleep(time.Hour)
		synctest.Wait()
		want := []string{"[1/2] kubeadm: compiling…", "[1/2] kubeadm: compiling… (30s)", "[1/2] kubeadm: compiling… (1m0s)", "[1/2] kubeadm: 70 MiB after 1m5s"}
		if !slices.Equal(lines, want) {
			t.Errorf("%q, want %q", lines, want)
		}
	})
}
