package planner

import (
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// AWS's published request limits of an account in one region: a bucket of burst requests, filled with rate a second
// (EC2 User Guide, "Request throttling for the Amazon EC2 API"; RunInstances has a second bucket, of instances).
const (
	launchBurst, launchRate           = 5, 2.0
	launchedBurst, launchedRate       = 1000, 2.0
	terminatedBurst, terminatedRate   = 1000, 20.0
	mutatingBurst, mutatingRate       = 50, 5.0
	nodesPerCall                      = 100
	pollEvery                         = 5 * time.Second
	nodesPerPoll                      = 1000
	instanceBoot                      = 30 * time.Second
	instanceEnd                       = 45 * time.Second
	balancerReady                     = 150 * time.Second
	balancerGone, profilePropagation  = 60 * time.Second, 10 * time.Second
	otherObject                       = time.Second
	nodeJoin, workloadRollout         = 60 * time.Second, 30 * time.Second
	callsPerCredentials               = 12
	callsPerRole, callsPerLoadBalance = 5, 4
)

// effort is what one step costs, by experience: the calls that change something, and how long it lasts.
// joins tells that nodes join an orchestrator.
func effort(s *Step, joins bool) (calls int, lasts time.Duration) {
	if s.Operation == "" {
		return 0, 0
	}
	switch s.Kind {
	case resource.KindNode:
		switch s.Operation {
		case resource.Create:
			if joins {
				return 0, instanceBoot + nodeJoin
			}
			return 0, instanceBoot // counted by batch
		case resource.Delete:
			return 0, instanceEnd
		}
		return 1, otherObject
	case resource.KindCredentials:
		if s.Operation == resource.Create {
			return callsPerCredentials, 2 * otherObject
		}
		return 2, otherObject
	case resource.KindWorkload:
		if s.Ending {
			return 0, 0
		}
		return 0, workloadRollout // these are no calls of AWS
	case resource.KindManifest:
		return 0, otherObject
	case resource.KindRole:
		if s.Operation == resource.Create {
			return callsPerRole, profilePropagation
		}
		return callsPerRole - 1, otherObject
	case resource.KindLoadBalancer:
		switch s.Operation {
		case resource.Create:
			return callsPerLoadBalance, balancerReady
		case resource.Delete:
			return callsPerLoadBalance - 1, balancerGone
		}
		return 1, otherObject
	case resource.KindInternetGateway, resource.KindVPC:
		return 2, otherObject
	case resource.KindRouteTable:
		return 3, otherObject
	case resource.KindSecurityGroupRules:
		if s.Operation == resource.Update {
			return 2, otherObject
		}
	}
	return 1, otherObject
}

// launch is what one RunInstances call can have in common.
type launch struct {
	region string
	spec   resource.Spec
}

// estimate adds up the calls, and takes as duration the longest chain of steps, or what the limits allow if that is more.
func estimate(steps []Step, joins bool) (calls int, total time.Duration) {
	ends := make([]time.Duration, len(steps))
	launches := map[launch]int{}
	created, deleted := 0, 0
	for i := range steps {
		s := &steps[i]
		n, lasts := effort(s, joins)
		calls += n
		for _, on := range s.Needs {
			ends[i] = max(ends[i], ends[on])
		}
		ends[i] += lasts
		total = max(total, ends[i])
		if s.Kind != resource.KindNode {
			continue
		}
		switch s.Operation {
		case resource.Create:
			launches[launch{s.After.Region, s.After.Spec}]++
			created++
		case resource.Delete:
			deleted++
		}
	}
	limit := refill(calls, mutatingBurst, mutatingRate)
	runs := 0
	for _, n := range launches {
		runs += (n + nodesPerCall - 1) / nodesPerCall
	}
	terminations := (deleted + nodesPerCall - 1) / nodesPerCall
	limit = max(limit, refill(runs, launchBurst, launchRate), refill(created, launchedBurst, launchedRate), refill(deleted, terminatedBurst, terminatedRate))
	total = max(total, limit)
	calls += runs + terminations
	if created+deleted > 0 {
		calls += int(total/pollEvery+1) * ((created + deleted + nodesPerPoll - 1) / nodesPerPoll)
	}
	return calls, total.Round(time.Second)
}

// refill is how long n requests take with a bucket.
func refill(n, burst int, rate float64) time.Duration {
	return time.Duration(float64(max(0, n-burst)) / rate * float64(time.Second))
}
