package source_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
)

var newest = release.Newest()

// stopWhenReady sends SIGTERM once the program catches it, so that a program that never does fails by not ending well.
func stopWhenReady(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("the program is one for Linux, and this is not")
	}
	for range 1000 {
		if catches(t, cmd.Process.Pid, syscall.SIGTERM) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func catches(t *testing.T, pid int, s syscall.Signal) bool {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if mask, ok := strings.CutPrefix(line, "SigCgt:"); ok {
			bits, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
			return err == nil && bits>>(uint(s)-1)&1 == 1
		}
	}
	return false
}
