package aws

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/planner/resource"
)

// outside does what people do: stops one instance and changes its tags, and terminates another.
func outside(t *testing.T, reg *region, stop, terminate string) {
	t.Helper()
	_, err := reg.ec2.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{stop}})
	if err == nil {
		_, err = reg.ec2.CreateTags(t.Context(), &ec2.CreateTagsInput{
			Resources: []string{stop}, Tags: []types.Tag{{Key: new("tier"), Value: new("changed")}},
		})
	}
	if err == nil {
		_, err = reg.ec2.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{terminate}})
	}
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute)
}

// TestBlockedDelete: a subnet with a stranger's instance is not deleted, and the error names the instance.
func TestBlockedDelete(t *testing.T) {
	t.Parallel()
	inLab(t, api.Faults{}, Options{}, func(t *testing.T, _ *api.Server, c *Cloud, r *run) {
		reg, err := c.region(t.Context(), labRegion)
		if err != nil {
			t.Fatal(err)
		}
		image, subnet := labImage(t, c), r.records[subnetA].ID
		out, err := reg.ec2.RunInstances(t.Context(), &ec2.RunInstancesInput{
			MinCount: new(int32(1)), MaxCount: new(int32(1)), ImageId: &image, SubnetId: &subnet, InstanceType: types.InstanceTypeT3Large,
		})
		if err != nil {
			t.Fatal(err)
		}
		stranger := *out.Instances[0].InstanceId
		start := time.Now()
		got := r.apply(t.Context(), c, r.removal(subnetA))[subnetA]
		e, ok := errors.AsType[*resource.Error](got)
		if !ok || e.Code != "DependencyViolation" || !strings.Contains(e.Message, stranger) || e.Op != "ec2:DeleteSubnet" {
			t.Fatalf("got %v", got)
		}
		if waited := time.Since(start); waited < 10*time.Minute || waited > 11*time.Minute {
			t.Errorf("gave up after %s", waited)
		}
		if rec, ok := r.Record(subnetA); !ok || !rec.Incomplete {
			t.Errorf("recorded: %+v", rec)
		}
		if _, err := reg.ec2.TerminateInstances(t.Context(), terminateInput([]string{stranger})); err != nil {
			t.Fatal(err)
		}
		r.must(t, c, r.removal(subnetA))
	})
}

// TestProtectedInstance: one instance with termination protection keeps the others from nothing.
func TestProtectedInstance(t *testing.T) {
	t.Parallel()
	inLab(t, api.Faults{}, Options{}, func(t *testing.T, _ *api.Server, c *Cloud, r *run) {
		r.must(t, c, nodes(t, c, r, 3)...)
		reg, err := c.region(t.Context(), labRegion)
		if err != nil {
			t.Fatal(err)
		}
		protected := r.records[pool+"[1]"].ID
		_, err = reg.ec2.ModifyInstanceAttribute(t.Context(), &ec2.ModifyInstanceAttributeInput{
			InstanceId: &protected, DisableApiTermination: &types.AttributeBooleanValue{Value: new(true)},
		})
		if err != nil {
			t.Fatal(err)
		}
		errs := r.apply(t.Context(), c, r.removal(pool+"[0]"), r.removal(pool+"[1]"), r.removal(pool+"[2]"))
		e, ok := errors.AsType[*resource.Error](errs[pool+"[1]"])
		if len(errs) != 1 || !ok || e.Code != "OperationNotPermitted" || !strings.Contains(e.Hint, "termination protection") {
			t.Errorf("got %v", errs)
		}
		if left := living(t, c, r); len(left) != 1 || left[0] != protected {
			t.Errorf("left: %v", left)
		}
	})
}

// TestTakenName: a name that a stranger has is not taken over.
func TestTakenName(t *testing.T) {
	t.Parallel()
	inLab(t, api.Faults{}, Options{}, func(t *testing.T, _ *api.Server, c *Cloud, r *run) {
		other := newRun(labRegion)
		other.uid = "fedcba9876543210"
		other.records[vpc] = r.records[vpc]
		tests := map[resource.Address]resource.Spec{
			masters: &resource.SecurityGroup{VPC: vpc, Name: "workers", Description: "mine"},
			role:    &resource.Role{Name: "workers", Policy: policyFor("worker")},
			subnetA: &resource.Subnet{VPC: vpc, CIDR: "10.88.0.0/17", Zone: labRegion + "a"},
		}
		for a, spec := range tests {
			err := other.apply(t.Context(), c, other.creation(a, spec))[a]
			if err == nil || !strings.Contains(err.Error(), "belongs to cluster "+r.uid) {
				t.Errorf("%s: %v", a, err)
			}
		}
		for _, kind := range []resource.Kind{resource.KindSecurityGroup, resource.KindRole, resource.KindSubnet} {
			r.same(t, c, kind)
		}
	})
}

// TestHopelessLaunches fail with what to do, and leave nothing.
func TestHopelessLaunches(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(r *run, n *resource.Node)
		want string
	}{
		{"an image of another region", func(_ *run, n *resource.Node) { n.Image = "ami-00000000000000000" }, "InvalidAMIID.NotFound"},
		{"a key that was not imported", func(_ *run, n *resource.Node) { n.KeyName = "nobody" }, "InvalidKeyPair.NotFound"},
		{"user-data over the limit", func(r *run, n *resource.Node) { n.UserData = r.userData(strings.Repeat("#", maxUserData+1)) }, "EC2 takes 16384"},
		{"user-data that the plan lost", func(_ *run, n *resource.Node) { n.UserData = strings.Repeat("0", 64) }, "Plan again"},
		{"a group that was not made", func(_ *run, n *resource.Node) { n.SecurityGroups = []resource.Ref{masters} }, "has not been made"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inLab(t, api.Faults{}, Options{}, func(t *testing.T, _ *api.Server, c *Cloud, r *run) {
				change := nodes(t, c, r, 1)[0]
				test.edit(r, change.After.Spec.(*resource.Node))
				start := time.Now()
				err := r.apply(t.Context(), c, change)[pool+"[0]"]
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want %s", err, test.want)
				}
				if time.Since(start) > 10*time.Second {
					t.Errorf("took %s to say so", time.Since(start))
				}
				if left := living(t, c, r); len(left) > 0 {
					t.Errorf("left: %v", left)
				}
			})
		})
	}
}

// TestNewProfile: a role that the service does not know yet delays a launch and does not fail it.
func TestNewProfile(t *testing.T) {
	t.Parallel()
	inLab(t, api.Faults{IAMPropagation: seconds(60)}, Options{}, func(t *testing.T, _ *api.Server, c *Cloud, r *run) {
		r.must(t, c, r.creation(`cluster.lab.role["new"]`, &resource.Role{Name: "new", Policy: policyFor("new")}))
		change := nodes(t, c, r, 1)[0]
		change.After.Spec.(*resource.Node).Profile = `cluster.lab.role["new"]`
		r.must(t, c, change)
		r.same(t, c, resource.KindNode)
	})
}

// TestFind observes objects for an import, and says when there is none.
func TestFind(t *testing.T) {
	t.Parallel()
	inLab(t, api.Faults{}, Options{}, func(t *testing.T, _ *api.Server, c *Cloud, r *run) {
		r.must(t, c, nodes(t, c, r, 1)...)
		for _, a := range []resource.Address{vpc, subnetA, workers, role, pool + "[0]"} {
			rec := r.records[a]
			o, err := c.Find(t.Context(), r, labRegion, rec.Kind, rec.ID)
			if err != nil {
				t.Errorf("%s: %v", a, err)
				continue
			}
			align(o.Spec, rec.Spec)
			if d := resource.DiffObserved(rec.Spec, o.Spec); len(d) > 0 {
				t.Errorf("%s: found with %v", a, d)
			}
		}
		if o, err := c.Find(t.Context(), r, labRegion, resource.KindVPC, "vpc-00000000000000000"); err == nil {
			t.Errorf("found %+v", o)
		}
		if _, err := c.Find(t.Context(), r, labRegion, resource.KindElasticIPAssociation, "eipassoc-1"); err == nil || !strings.Contains(err.Error(), "cannot be imported") {
			t.Errorf("got %v", err)
		}
	})
}
