package aws

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// moto starts an independent implementation of the AWS APIs on a free port and returns a Cloud on it.
func moto(t *testing.T) *Cloud {
	t.Helper()
	path, err := exec.LookPath("moto_server")
	if err != nil {
		if os.Getenv("CLUSTERFORM_REQUIRE_MOTO") == "1" {
			t.Fatal("CLUSTERFORM_REQUIRE_MOTO is set, and moto_server is not on the PATH")
		}
		t.Skip("moto_server is not on the PATH (pip install 'moto[server]')")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	cmd := exec.Command(path, "-H", "127.0.0.1", "-p", fmt.Sprint(addr.Port))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	url := "http://" + addr.String()
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		resp, err := http.Get(url + "/moto-api/")
		if err == nil {
			resp.Body.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatalf("moto_server does not answer: %v", err)
		}
	}
	return New(Options{Endpoint: url, Keys: &Keys{AccessKeyID: "test", SecretAccessKey: "test"}, ConsistencyWindow: 3 * time.Second})
}
