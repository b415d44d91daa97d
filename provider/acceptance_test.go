package provider_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/clusterform/clusterform/internal/lab/api"
	planned "github.com/clusterform/clusterform/planner/resource"
	"github.com/clusterform/clusterform/provider"
)

const (
	testKeyID  = "AKIDTERRAFORMTESTS"
	testSecret = "terraform-secret-key"
	testRegion = "us-east-1"
)

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) == "1" {
		serve()
		return
	}
	path, err := exec.LookPath("terraform")
	switch {
	case err == nil:
		os.Setenv("TF_ACC_TERRAFORM_PATH", path)
	case os.Getenv("CLUSTERFORM_REQUIRE_TERRAFORM") == "1":
		fmt.Fprintln(os.Stderr, "terraform is required here (CLUSTERFORM_REQUIRE_TERRAFORM=1) and not on the PATH")
		os.Exit(1)
	}
	os.Setenv("CLUSTERFORM_CONSISTENCY_WINDOW", "3s")
	os.Setenv("CHECKPOINT_DISABLE", "1")
	os.Exit(m.Run())
}

// quick boots instances at once.
var quick = api.Faults{Boot: &api.Range{Max: api.Duration(10 * time.Millisecond)}, Shutdown: &api.Range{Max: api.Duration(10 * time.Millisecond)}}

// pins are what nodes would download. Without machines nobody does.
func pins() planned.Software {
	s := planned.Software{Origin: "lab", Registry: "http://registry.lab:5000"}
	for _, name := range []string{"kubeadm", "kubelet", "kubectl", "cni-plugins"} {
		s.Files = append(s.Files, planned.SoftwareFile{Name: name, URL: "http://bundle.lab/" + name, SHA256: strings.Repeat("0", 64), Kind: "binary"})
	}
	return s
}

// lab is an endpoint without machines, and the provider configuration that talks to it.
type lab struct {
	*api.Server
	url, stateDir string

	mu sync.Mutex
	// intercept may answer a call in the lab's place.
	intercept func(action string, w http.ResponseWriter) bool
	// answered is told of calls that took effect, before their answer leaves; what it returns is sent instead.
	answered func(action string, body []byte) []byte
	// rewrite changes all answers, and is set before the first call.
	rewrite func(body []byte) []byte
}

// startLab is a lab of which nothing may be left at the end.
func startLab(t *testing.T) *lab {
	t.Helper()
	t.Parallel()
	l := startLabOnly(t)
	t.Cleanup(func() {
		if !t.Failed() {
			l.nothingLeft(t)
		}
	})
	return l
}

func startLabOnly(t *testing.T) *lab {
	t.Helper()
	return startLabWith(t, api.Options{})
}

// startLabWith is startLabOnly with machines, or with a directory.
func startLabWith(t *testing.T, o api.Options) *lab {
	t.Helper()
	software, err := json.Marshal(pins())
	if err != nil {
		t.Fatal(err)
	}
	o.Region, o.Keys, o.Seed, o.Faults = testRegion, []api.Key{{AccessKeyID: testKeyID, SecretAccessKey: testSecret}}, 1, quick
	o.PublicParameters = map[string]string{"/aws/service/clusterform/kubernetes/1.34.4": string(software), "/aws/service/clusterform/kubernetes/1.33.13": string(software)}
	server, err := api.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	l := &lab{Server: server, stateDir: filepath.Join(t.TempDir(), "state")}
	listener := httptest.NewServer(l)
	t.Cleanup(listener.Close)
	l.url = listener.URL
	return l
}

// ServeHTTP is the endpoint, with whoever interferes.
func (l *lab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	action := actionOf(r)
	l.mu.Lock()
	intercept, answered := l.intercept, l.answered
	l.mu.Unlock()
	if intercept != nil && intercept(action, w) {
		return
	}
	if answered == nil && l.rewrite == nil {
		l.Server.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	l.Server.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	if answered != nil {
		body = answered(action, body)
	}
	if l.rewrite != nil {
		body = l.rewrite(body)
	}
	maps.Copy(w.Header(), answer.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
}

// provider is a provider block for the lab.
func (l *lab) provider() string {
	return fmt.Sprintf(`
provider "clusterform" {
  region       = %q
  endpoint_url = %q
  access_key   = %q
  secret_key   = %q
  state_dir    = %q
  wait         = "launched"
}
`, testRegion, l.url, testKeyID, testSecret, l.stateDir)
}

func (l *lab) config(text string) string { return l.provider() + text }

func factories() map[string]func() (tfprotov6.ProviderServer, error) {
	return map[string]func() (tfprotov6.ProviderServer, error){
		"clusterform": providerserver.NewProtocol6WithError(provider.New("0.1.0")()),
	}
}

// acceptance runs a test case with the real terraform; without one it skips, unless CI demands it (see TestMain).
func acceptance(t *testing.T, steps ...resource.TestStep) {
	t.Helper()
	if os.Getenv("TF_ACC_TERRAFORM_PATH") == "" {
		t.Skip("terraform is not on the PATH")
	}
	resource.UnitTest(t, resource.TestCase{ProtoV6ProviderFactories: factories(), Steps: steps})
}

// actionOf reads the action of a request and leaves its body in place.
func actionOf(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return ""
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return ""
	}
	return form.Get("Action")
}
