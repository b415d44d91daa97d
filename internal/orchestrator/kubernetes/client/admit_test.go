package client_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/client"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
)

var tokenForm = regexp.MustCompile(`^[0-9a-z]{6}\.[0-9a-z]{16}$`)

const (
	controlPlaneJoin = "control-plane/join"
	workerJoin       = "worker/join"
)

// own is a set of parameters of a test's own for the shared control plane: tests admit nodes side by side.
func own(t *testing.T, cp *controlplane.ControlPlane) *controlplane.Parameters {
	t.Helper()
	return controlplane.NewParameters(map[string]string{
		pki.KubernetesCluster: get(t, cp.Parameters, pki.KubernetesCluster), pki.KubernetesEtcd: get(t, cp.Parameters, pki.KubernetesEtcd),
	})
}

func TestBeforeTheFirstNodeThereIsATokenInTheParametersAlone(t *testing.T) {
	t.Parallel()
	values, err := pki.KubernetesCredentials(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p := controlplane.NewParameters(values)
	k, err := client.Orchestrator{}.Connect(t.Context(), orchestrator.Cluster{Address: "cluster.lab", Hosts: []string{"127.0.0.254"}}, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Admit(t.Context()); err != nil {
		t.Fatal(err)
	}
	token := get(t, p, controlPlaneJoin)
	if !tokenForm.MatchString(token) || get(t, p, workerJoin) != token {
		t.Error("the roles' tokens are not one, or not of kubeadm's form")
	}
	if err := k.Admit(t.Context()); err != nil || get(t, p, controlPlaneJoin) != token {
		t.Errorf("the token changed before it was used: %v", err)
	}
}

func TestAWaveOfJoins(t *testing.T) {
	t.Parallel()
	cp := controlplane.New(t, controlplane.Options{})
	now := time.Now()
	o := client.Orchestrator{Now: func() time.Time { return now }}
	k, err := o.Client(t.Context(), orchestrator.Cluster{Address: "cluster.lab", Hosts: []string{cp.Host}}, cp.Parameters)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody else's token is not ours to touch.
	foreign := `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"bootstrap-token-aaaaaa","namespace":"kube-system"},"type":"bootstrap.kubernetes.io/token","stringData":{"token-id":"aaaaaa","token-secret":"0123456789abcdef"}}`
	if err := cp.Client.CoreV1().RESTClient().Post().Namespace("kube-system").Resource("secrets").Body([]byte(foreign)).Do(t.Context()).Error(); err != nil {
		t.Fatal(err)
	}
	// What the first node's kubeadm makes has no label.
	left := `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"bootstrap-token-bbbbbb","namespace":"kube-system"},"type":"bootstrap.kubernetes.io/token","stringData":{"token-id":"bbbbbb","token-secret":"0123456789abcdef","description":"joins nodes of clusterform"}}`
	if err := cp.Client.CoreV1().RESTClient().Post().Namespace("kube-system").Resource("secrets").Body([]byte(left)).Do(t.Context()).Error(); err != nil {
		t.Fatal(err)
	}
	admit := func() string {
		t.Helper()
		if err := k.Admit(t.Context()); err != nil {
			t.Fatal(err)
		}
		token := get(t, cp.Parameters, controlPlaneJoin)
		if get(t, cp.Parameters, workerJoin) != token {
			t.Error("the roles' tokens differ")
		}
		return token
	}
	first := admit()
	eventually(t, "the API's trust in the token", func(context.Context) bool { return whoIs(t, cp, first) == "system:bootstrap:"+first[:6] })
	now = now.Add(4 * time.Minute)
	if admit() != first {
		t.Error("a token with 11 minutes left was renewed")
	}
	now = now.Add(2 * time.Minute)
	second := admit()
	if second == first {
		t.Error("a token with 9 minutes left was not renewed")
	}
	if whoIs(t, cp, first) == "" {
		t.Error("the first token was ended while nodes may be joining with it")
	}
	if err := k.RotateTokens(t.Context()); err != nil {
		t.Fatal(err)
	}
	third := get(t, cp.Parameters, controlPlaneJoin)
	for _, token := range []string{first, second} {
		eventually(t, "the end of an old token", func(context.Context) bool { return whoIs(t, cp, token) == "" })
	}
	if err := k.Dismiss(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the wave's token", func(context.Context) bool { return whoIs(t, cp, third) == "" })
	if get(t, cp.Parameters, controlPlaneJoin) != "" || get(t, cp.Parameters, workerJoin) != "" {
		t.Error("after the wave something to join with is left")
	}
	if _, err := cp.Client.CoreV1().Secrets("kube-system").Get(t.Context(), "bootstrap-token-aaaaaa", metav1.GetOptions{}); err != nil {
		t.Errorf("somebody else's token: %v", err)
	}
	if _, err := cp.Client.CoreV1().Secrets("kube-system").Get(t.Context(), "bootstrap-token-bbbbbb", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the first node's token: %v", err)
	}
	if err := k.RotateTokens(t.Context()); err != nil || get(t, cp.Parameters, workerJoin) != "" {
		t.Errorf("rotating while nobody joins made a token: %v", err)
	}
}

// Its API answers a moment before the first node makes it accept the token: no other is made beside it.
func TestTheFirstNodesTokenIsKeptWhileItInitialises(t *testing.T) {
	t.Parallel()
	cp := controlplane.New(t, controlplane.Options{WithoutControllers: true})
	p := own(t, cp)
	const token = "abcdef.0123456789abcdef"
	for _, name := range []string{controlPlaneJoin, workerJoin} {
		if err := p.Put(t.Context(), name, token); err != nil {
			t.Fatal(err)
		}
	}
	k, err := client.Orchestrator{}.Connect(t.Context(), orchestrator.Cluster{Address: "cluster.lab", Hosts: []string{cp.Host}}, p)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	for _, tt := range []struct {
		initialised bool
		kept        bool
	}{{false, true}, {true, false}} {
		if tt.initialised {
			if err := p.Put(t.Context(), "control-plane/initialised", "now"); err != nil {
				t.Fatal(err)
			}
		}
		if err := k.Admit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if kept := get(t, p, workerJoin) == token; kept != tt.kept {
			t.Errorf("initialised %v: the token was kept: %v", tt.initialised, kept)
		}
	}
}

// whoIs is the user that the API takes a token's bearer for, "" for nobody. The API learns of new and of deleted
// tokens a moment later.
func whoIs(t *testing.T, cp *controlplane.ControlPlane, token string) (user string) {
	t.Helper()
	config := rest.AnonymousClientConfig(cp.Config)
	config.BearerToken = token
	api, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	// A bearer of a bootstrap token may do little; what it may not do is refused by name.
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		_, err = api.CoreV1().Secrets("default").Get(t.Context(), "x", metav1.GetOptions{})
		if apierrors.IsForbidden(err) {
			_, user, _ = strings.Cut(err.Error(), `User "`)
			user, _, _ = strings.Cut(user, `"`)
			return user
		}
		if apierrors.IsUnauthorized(err) {
			return ""
		}
	}
	t.Fatalf("the API says of a token's bearer: %v", err)
	return ""
}
