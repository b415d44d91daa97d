package state

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// machineID names this boot of this machine, as seen by this process: process ids mean the same for two processes that
// agree in it, and nothing for others (another host, another container, before a reboot).
func machineID() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + "/" + namespace
}

// processStart returns when a process began, in clock ticks since boot: process ids are used again, pairs of both are not.
// ok is false when there is no such process, or when it is dead and only not waited for.
func processStart(pid int) (ticks uint64, ok bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	// The second field is the program's name in parentheses and may hold anything.
	_, rest, found := bytes.Cut(stat[max(0, bytes.LastIndexByte(stat, ')')):], []byte(") "))
	fields := strings.Fields(string(rest))
	const state, start = 0, 19 // the third and the 22nd field of the line
	if !found || len(fields) <= start || fields[state] == "Z" || fields[state] == "X" {
		return 0, false
	}
	ticks, err = strconv.ParseUint(fields[start], 10, 64)
	return ticks, err == nil
}
