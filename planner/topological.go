package planner

import (
	"slices"
	"strings"
)

// topological puts steps into an order in which each comes after what it needs, the earliest first. Where that cannot be,
// it returns a cycle.
func topological(needs [][]int32) (sequence, cycle []int32) {
	n := len(needs)
	first, open := make([]int32, n+1), make([]int32, n)
	edges := 0
	for i, list := range needs {
		open[i] = int32(len(list))
		edges += len(list)
		for _, on := range list {
			first[on+1]++
		}
	}
	for i := range n {
		first[i+1] += first[i]
	}
	next, at := make([]int32, edges), slices.Clone(first[:n])
	for i, list := range needs {
		for _, on := range list {
			next[at[on]] = int32(i)
			at[on]++
		}
	}
	sequence = make([]int32, 0, n)
	for i := range n {
		if open[i] == 0 {
			sequence = append(sequence, int32(i))
		}
	}
	for head := 0; head < len(sequence); head++ {
		i := sequence[head]
		for _, j := range next[first[i]:first[i+1]] {
			if open[j]--; open[j] == 0 {
				sequence = append(sequence, j)
			}
		}
	}
	if len(sequence) < n {
		return nil, findCycle(needs, open)
	}
	return sequence, nil
}

// findCycle follows needs among the steps that never became ready until one comes again.
func findCycle(needs [][]int32, open []int32) []int32 {
	i := int32(slices.IndexFunc(open, func(n int32) bool { return n > 0 }))
	seen := map[int32]int{}
	var path []int32
	for {
		if at, again := seen[i]; again {
			return path[at:]
		}
		seen[i] = len(path)
		path = append(path, i)
		for _, on := range needs[i] {
			if open[on] > 0 {
				i = on
				break
			}
		}
	}
}

func (p *planning) failCycle(cycle []int32) {
	names := make([]string, 0, len(cycle)+1)
	for _, i := range append(cycle, cycle[0]) {
		s := &p.changes.steps[i]
		what := string(s.Operation)
		if what == "" {
			what = string(s.Action)
		}
		names = append(names, what+" "+string(s.Address))
	}
	p.fail(nil, p.changes.steps[cycle[0]].Address, "Changes wait for one another",
		"This is a fault of clusterform, please report it. Nothing was changed. Each of these steps needs the next: %s.\n\nPlanning a part of it with -target may help.", strings.Join(names, " → "))
}

// renumber puts steps into a sequence and translates the ids in them. Steps that are not in the sequence are left out.
// Lists of needs that were shared stay shared.
func renumber(steps []Step, needs [][]int32, sequence []int32) []Step {
	id := make([]int32, len(steps))
	for i := range id {
		id[i] = -1
	}
	for to, from := range sequence {
		id[from] = int32(to)
	}
	type list struct {
		first *int32
		n     int
	}
	done := map[list][]int32{}
	out := make([]Step, len(sequence))
	for to, from := range sequence {
		s := steps[from]
		s.ID = int32(to)
		if s.Pair >= 0 {
			s.Pair = id[s.Pair]
		}
		s.Needs = nil
		if old := needs[from]; len(old) > 0 {
			key := list{&old[0], len(old)}
			mapped, known := done[key]
			if !known {
				mapped = make([]int32, 0, len(old))
				for _, on := range old {
					if id[on] >= 0 {
						mapped = append(mapped, id[on])
					}
				}
				slices.Sort(mapped)
				done[key] = mapped
			}
			s.Needs = mapped
		}
		out[to] = s
	}
	return out
}
