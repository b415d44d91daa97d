package userdata_test

import (
	"context"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
)

// A control-plane node renews what kubeadm has signed before it ends, and restarts what reads it, one after another.
func TestCertificatesAreRenewed(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	whole := []string{
		"kubeadm certs renew all", "stop etcd-1", "stop kube-apiserver-1", "stop kube-controller-manager-1", "stop kube-scheduler-1",
		"say ready certificates renewed until",
	}
	for _, c := range []struct {
		name        string
		left        time.Duration // of the certificates in pki
		kubeconfig  time.Duration // of the one in admin.conf; zero is the same
		broken      string        // programs that fail
		interrupted bool
		arguments   []string
		want        []string
	}{
		{name: "with months left nothing happens", left: 200 * day},
		{name: "weeks before the end", left: 60 * day, want: whole},
		{name: "only a kubeconfig ends", left: 200 * day, kubeconfig: 60 * day, want: whole},
		{name: "another time before the end", left: 200 * day, arguments: []string{"201"}, want: whole},
		{name: "a restart that failed is made up for", left: 364 * day, interrupted: true, want: whole},
		{name: "a node that is not well is left alone", left: 60 * day, broken: "well", want: []string{"say certificates they end soon, and the API or etcd of this node is not well; the next try is tomorrow"}},
		{name: "unless it cannot be well", left: -day, broken: "well until renewed", want: whole},
		{name: "kubeadm fails", left: 60 * day, broken: "kubeadm", want: []string{"kubeadm certs renew all", "say certificates not renewed: no key"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if c.kubeconfig == 0 {
				c.kubeconfig = c.left
			}
			layCertificates(t, dir, c.left, c.kubeconfig)
			if c.interrupted {
				lay(t, dir, "kubernetes/pki/renewed", "", 0o600)
			}
			err := renew(t, dir, c.broken, c.arguments...)
			failed := len(c.want) > 0 && !cmp.Equal(c.want, whole)
			if failed != (err != nil) {
				t.Errorf("it ended with %v", err)
			}
			record, _ := os.ReadFile(filepath.Join(dir, "record")) // none when nothing was done
			var got []string
			for line := range strings.Lines(string(record)) {
				line, _, _ = strings.Cut(strings.TrimSpace(line), " until ")
				got = append(got, strings.Replace(line, "certificates renewed", "certificates renewed until", 1))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, err := os.Stat(filepath.Join(dir, "kubernetes/pki/renewed")); err == nil {
				t.Error("it will restart everything again tomorrow")
			}
		})
	}
}

func lay(t *testing.T, dir, name, text string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// layCertificates writes what kubeadm makes, as far as it counts here. The authorities' end does not.
func layCertificates(t *testing.T, dir string, left, kubeconfig time.Duration) {
	t.Helper()
	ended := must(pki.NewAuthority("kubernetes", 0, time.Now().Add(-3650*24*time.Hour+time.Hour)))(t)
	authority := must(pki.NewAuthority("kubernetes", 0, time.Now().Add(-2*pki.ServerValidity)))(t)
	issue := func(left time.Duration) string {
		pair := must(authority.IssueServer(pki.Server{CommonName: "api", Names: []string{"kubernetes"}}, time.Now().Add(left-pki.ServerValidity)))(t)
		return string(pair.Certificate)
	}
	for _, name := range []string{"ca", "front-proxy-ca", "etcd/ca"} {
		lay(t, dir, "kubernetes/pki/"+name+".crt", ended.CertificatePEM(), 0o644)
	}
	for _, name := range []string{"apiserver", "etcd/server"} {
		lay(t, dir, "kubernetes/pki/"+name+".crt", issue(left), 0o644)
	}
	lay(t, dir, "kubernetes/admin.conf", "users:\n- user:\n    client-certificate-data: "+base64.StdEncoding.EncodeToString([]byte(issue(kubeconfig)))+"\n", 0o600)
	lay(t, dir, "kubernetes/kubelet.conf", "users:\n- user:\n    client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem\n", 0o600)
}

// renew runs the program with stand-ins for what it asks, which keep a record. Each container that is stopped is
// followed by another.
func renew(t *testing.T, dir, broken string, arguments ...string) error {
	t.Helper()
	record := filepath.Join(dir, "record")
	program, err := os.ReadFile("certificates.sh")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(
		"/etc/kubernetes", filepath.Join(dir, "kubernetes"), "/usr/local/lib/clusterform/cf", filepath.Join(dir, "bin/cf"),
		"/var/log/clusterform.log", filepath.Join(dir, "log"),
	).Replace(string(program))
	lay(t, dir, "certificates", text, 0o755)
	lay(t, dir, "bin/cf", `#!/bin/bash
[ "$1" != say ] || echo "$*" >>`+record+`
[ "$1 $BROKEN" != "well well" ] || exit 1
[ "$1 $BROKEN" != "well well until renewed" ] || grep -q kubeadm `+record+`
`, 0o755)
	lay(t, dir, "bin/kubeadm", `#!/bin/bash
echo "kubeadm $*" >>`+record+`
[ "$BROKEN" != kubeadm ] || { echo "no key" >&2; exit 1; }
`, 0o755)
	// Two kinds of calls: list the containers that a filter names, stop one.
	lay(t, dir, "bin/ctr", `#!/bin/bash
all=$*
case $all in
*"containers ls"*)
  name=${all##*container.name\"==}
  [[ $all == *"pod.name\"==$name-i-1,"* ]] || exit 1
  for n in $(seq $(($(grep -c "stop $name-" `+record+` 2>/dev/null) + 1))); do echo "$name-$n"; done ;;
*"tasks kill"*) echo "stop ${all##* }" >>`+record+` ;;
esac
`, 0o755)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "certificates"), arguments...)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "INSTANCE=i-1", "BROKEN="+broken)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if len(out) > 0 {
		t.Logf("it says: %s", out)
	}
	return err
}
