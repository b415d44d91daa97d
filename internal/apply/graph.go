package apply

import (
	"fmt"

	"github.com/clusterform/clusterform/planner"
)

// condition is where a step is on its way.
type condition uint8

const (
	waiting condition = iota // for steps it needs
	ready
	running
	done
	failed
	skipped   // because a step it needs failed
	remaining // not started, because the run was told to stop
)

// graph is the plan's edges as one array, with a counter of unfinished needs per step.
type graph struct {
	state []condition
	needs []int32 // unfinished needs by step
	first []int32 // first[i]:first[i+1] of next are the steps that need step i
	next  []int32
	count [remaining + 1]int
}

// newGraph refuses plans whose edges could never be satisfied.
func newGraph(steps []planner.Step) (*graph, error) {
	n := len(steps)
	g := &graph{state: make([]condition, n), needs: make([]int32, n), first: make([]int32, n+1)}
	edges := 0
	for i := range steps {
		if int(steps[i].ID) != i {
			return nil, fmt.Errorf("the plan is damaged: step %d has the id %d; make a new plan", i, steps[i].ID)
		}
		for _, need := range steps[i].Needs {
			if need < 0 || int(need) >= i {
				return nil, fmt.Errorf("the plan is damaged: step %d (%s) needs step %d, which does not stand before it; make a new plan",
					i, steps[i].Address, need)
			}
			g.first[need+1]++
		}
		g.needs[i] = int32(len(steps[i].Needs))
		edges += len(steps[i].Needs)
	}
	for i := range n {
		g.first[i+1] += g.first[i]
	}
	g.next = make([]int32, edges)
	at := make([]int32, n)
	copy(at, g.first)
	for i := range steps {
		for _, need := range steps[i].Needs {
			g.next[at[need]] = int32(i)
			at[need]++
		}
	}
	g.count[waiting] = n
	return g, nil
}

func (g *graph) set(id int32, to condition) {
	g.count[g.state[id]]--
	g.state[id] = to
	g.count[to]++
}

// roots calls f for each step that needs nothing.
func (g *graph) roots(f func(id int32)) {
	for i, n := range g.needs {
		if n == 0 && g.state[i] == waiting {
			g.set(int32(i), ready)
			f(int32(i))
		}
	}
}

// finish marks a step as done and calls f for each step that became ready by it.
func (g *graph) finish(id int32, f func(id int32)) {
	g.set(id, done)
	for _, d := range g.next[g.first[id]:g.first[id+1]] {
		g.needs[d]--
		if g.needs[d] == 0 && g.state[d] == waiting {
			g.set(d, ready)
			f(d)
		}
	}
}

// stop gives a step the condition failed, or remaining, and every step behind it the condition behind; f is called for
// each of the latter.
func (g *graph) stop(id int32, own, behind condition, f func(id int32)) {
	g.set(id, own)
	stack := []int32{id}
	for len(stack) > 0 {
		s := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, d := range g.next[g.first[s]:g.first[s+1]] {
			if g.state[d] == waiting {
				g.set(d, behind)
				f(d)
				stack = append(stack, d)
			}
		}
	}
}
