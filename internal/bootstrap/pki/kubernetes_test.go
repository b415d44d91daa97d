package pki_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
)

func credentials(t *testing.T) map[string]string {
	t.Helper()
	p, err := pki.KubernetesCredentials(now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestKubernetesCredentials(t *testing.T) {
	t.Parallel()
	p := credentials(t)
	want := []string{
		pki.ControlPlaneCA, pki.KubernetesCluster, pki.KubernetesEtcd, pki.KubernetesFrontProxy, pki.KubernetesServiceAccount, pki.WorkerCA,
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(p)); !slices.Equal(got, want) {
		t.Errorf("parameters %q, want %q", got, want)
	}
	for name, value := range p {
		if strings.HasPrefix(name, "worker/") && strings.Contains(value, "PRIVATE KEY") {
			t.Errorf("workers are given a private key in %s", name)
		}
	}
	if key := p[pki.KubernetesServiceAccount]; !strings.Contains(key, "BEGIN EC PRIVATE KEY") || !strings.Contains(key, "BEGIN PUBLIC KEY") {
		t.Error("the service accounts' key is not both, private and public")
	}
}

func TestDescribeKubernetes(t *testing.T) {
	t.Parallel()
	other := credentials(t)
	for _, c := range []struct {
		name    string
		change  func(map[string]string)
		derived []string
		err     string
	}{
		{"whole", func(map[string]string) {}, nil, ""},
		{"a worker's copy is missing", func(p map[string]string) { delete(p, pki.WorkerCA) }, []string{pki.WorkerCA}, ""},
		{"a copy is another authority's", func(p map[string]string) { p[pki.ControlPlaneCA] = other[pki.ControlPlaneCA] }, []string{pki.ControlPlaneCA}, ""},
		{"etcd's authority is missing", func(p map[string]string) { delete(p, pki.KubernetesEtcd) }, nil, "control-plane/pki/etcd is missing"},
		{"the service accounts' key is missing", func(p map[string]string) { delete(p, pki.KubernetesServiceAccount) }, nil, "service-account is missing"},
		{"the authority is damaged", func(p map[string]string) { p[pki.KubernetesCluster] = "x" }, nil, "control-plane/pki/cluster cannot be used"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := credentials(t)
			whole := p[pki.WorkerCA]
			c.change(p)
			ca, expires, derived, err := pki.DescribeKubernetes(p)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if ca != whole {
				t.Error("it describes another certificate")
			}
			if want := now.Add(10 * 365 * 24 * time.Hour); !expires.Equal(want) {
				t.Errorf("the end is %s, want %s", expires, want)
			}
			if got := slices.Sorted(maps.Keys(derived)); !slices.Equal(got, c.derived) {
				t.Errorf("derived %q, want %q", got, c.derived)
			}
			for name, value := range derived {
				if value != whole {
					t.Errorf("%s is derived as something else", name)
				}
			}
		})
	}
}
