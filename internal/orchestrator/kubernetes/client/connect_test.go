package client_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/client"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
)

func TestTheFirstAddressThatIsTheClusterIsUsed(t *testing.T) {
	t.Parallel()
	cp := plane.Get(t)
	// Nobody listens at the first; the second is another cluster.
	other := controlplane.New(t, controlplane.Options{WithoutControllers: true})
	k := connect(t, cp, "127.0.0.254", other.Host)
	if err := k.Healthy(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, err := k.Version(t.Context())
	if err != nil || v != cp.Version {
		t.Errorf("version %q, %v; want %s", v, err, cp.Version)
	}
	if ns, err := k.API().CoreV1().Namespaces().Get(t.Context(), metav1.NamespaceSystem, metav1.GetOptions{}); err != nil || ns.Name == "" {
		t.Errorf("kube-system: %v", err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	values, err := pki.KubernetesCredentials(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	dial := func(hosts ...string) error {
		k, err := client.Orchestrator{}.Connect(t.Context(), orchestrator.Cluster{Address: "cluster.lab", UID: "u1", Hosts: hosts}, controlplane.NewParameters(values))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = k.Close() }()
		return k.Healthy(t.Context())
	}
	for name, c := range map[string]struct {
		hosts []string
		want  []string
	}{
		"no address is known yet": {nil, []string{"cluster.lab", "no address yet"}},
		"each is listed, with a way out": {
			[]string{"127.0.0.253", "127.0.0.254"},
			[]string{"cluster.lab", "127.0.0.253:6443: connection refused", "127.0.0.254:6443: connection refused", "control_plane.access"},
		},
		"another cluster answers": {[]string{plane.Get(t).Host}, []string{"is not this cluster"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := dial(c.hosts...)
			if !errors.Is(err, orchestrator.ErrUnreachable) {
				t.Fatalf("error %v is not ErrUnreachable", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

func TestConnectNeedsTheClustersAuthority(t *testing.T) {
	t.Parallel()
	cluster := orchestrator.Cluster{Address: "cluster.lab", UID: "u1"}
	for name, c := range map[string]struct{ values map[string]string }{
		"missing":     {map[string]string{}},
		"not a key":   {map[string]string{pki.KubernetesCluster: "SECRET-MARKER"}},
		"half a pair": {map[string]string{pki.KubernetesCluster: "-----BEGIN CERTIFICATE-----\nSECRETMARKER\n-----END CERTIFICATE-----\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := client.Orchestrator{}.Connect(t.Context(), cluster, controlplane.NewParameters(c.values))
			if err == nil || !strings.Contains(err.Error(), "/clusterform/u1/control-plane/pki/cluster") {
				t.Errorf("error %v does not name the parameter", err)
			}
			if err != nil && strings.Contains(err.Error(), "MARKER") {
				t.Errorf("error %q shows the value", err)
			}
		})
	}
}

func TestACertificateIsRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	now := time.Now()
	values, err := pki.KubernetesCredentials(now)
	if err != nil {
		t.Fatal(err)
	}
	host, seen := certificateRecorder(t, values[pki.KubernetesCluster])
	o := client.Orchestrator{Now: func() time.Time { return now }}
	k, err := o.Client(t.Context(), orchestrator.Cluster{Address: "cluster.lab", Hosts: []string{host}}, controlplane.NewParameters(values))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	for _, at := range []time.Duration{0, 45 * time.Minute, 55 * time.Minute} {
		now = now.Truncate(0).Add(at)
		if err := k.Healthy(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(-at)
	}
	if s := seen(); s[0] != s[1] || s[1] == s[2] {
		t.Errorf("serial numbers at 0, 45 and 55 minutes of an hour: %v; want the same, then another", s)
	}
}

// certificateRecorder is an API server that keeps the serial numbers of the certificates it is called with.
func certificateRecorder(t *testing.T, bundle string) (host string, seen func() []string) {
	t.Helper()
	var mu sync.Mutex
	var serials []string
	host = played(t, bundle, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		serials = append(serials, r.TLS.PeerCertificates[0].SerialNumber.String())
	})
	return host, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return serials
	}
}

// played is an API server of a cluster, at an address of its own.
func played(t *testing.T, bundle string, answer http.HandlerFunc) (host string) {
	t.Helper()
	host, _ = playedUntil(t, bundle, answer)
	return host
}

// playedUntil is played, with what makes it refuse connections.
func playedUntil(t *testing.T, bundle string, answer http.HandlerFunc) (host string, stop func()) {
	t.Helper()
	authority, err := pki.ParseAuthority(bundle)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.IssueServer(pki.Server{CommonName: "api", Names: []string{"kubernetes"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(answer)
	host = controlplane.FreeHost()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "6443"))
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Listener.Close()
	server.Listener = listener
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate},
		ClientAuth: tls.RequireAnyClientCert, // its clock is not the client's
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return host, server.Close
}

// An address that leads elsewhere now keeps nobody waiting: what only reads is asked again, the rest is up to the caller.
func TestCallsOnForgottenConnectionsEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		call func(*client.Client) error
		fine bool
	}{
		{"a question is asked again", func(k *client.Client) error { return k.Healthy(t.Context()) }, true},
		{"a change fails at once", func(k *client.Client) error {
			_, err := k.API().CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{}, metav1.CreateOptions{})
			return err
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			values, err := pki.KubernetesCredentials(time.Now())
			if err != nil {
				t.Fatal(err)
			}
			asked := make(chan struct{}, 10)
			var once sync.Once
			host := played(t, values[pki.KubernetesCluster], func(_ http.ResponseWriter, r *http.Request) {
				asked <- struct{}{}
				once.Do(func() { <-r.Context().Done() }) // the first never gets an answer
			})
			k, err := client.Orchestrator{}.Client(t.Context(), orchestrator.Cluster{Address: "cluster.lab", Hosts: []string{host}}, controlplane.NewParameters(values))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = k.Close() }()
			done := make(chan error, 1)
			go func() { done <- tt.call(k) }()
			<-asked
			k.Forget()
			if err := <-done; (err == nil) != tt.fine {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// An address that was given up may seem to answer for a moment still: it is not asked again as long as another answers.
func TestAForgottenAddressComesLast(t *testing.T) {
	t.Parallel()
	values, err := pki.KubernetesCredentials(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 10)
	api := func(name string) (host string, stop func()) {
		return playedUntil(t, values[pki.KubernetesCluster], func(http.ResponseWriter, *http.Request) { asked <- name })
	}
	old, _ := api("old")
	elastic, stop := api("elastic")
	k, err := client.Orchestrator{}.Client(t.Context(), orchestrator.Cluster{Address: "cluster.lab", Hosts: []string{old, elastic}}, controlplane.NewParameters(values))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	for _, step := range []struct {
		does func()
		want string
	}{{func() {}, "old"}, {k.Forget, "elastic"}, {func() {}, "elastic"}, {stop, "old"}} {
		step.does()
		if err := k.Healthy(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := <-asked; got != step.want {
			t.Errorf("the %s address was asked, not the %s one", got, step.want)
		}
	}
}

func TestTheAPIComesBack(t *testing.T) {
	t.Parallel()
	cp := controlplane.New(t, controlplane.Options{WithoutControllers: true})
	k := connect(t, cp)
	if err := k.Healthy(t.Context()); err != nil {
		t.Fatal(err)
	}
	cp.StopAPI()
	if err := k.Healthy(t.Context()); !errors.Is(err, orchestrator.ErrUnreachable) {
		t.Errorf("error %v while the API is away", err)
	}
	if err := cp.StartAPI(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := k.Healthy(t.Context()); err != nil {
		t.Errorf("the API is back, but: %v", err)
	}
}

func TestAKubeconfigWorks(t *testing.T) {
	t.Parallel()
	cp := plane.Get(t)
	k := connect(t, cp)
	for name, server := range map[string]string{"found": "", "given": "https://" + cp.Host} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := k.Kubeconfig(t.Context(), "lab", server, 10*time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			config, err := clientcmd.RESTConfigFromKubeConfig(data)
			if err != nil {
				t.Fatal(err)
			}
			api, err := kubernetes.NewForConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := api.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}); err != nil {
				t.Error(err)
			}
			expires, err := pki.ExpiresAt(string(config.CertData))
			if err != nil || time.Until(expires) > 10*time.Minute {
				t.Errorf("the certificate ends at %s, %v", expires, err)
			}
		})
	}
	if _, err := k.Kubeconfig(t.Context(), "lab", "http://x", 0); err == nil {
		t.Error("an address without TLS was taken")
	}
}

func TestCertificatesAreListed(t *testing.T) {
	t.Parallel()
	cp := plane.Get(t)
	list, err := connect(t, cp).Certificates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 4 || !strings.Contains(list[3].Name, cp.Host) || time.Until(list[3].ExpiresAt) > 25*time.Hour {
		t.Errorf("certificates %+v", list)
	}
}

func TestOtherClientsUseItsConnections(t *testing.T) {
	t.Parallel()
	k := connect(t, plane.Get(t), "127.0.0.254")
	config := k.RESTConfig()
	config.UserAgent = "test"
	api, err := kubernetes.NewForConfigAndClient(config, &http.Client{Transport: config.Transport})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Error(err)
	}
}
