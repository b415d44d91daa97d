package lab_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/clusterform/clusterform/internal/lab/machine/hostcheck"
)

// TestDownAfterAKillHalfWayUp kills the lab's process at several points of its way up. hostcheck sees that nothing stays.
func TestDownAfterAKillHalfWayUp(t *testing.T) {
	needMachines(t)
	hostcheck.Guard(t)
	l := newLab(t, "halfway")
	for _, ms := range []int{20, 60, 120, 200, 400} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		up := l.command(ctx, "up")
		if err := up.Start(); err != nil {
			t.Fatal(err)
		}
		pid := filepath.Join(l.dir(), "lab.pid")
		eventually(t, "the lab's process has begun", 30*time.Second, func() bool { _, err := os.Stat(pid); return err == nil })
		time.Sleep(time.Duration(ms) * time.Millisecond)
		if process, err := os.FindProcess(l.pid()); err == nil {
			_ = process.Kill() // it may be up already, and is killed all the same
		}
		_ = up.Wait()
		cancel()
		if r := l.try("down"); r.code != 0 {
			t.Fatalf("killed after %d ms: %s", ms, r)
		}
		if diff := leftovers(l.name); len(diff) > 0 {
			t.Errorf("killed after %d ms, lab down leaves: %v", ms, diff)
		}
	}
	t.Run("and up again", func(t *testing.T) {
		l.run("up")
		l.run("down")
	})
}

// leftovers are the files by which a lab's pieces are found; hostcheck looks at the kernel.
func leftovers(name string) []string {
	var all []string
	for _, pattern := range []string{"/run/netns/cf." + name + ".*", "/run/clusterform/labs/" + name, "/sys/fs/cgroup/*/cf." + name + ".*"} {
		found, _ := filepath.Glob(pattern)
		all = append(all, found...)
	}
	return all
}

func TestInterruptedUpCleansUp(t *testing.T) {
	needMachines(t)
	hostcheck.Guard(t)
	l := newLab(t, "interrupted")
	up := l.command(t.Context(), "up")
	var stderr strings.Builder
	up.Stderr = &stderr
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the lab's process has begun", 30*time.Second, func() bool {
		_, err := os.Stat(filepath.Join(l.dir(), "lab.pid"))
		return err == nil
	})
	if err := up.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	// It may have been ready by then; interrupted or not, one of the two it is.
	if err := up.Wait(); err != nil {
		if !strings.Contains(stderr.String(), "interrupted") {
			t.Errorf("up, interrupted, says: %s", stderr.String())
		}
		if r := l.try("status"); r.code != 1 {
			t.Errorf("status after an interrupted up: %s", r)
		}
		if diff := leftovers(l.name); len(diff) > 0 {
			t.Errorf("an interrupted up leaves: %v", diff)
		}
	}
}

// TestTwoLabs has two labs with the same VPC range at a time: the host reaches both, and the end of one is not the other's.
func TestTwoLabs(t *testing.T) {
	needMachines(t)
	hostcheck.Guard(t)
	first, second := newLab(t, "side-one"), newLab(t, "side-two")
	second.labs = first.labs // as by default
	first.run("up")
	second.run("up", "-region=eu-west-1")
	if region := second.env()["AWS_REGION"]; region != "eu-west-1" {
		t.Errorf("the second lab is in %s", region)
	}
	if first.cloud().endpoint == second.cloud().endpoint {
		t.Fatalf("both labs are at %s", first.cloud().endpoint)
	}
	for _, l := range []*lab{first, second} {
		must(l.cloud().ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: new(siteRange)}))(t)
	}
	if status := second.run("status"); !strings.Contains(status, "collides with") {
		t.Errorf("nothing is said of the collision:\n%s", status)
	}
	first.run("down")
	if r := second.try("status"); r.code != 0 {
		t.Errorf("the other lab is gone, too: %s", r)
	}
	if r := second.try("up"); r.code != 1 || !strings.Contains(r.stderr, "running already") {
		t.Errorf("up of a running lab: %s", r)
	}
	if r := second.try("up", "-foreground"); r.code != 1 || second.try("status").code != 0 {
		t.Errorf("up -foreground of a running lab: %s", r)
	}
}
