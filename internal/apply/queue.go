package apply

import (
	"slices"

	"github.com/clusterform/clusterform/planner/resource"
)

// batchKey is what steps of one batch have in common.
type batchKey struct {
	region    string
	kind      resource.Kind
	operation resource.Operation
}

// queue gathers ready steps by batch. Batches leave in the order in which their first step came; a batch that waits for
// a free worker keeps growing meanwhile.
type queue struct {
	order []batchKey
	steps map[batchKey][]int32
}

func newQueue() *queue { return &queue{steps: map[batchKey][]int32{}} }

func (q *queue) push(k batchKey, id int32) {
	if len(q.steps[k]) == 0 {
		q.order = append(q.order, k)
	}
	q.steps[k] = append(q.steps[k], id)
}

// pop takes the oldest batch whole, its steps in the plan's order.
func (q *queue) pop() (k batchKey, ids []int32, ok bool) {
	if len(q.order) == 0 {
		return batchKey{}, nil, false
	}
	k = q.order[0]
	q.order = slices.Delete(q.order, 0, 1)
	ids = q.steps[k]
	delete(q.steps, k)
	slices.Sort(ids)
	return k, ids, true
}
