package cli

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

func TestFailuresAreToldByReason(t *testing.T) {
	t.Parallel()
	failed := func(a resource.Address, err error) apply.StepError {
		return apply.StepError{Step: &planner.Step{Address: a, Action: planner.ActionCreate}, Err: err}
	}
	noRoom := func(a resource.Address, zone string, call int) apply.StepError {
		return failed(a, &resource.Error{
			Op: "ec2:RunInstances", Code: "InsufficientInstanceCapacity", Address: a,
			Message: fmt.Sprintf("no t3.large in %s (request %d)", zone, call), Hint: "add zones",
		})
	}
	worker := func(i int) resource.Address { return resource.Address("node_pool.worker").Index(i) }
	var steps []apply.StepError
	for i := range 500 { // batches in two zones: two reasons, many calls
		steps = append(steps, noRoom(worker(i), []string{"zone a", "zone b"}[i/250], i/100))
	}
	steps = append(steps,
		failed("cluster.lab.vpc", errors.New("it is not there")),
		failed("cluster.b.vpc", errors.New("it is not there")),
		failed("cluster.c.vpc", errors.New("it is not there")),
		failed("cluster.d.vpc", errors.New("it is not there")),
		failed("cluster.lab.subnet", &resource.Error{Address: "cluster.lab.subnet", Message: "no room"}),
	)
	var titles []string
	for _, d := range diagnoseApply(&apply.Error{Steps: steps}) {
		titles = append(titles, d.Summary)
	}
	want := []string{
		"node_pool.worker[0..249]: ec2:RunInstances failed",
		"node_pool.worker[250..499]: ec2:RunInstances failed",
		"4 objects (cluster.lab.vpc, cluster.b.vpc, cluster.c.vpc and 1 more): create failed",
		"cluster.lab.subnet: create failed",
	}
	if diff := cmp.Diff(want, titles); diff != "" {
		t.Errorf("titles (-want +got):\n%s", diff)
	}
}
