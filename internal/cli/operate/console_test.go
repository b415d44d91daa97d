package operate

import (
	"slices"
	"testing"
)

func TestConsoleLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, console string
		want          []string
	}{
		{"nothing", "", nil},
		{"line ends of a serial line", "one\r\ntwo\r\n", []string{"one", "two"}},
		{"colours", "[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mkubelet.service\x1b[0m\r\n", []string{"[  OK  ] Started kubelet.service"}},
		{"a spinner", "\x1bM\r\x1b[K[ ***  ] Job x.service/start running (5s / no limit)\r\n\r\x1b[Kclusterform: ready: i-1\r\n", []string{"clusterform: ready: i-1"}},
		{"drawn over", "10%\r100%\r\n", []string{"100%"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := consoleLines(c.console); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
