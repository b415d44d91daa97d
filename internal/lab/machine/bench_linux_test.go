package machine_test

import (
	"fmt"
	"testing"
	"time"
)

// Three machines from nothing but a warm image to finished user-data.
func BenchmarkThreeMachines(b *testing.B) { benchmarkMachines(b, 3) }

// Thirty machines, idle: what each takes from the host.
func BenchmarkThirtyMachines(b *testing.B) { benchmarkMachines(b, 30) }

func benchmarkMachines(b *testing.B, count int) {
	for b.Loop() {
		b.StopTimer()
		l := newLab(b, fmt.Sprintf("bench-%d", count))
		l.vpc("vpc-1", "10.88.0.0/16", "10.88.0.0/24")
		l.group("sg-1", "vpc-1")
		var ids []string
		for n := range count {
			id := fmt.Sprintf("i-%02x", n)
			ids = append(ids, id)
			l.instance(id, "vpc-1", 0, fmt.Sprintf("10.88.0.%d", 10+n), "sg-1")
			l.userData[id] = "#!/bin/sh\ntouch /srv/done\n"
		}
		b.StartTimer()
		l.apply()
		l.launch(ids...)
		for _, id := range ids {
			l.awaitFile(id, "srv/done")
		}
		b.StopTimer()
		time.Sleep(5 * time.Second) // until they are idle
		memory, processes := 0, 0
		for _, id := range ids {
			stats, err := l.machines.Stats(id)
			if err != nil {
				b.Fatal(err)
			}
			memory += stats.MemoryMiB
			processes += stats.Processes
		}
		b.ReportMetric(float64(memory)/float64(count), "MiB/machine")
		b.ReportMetric(float64(processes)/float64(count), "processes/machine")
		for _, id := range ids {
			if err := l.machines.Terminate(b.Context(), id); err != nil {
				b.Error(err)
			}
		}
		b.StartTimer()
	}
}
