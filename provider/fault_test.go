package provider_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
)

// refuse makes the endpoint deny an action until allow.
func (l *lab) refuse(action string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.intercept = func(asked string, w http.ResponseWriter) bool {
		if asked != action {
			return false
		}
		deny(w, action)
		return true
	}
}

// deny answers as AWS does to those who may not.
func deny(w http.ResponseWriter, action string) {
	if _, name, ok := strings.Cut(action, "."); ok {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":"AccessDeniedException","message":"%s is not allowed here"}`, name)
		return
	}
	w.WriteHeader(http.StatusForbidden)
	const detail = `<Error><Code>%[1]s</Code><Message>%[2]s is not allowed here</Message></Error>`
	if strings.Contains(action, "Role") || strings.Contains(action, "Profile") {
		fmt.Fprintf(w, `<ErrorResponse>`+detail+`<RequestId>1</RequestId></ErrorResponse>`, "AccessDenied", action)
		return
	}
	fmt.Fprintf(w, `<Response><Errors>`+detail+`</Errors><RequestID>1</RequestID></Response>`, "UnauthorizedOperation", action)
}

func (l *lab) allow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.intercept, l.answered = nil, nil
}

// TestACreateThatFailsIsNeverReplaced shows what Terraform has of a cluster that is there in part; the matrix shows that every
// call may be the one that fails.
func TestACreateThatFailsIsNeverReplaced(t *testing.T) {
	t.Parallel()
	for _, denied := range []string{"CreateVpc", "AddRoleToInstanceProfile", "AmazonSSM.PutParameter"} {
		t.Run(denied, func(t *testing.T) {
			l := startLab(t)
			config := l.config(clusterWith(`control_plane = { access = ["192.0.2.0/24"] }`))
			acceptance(t,
				resource.TestStep{
					PreConfig: func() { l.refuse(denied) }, Config: config, ExpectNonEmptyPlan: true,
					ConfigStateChecks: []statecheck.StateCheck{
						value(theCluster, "phase", knownvalue.StringExact("incomplete")),
						value(theCluster, "last_error", knownvalue.StringRegexp(regexp.MustCompile(`is not allowed here`))),
						value(theCluster, "uid", knownvalue.NotNull()),
					},
				},
				resource.TestStep{
					PreConfig: l.allow, Config: config,
					ConfigPlanChecks: settled(action(theCluster, plancheck.ResourceActionUpdate)),
					ConfigStateChecks: []statecheck.StateCheck{
						value(theCluster, "phase", knownvalue.StringExact("ready")), value(theCluster, "last_error", knownvalue.Null()),
					},
				},
			)
		})
	}
}

func TestANodeThatCannotBeLaunched(t *testing.T) {
	l := startLab(t)
	config := l.config(clusterWith("") + poolWith("size = 2"))
	ready := `
resource "clusterform_cluster_ready" "lab" {
  cluster    = clusterform_cluster.lab.id
  triggers   = { phase = clusterform_node_pool.worker.phase }
  timeouts   = { create = "1s", update = "1s" }
}
`
	acceptance(t,
		resource.TestStep{Config: l.config(clusterWith("")), ConfigPlanChecks: settled()},
		resource.TestStep{
			PreConfig: func() { l.refuse("RunInstances") }, Config: config,
			ExpectError: regexp.MustCompile(`RunInstances`), // nothing was made of the pool, so it may fail
		},
		resource.TestStep{
			Config: config + ready, ExpectError: regexp.MustCompile(`RunInstances`),
		},
		resource.TestStep{PreConfig: l.allow, Config: config + ready, ConfigPlanChecks: settled(action(theCluster, plancheck.ResourceActionNoop))},
		resource.TestStep{ // an update that fails keeps what there was
			PreConfig:          func() { l.refuse("RunInstances") },
			Config:             l.config(clusterWith("") + poolWith("size = 3")),
			ExpectNonEmptyPlan: true,
			ConfigStateChecks: []statecheck.StateCheck{
				value(thePool, "phase", knownvalue.StringExact("incomplete")), value(theCluster, "phase", knownvalue.StringExact("ready")),
			},
		},
		resource.TestStep{
			Config: l.config(clusterWith("")+poolWith("size = 3")) + ready, ExpectError: regexp.MustCompile(`not ready`),
		},
		resource.TestStep{PreConfig: l.allow, Config: l.config(clusterWith("") + poolWith("size = 3")), ConfigPlanChecks: settled()},
	)
}

func TestADestroyThatFailsGoesOn(t *testing.T) {
	t.Parallel()
	for _, denied := range []string{"TerminateInstances", "DeleteVpc", "DeleteRole"} {
		t.Run(denied, func(t *testing.T) {
			l := startLab(t)
			config := l.config(clusterWith("") + poolWith("size = 1"))
			acceptance(t,
				resource.TestStep{Config: config},
				resource.TestStep{PreConfig: func() { l.refuse(denied) }, Config: l.config(""), ExpectError: regexp.MustCompile(`is not allowed\s+here`)},
				resource.TestStep{PreConfig: l.allow, Config: l.config("")},
			)
		})
	}
}
