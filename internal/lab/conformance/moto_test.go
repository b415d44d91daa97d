package conformance

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/clusterform/clusterform/internal/lab/api"
)

const region = "us-east-1"

// missing skips a test for lack of a program, or fails it where CI promises to have it.
func missing(t *testing.T, what string, err error) {
	t.Helper()
	if os.Getenv("CLUSTERFORM_REQUIRE_MOTO") == "1" {
		t.Fatalf("%s is required (CLUSTERFORM_REQUIRE_MOTO=1): %v", what, err)
	}
	t.Skipf("%s is not installed (%v); CLUSTERFORM_REQUIRE_MOTO=1 makes this a failure", what, err)
}

// startMoto runs moto_server on a free port of the loopback interface until the test ends.
func startMoto(t *testing.T) (url string) {
	t.Helper()
	path, err := exec.LookPath("moto_server")
	if err != nil {
		missing(t, "moto_server", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	logFile, err := os.CreateTemp(t.TempDir(), "moto")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-H", "127.0.0.1", "-p", strconv.Itoa(port))
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		missing(t, "moto_server", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended already
		<-ended
		logFile.Close()
	})
	url = fmt.Sprintf("http://127.0.0.1:%d", port)
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			text, _ := os.ReadFile(logFile.Name())
			missing(t, "a moto_server that starts", fmt.Errorf("%w: %s", err, text))
		default:
		}
		resp, err := http.Get(url + "/moto-api/")
		if err == nil {
			resp.Body.Close()
			return url
		}
	}
	t.Fatalf("moto_server does not answer at %s after a minute", url)
	return ""
}

// world is one implementation under test and what the steps made in it.
type world struct {
	name string
	ec2  *ec2.Client
	elb  *elb.Client
	iam  *iam.Client
	ssm  *ssm.Client
	sts  *sts.Client
	ids  map[string]string
}

func newWorld(name, url string, c *http.Client, key api.Key) *world {
	cfg := aws.Config{
		Region: region, Credentials: credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, ""), BaseEndpoint: &url, HTTPClient: c,
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	return &world{name, ec2.NewFromConfig(cfg), elb.NewFromConfig(cfg), iam.NewFromConfig(cfg), ssm.NewFromConfig(cfg), sts.NewFromConfig(cfg), map[string]string{}}
}

func labWorld(t *testing.T) *world {
	t.Helper()
	s, err := api.New(api.Options{Region: region, AccountID: "123456789012", Seed: 1, Faults: api.Faults{Boot: &api.Range{}, Shutdown: &api.Range{}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return newWorld("lab", "http://lab", &http.Client{Transport: s.Transport()}, s.Keys()[0])
}

// step is one call; it may note ids in the world for later ones.
type step struct {
	name string
	do   func(ctx context.Context, w *world) (any, error)
}

func TestSameShapeAsMoto(t *testing.T) {
	url := startMoto(t)
	lab := labWorld(t)
	moto := newWorld("moto", url, http.DefaultClient, api.Key{AccessKeyID: "test", SecretAccessKey: "test"})
	found := map[string]bool{}
	for _, s := range steps() {
		a, aerr := s.do(t.Context(), lab)
		b, berr := s.do(t.Context(), moto)
		for _, d := range compare(a, aerr, b, berr) {
			if i := expected(s.name, d); i >= 0 {
				found[differences()[i].key()] = true
				continue
			}
			t.Errorf("%s: %s (lab: %v; moto: %v)", s.name, d, aerr, berr)
		}
	}
	for _, d := range differences() {
		if !found[d.key()] {
			t.Errorf("the listed difference %q no longer exists; remove it from differences_test.go", d.key())
		}
	}
}
