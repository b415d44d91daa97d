package machine_test

import (
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/lab/image"
)

// A machine of another system than the default is one as far as nodes of clusters need it.
func TestDebian13(t *testing.T) {
	needMachines(t)
	// Before the host is guarded: it may take minutes, and changes nothing that others would notice.
	if _, err := image.Build(t.Context(), image.Options{CacheDir: cacheDir, System: "debian-13", Progress: func(line string) { t.Log(line) }}); err != nil {
		t.Fatal(err)
	}
	l := newLab(t, "debian13")
	l.vpc("vpc-1", "10.88.0.0/16", "10.88.0.0/24")
	l.group("sg-1", "vpc-1")
	l.instance("i-13", "vpc-1", 0, "10.88.0.13", "sg-1")
	l.userData["i-13"] = "#!/bin/sh\n. /etc/os-release\necho \"$ID-$VERSION_ID\" >/srv/system\nsystemctl start containerd docker && touch /srv/done\n"
	l.apply()
	m := l.machine("i-13")
	m.System = "debian-13"
	if err := l.machines.Launch(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	l.awaitFile("i-13", "srv/done")
	for _, c := range []struct{ name, script, want string }{
		{"it is what it is to be", "cat /srv/system", "debian-13"},
		{"cloud-init is content", "cloud-init status --wait; grep -c 'Invalid cloud-config' /var/log/cloud-init.log", "status: done\n0"},
		{"no unit failed", "systemctl is-system-running --wait; systemctl --failed --no-legend --plain", "running"},
		{"docker runs", "docker info -f '{{.OSType}} {{.OperatingSystem}}'", "linux Debian GNU/Linux 13 (trixie)"},
		{"containerd runs", "ctr -n k8s.io containers ls -q && echo well", "well"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if out, _ := l.sh("i-13", c.script); out != c.want {
				t.Errorf("got %q, want %q", out, c.want)
			}
		})
	}
	t.Run("it stays what it is, whatever its AMI has become", func(t *testing.T) {
		if err := l.machines.Stop(t.Context(), "i-13", false); err != nil {
			t.Fatal(err)
		}
		m.System = "debian-12"
		if err := l.machines.Start(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if out, _ := l.sh("i-13", ". /etc/os-release; echo $VERSION_ID"); out != "13" {
			t.Errorf("it is Debian %q", out)
		}
	})
	t.Run("a system that is not to be had", func(t *testing.T) {
		m := l.machine("i-13")
		m.InstanceID, m.System = "i-al", "amazon-linux-2023"
		err := l.machines.Launch(t.Context(), m)
		if err == nil || !strings.Contains(err.Error(), "cannot run amazon-linux-2023; they run debian-12, debian-13") {
			t.Errorf("error %v", err)
		}
	})
}
