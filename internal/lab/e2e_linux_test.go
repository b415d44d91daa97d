package lab_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/clusterform/clusterform/internal/lab/machine/hostcheck"
)

// userData serves on two ports, and says that it is through.
const userData = `#!/bin/sh
cd /root && echo "$(hostname)" >index.html
for port in 80 81; do setsid python3 -m http.server $port >/dev/null 2>&1 & done
until curl -s -o /dev/null localhost:80 && curl -s -o /dev/null localhost:81; do sleep 0.1; done
echo "user-data is through on $(hostname)"
`

// story is the lab with three machines: web in the first subnet, open to all on port 80, and two nodes in both subnets,
// open to one another.
type story struct {
	*lab
	cloud           *cloud
	site            *site
	web, near, far  string // instances
	webAddr, public string
	nearAddr        string
	farAddr         string
}

// TestLab boots machines through the AWS SDK and takes them through their life. Its parts build on one another.
func TestLab(t *testing.T) {
	needMachines(t)
	hostcheck.Guard(t)
	s := &story{lab: newLab(t, "story")}
	up := time.Now()
	t.Log(s.run("up"))
	s.cloud = s.lab.cloud()
	s.launch(t, up)
	t.Run("machines reach one another as the groups allow", s.reachability)
	t.Run("metadata", s.metadata)
	t.Run("role credentials", s.roleCredentials)
	t.Run("the same endpoint inside", s.sameEndpoint)
	t.Run("registry and artifacts", s.registry)
	t.Run("load balancer", s.balancer)
	t.Run("stop and start keep the disk", s.stopStart)
	t.Run("power loss", s.powerLoss)
	t.Run("powered off from inside", s.powerOff)
	t.Run("nothing secret is seen", s.secrets)
	t.Run("a killed lab is taken over", s.takeOver)
	t.Run("down and up", s.downUp)
	t.Run("terminate", s.terminate)
	if t.Failed() {
		return // the log is still wanted
	}
	s.run("down", "-purge")
	if _, err := os.Stat(s.dir()); err == nil {
		t.Error("the lab's directory is still there after -purge")
	}
	if r := s.try("status"); r.code != 1 || !strings.Contains(r.stderr, "not running") {
		t.Errorf("status after the end: %s", r)
	}
}

func (s *story) launch(t *testing.T, up time.Time) {
	ctx := t.Context()
	s.site = s.cloud.build(ctx)
	s.web = s.cloud.launch(ctx, s.site, "web", s.site.subnets[0], s.site.web, userData)
	s.near = s.cloud.launch(ctx, s.site, "near", s.site.subnets[0], s.site.node, userData)
	s.far = s.cloud.launch(ctx, s.site, "far", s.site.subnets[1], s.site.node, userData)
	ids := []string{s.web, s.near, s.far}
	if err := ec2.NewInstanceRunningWaiter(s.cloud.ec2, fast).Wait(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids}, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		eventually(t, "user-data on "+id, 2*time.Minute, func() bool {
			return strings.Contains(s.cloud.console(ctx, id), "user-data is through on ip-10-77-")
		})
	}
	t.Logf("from lab up to three machines whose user-data is through: %.1f s", time.Since(up).Seconds())
	web := s.cloud.describe(ctx, s.web)
	s.webAddr, s.public = *web.PrivateIpAddress, *web.PublicIpAddress
	s.nearAddr = *s.cloud.describe(ctx, s.near).PrivateIpAddress
	s.farAddr = *s.cloud.describe(ctx, s.far).PrivateIpAddress
}

// fast makes a waiter look often.
func fast(o *ec2.InstanceRunningWaiterOptions) {
	o.MinDelay, o.MaxDelay = 200*time.Millisecond, time.Second
}

func (s *story) reachability(t *testing.T) {
	for _, c := range []struct {
		from, node, to string
		port           int
		want           bool
	}{
		{"near", s.near, s.webAddr, 80, true},
		{"far", s.far, s.webAddr, 80, true},
		{"far", s.far, s.webAddr, 81, false},
		{"near", s.near, s.farAddr, 81, true},
		{"far", s.far, s.nearAddr, 81, true},
		{"web", s.web, s.nearAddr, 80, false},
		{"web", s.web, s.farAddr, 81, false},
		{"far", s.far, s.public, 80, true},
	} {
		_, code := s.sh(c.node, fmt.Sprintf("curl -sf -o /dev/null --connect-timeout 2 http://%s:%d/", c.to, c.port))
		if (code == 0) != c.want {
			t.Errorf("%s to %s port %d: curl ended with %d, want connection: %v", c.from, c.to, c.port, code, c.want)
		}
	}
	near := s.cloud.describe(t.Context(), s.near)
	for _, c := range []struct {
		address string
		want    bool
	}{
		{s.public + ":80", true}, {s.public + ":81", false}, {s.webAddr + ":80", true},
		{*near.PublicIpAddress + ":80", false}, {s.nearAddr + ":80", false},
	} {
		if got := connects(c.address); got != c.want {
			t.Errorf("the host to %s: %v, want %v", c.address, got, c.want)
		}
	}
}

const token = `T=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
imds() { curl -sf -H "X-aws-ec2-metadata-token: $T" "http://169.254.169.254/latest/$1"; }
`

func (s *story) metadata(t *testing.T) {
	out, code := s.sh(s.web, token+`imds meta-data/instance-id; echo; imds meta-data/public-ipv4; echo; imds user-data | head -1
curl -s -o /dev/null -w '%{http_code}' http://169.254.169.254/latest/meta-data/instance-id`)
	if want := s.web + "\n" + s.public + "\n#!/bin/sh\n401"; code != 0 || out != want {
		t.Errorf("metadata says %q (%d), want %q", out, code, want)
	}
	for _, address := range []string{"10.77.0.1:80", "10.77.0.2:80"} {
		if connects(address) {
			t.Errorf("something answers the host at %s", address)
		}
	}
	// What answers the host at the link-local address, if anything does, is not the lab.
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{}}
	if answer, err := client.Get("http://169.254.169.254/latest/meta-data/instance-id"); err == nil {
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.Header.Get("Server") == "EC2ws" && strings.HasPrefix(string(body), "i-") {
			t.Errorf("the metadata service answers the host: %s", body)
		}
	}
}

func (s *story) roleCredentials(t *testing.T) {
	ctx := t.Context()
	for _, name := range []string{ownParameter, notOwn} {
		must(s.cloud.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: new("value of " + name), Type: ssmtypes.ParameterTypeSecureString}))(t)
	}
	out, code := s.sh(s.near, token+`imds "meta-data/iam/security-credentials/`+s.site.role+`"`)
	var key struct{ AccessKeyID, SecretAccessKey, Token string }
	if err := json.Unmarshal([]byte(out), &key); err != nil || code != 0 {
		t.Fatalf("role credentials: %v (%d)", err, code)
	}
	node := connect(s.cloud.endpoint, "us-east-1", key.AccessKeyID, key.SecretAccessKey, key.Token)
	own, err := node.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new(ownParameter), WithDecryption: new(true)})
	if err != nil || *own.Parameter.Value != "value of "+ownParameter {
		t.Errorf("its own parameter: %v, %v", own, err)
	}
	_, err = node.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new(notOwn), WithDecryption: new(true)})
	if refused, ok := errors.AsType[smithy.APIError](err); !ok || refused.ErrorCode() != "AccessDeniedException" {
		t.Errorf("another parameter: %v, want AccessDeniedException", err)
	}
}

func (s *story) sameEndpoint(t *testing.T) {
	out, code := s.sh(s.far, "curl -s '"+s.cloud.endpoint+"/?Action=DescribeVpcs&Version=2016-11-15'")
	if code != 0 || !strings.Contains(out, "MissingAuthenticationToken") && !strings.Contains(out, "AuthFailure") {
		t.Errorf("%s from a machine: %d %q, want AWS's refusal of an unsigned call", s.cloud.endpoint, code, out)
	}
	if out, _ := s.sh(s.far, "curl -s -o /dev/null -w '%{http_code}' "+s.cloud.endpoint+"/_lab/machines"); out != "401" {
		t.Errorf("the control endpoint answers a machine without the token: %s", out)
	}
}

func (s *story) registry(t *testing.T) {
	if err := os.WriteFile(filepath.Join(s.dir(), "artifacts", "bundle.txt"), []byte("a bundle"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _ := s.sh(s.near, "curl -sf http://artifacts.lab:5080/bundle.txt"); out != "a bundle" {
		t.Errorf("artifact: %q", out)
	}
	for _, node := range []string{s.near, s.far} {
		r := s.try("exec", node, "--", "sh", "-ec", `systemctl start containerd
ctr images pull --hosts-dir /etc/containerd/certs.d registry.lab:5000/hello:1 >/dev/null
ctr run --detach --net-host registry.lab:5000/hello:1 hello >/dev/null
for i in $(seq 100); do curl -sf http://localhost:8080/healthz && exit; sleep 0.1; done; exit 1`)
		if r.code != 0 || r.stdout != "ok\n" {
			t.Fatalf("the sample in containerd: %s", r)
		}
	}
	out, _ := s.sh(s.near, "curl -s 'http://localhost:8080/?get=http://"+s.farAddr+":8080/'")
	if !strings.Contains(out, "hello from "+hostName(s.farAddr)) {
		t.Errorf("one sample asked the other: %q", out)
	}
}

func hostName(addr string) string { return "ip-" + strings.ReplaceAll(addr, ".", "-") }

func (s *story) stopStart(t *testing.T) {
	ctx := t.Context()
	s.sh(s.far, "echo kept >/srv/keep; sync")
	ids := []string{s.far}
	must(s.cloud.ec2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: ids}))(t)
	s.awaitState(t, s.far, types.InstanceStateNameStopped)
	if r := s.try("exec", s.far, "--", "true"); r.code != 1 || !strings.Contains(r.stderr, "not running") {
		t.Errorf("exec in a stopped machine: %s", r)
	}
	must(s.cloud.ec2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: ids}))(t)
	s.awaitState(t, s.far, types.InstanceStateNameRunning)
	if out, code := s.sh(s.far, "cat /srv/keep"); code != 0 || out != "kept" {
		t.Errorf("after stop and start: %q (%d), want what was written before", out, code)
	}
}

func (s *story) awaitState(t *testing.T, id string, want types.InstanceStateName) {
	t.Helper()
	eventually(t, id+" is "+string(want), 2*time.Minute, func() bool {
		return s.cloud.describe(t.Context(), id).State.Name == want
	})
}

func (s *story) powerLoss(t *testing.T) {
	ctx := t.Context()
	s.run("kill", s.near)
	eventually(t, "status checks fail", 30*time.Second, func() bool { return s.cloud.checks(ctx, s.near) == types.SummaryStatusImpaired })
	if state := s.cloud.describe(ctx, s.near).State.Name; state != types.InstanceStateNameRunning {
		t.Errorf("a killed machine's instance is %s, want running", state)
	}
	eventually(t, "the machine is gone", 30*time.Second, func() bool { return s.try("exec", s.near, "--", "true").code != 0 })
	must(s.cloud.ec2.RebootInstances(ctx, &ec2.RebootInstancesInput{InstanceIds: []string{s.near}}))(t)
	eventually(t, "it runs again", time.Minute, func() bool {
		_, code := s.sh(s.near, "true")
		return code == 0 && s.cloud.checks(ctx, s.near) == types.SummaryStatusOk
	})
}

// powerOff shuts a machine down from inside: its instance stops, as its shutdown behaviour says.
func (s *story) powerOff(t *testing.T) {
	ctx := t.Context()
	// It has only just booted, and systemd takes no orders before it is through with that.
	if out, code := s.sh(s.near, "for i in $(seq 150); do systemctl is-system-running | grep -Eq 'running|degraded' && exec systemctl poweroff; sleep 0.2; done; exit 1"); code != 0 {
		t.Fatalf("poweroff: %q (%d)", out, code)
	}
	s.awaitState(t, s.near, types.InstanceStateNameStopped)
	must(s.cloud.ec2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{s.near}}))(t)
	s.awaitState(t, s.near, types.InstanceStateNameRunning)
}

// secrets looks for the lab's secrets where others can see them.
func (s *story) secrets(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(s.dir(), "lab.json"))
	if err != nil {
		t.Fatal(err)
	}
	var info struct {
		Secret string `json:"secret_access_key"`
		Token  string `json:"control_token"`
	}
	if err := json.Unmarshal(data, &info); err != nil || info.Secret == "" || info.Token == "" {
		t.Fatalf("lab.json: %v", err)
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.pid()))
	if err != nil {
		t.Fatal(err)
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", s.pid()))
	if err != nil {
		t.Fatal(err)
	}
	for place, text := range map[string]string{
		"log": s.run("logs"), "status": s.run("status") + s.run("status", "-json"), "ps": string(cmdline), "environment": string(environ),
	} {
		for _, secret := range []string{info.Secret, info.Token, "value of " + ownParameter} {
			if strings.Contains(text, secret) {
				t.Errorf("a secret is in %s", place)
			}
		}
	}
	for _, file := range []string{"lab.json", "lab.log", "lab.pid", "api/key.json"} {
		if stat, err := os.Stat(filepath.Join(s.dir(), file)); err != nil || stat.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v (%v), want mode 0600", file, stat.Mode(), err)
		}
	}
}

func (s *story) takeOver(t *testing.T) {
	s.sh(s.far, "touch /run/not-booted-since")
	s.kill()
	if out := s.run("up"); !strings.Contains(out, "is up") {
		t.Errorf("up says %q", out)
	}
	if _, code := s.sh(s.far, "test -e /run/not-booted-since"); code != 0 {
		t.Error("a machine that ran on was booted again")
	}
	if got := s.cloud.describe(t.Context(), s.far).State.Name; got != types.InstanceStateNameRunning {
		t.Errorf("its instance is %s", got)
	}
	if out, _ := s.sh(s.far, token+"imds meta-data/instance-id"); out != s.far {
		t.Errorf("metadata after the lab was taken over: %q", out)
	}
	eventually(t, "the public address answers again", 10*time.Second, func() bool {
		return strings.Contains(get("http://"+s.public+"/"), hostName(s.webAddr))
	})
}

func (s *story) downUp(t *testing.T) {
	s.run("down")
	if body := get("http://" + s.public + "/"); strings.Contains(body, hostName(s.webAddr)) {
		t.Error("a machine answers although the lab is down")
	}
	if r := s.try("down"); r.code != 0 {
		t.Errorf("down again: %s", r)
	}
	s.run("up")
	eventually(t, "the machine has booted from its disk", time.Minute, func() bool {
		out, _ := s.sh(s.far, "test ! -e /run/not-booted-since && cat /srv/keep")
		return out == "kept"
	})
	eventually(t, "all machines run", time.Minute, func() bool {
		for _, id := range []string{s.web, s.near, s.far} {
			if _, code := s.sh(id, "true"); code != 0 || s.cloud.checks(t.Context(), id) != types.SummaryStatusOk {
				return false
			}
		}
		return true
	})
}

func (s *story) terminate(t *testing.T) {
	ctx := t.Context()
	ids := []string{s.web, s.near, s.far}
	must(s.cloud.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: ids}))(t)
	for _, id := range ids {
		s.awaitState(t, id, types.InstanceStateNameTerminated)
		if _, err := os.Stat(filepath.Join(s.dir(), "machines", id)); err == nil {
			t.Errorf("the disk of %s is still there", id)
		}
	}
	if names, _ := filepath.Glob("/sys/fs/cgroup/*/*cf.story.*"); len(names) > 0 {
		t.Errorf("control groups of machines are left: %v", names)
	}
	if status := s.run("status"); !strings.Contains(status, "No instances.") {
		t.Errorf("status: %s", status)
	}
}
