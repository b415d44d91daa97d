//go:build linux

package cgroup

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		groups, mounts string
		want           map[string]string // controllers → own directory
	}{
		{
			"version 2",
			"0::/user.slice/session-1.scope\n",
			"30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
			map[string]string{"": "/sys/fs/cgroup/user.slice/session-1.scope"},
		},
		{
			"hybrid, with controllers mounted together",
			"12:cpu,cpuacct:/\n4:memory:/a/b\n1:name=systemd:/init.scope\n0::/init.scope\n",
			"1 2 0:3 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n" +
				"2 2 0:4 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
				"3 2 0:5 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n" +
				"4 2 0:6 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			map[string]string{
				"cpu,cpuacct": "/sys/fs/cgroup/cpu,cpuacct", "memory": "/sys/fs/cgroup/memory/a/b",
				"name=systemd": "/sys/fs/cgroup/systemd/init.scope", "": "/sys/fs/cgroup/unified/init.scope",
			},
		},
		{
			"in a container that sees its own part only",
			"4:memory:/docker/abc/sub\n3:pids:/elsewhere\n",
			"2 2 0:4 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
				"3 2 0:5 /docker/abc /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
			map[string]string{"memory": "/sys/fs/cgroup/memory/sub", "pids": "/sys/fs/cgroup/pids"},
		},
		{
			"in a control group namespace, outside of its root",
			"0::/../other\n",
			"30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			map[string]string{"": "/sys/fs/cgroup"},
		},
		{
			"a lab that moved itself into a leaf, and a controller that is mounted nowhere",
			"2:rdma:/\n0::/lab.scope/cf-self.demo\n",
			"30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			map[string]string{"": "/sys/fs/cgroup/lab.scope"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			all, err := parse(strings.NewReader(c.groups), strings.NewReader(c.mounts))
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, h := range all {
				got[strings.Join(h.controllers, ",")] = h.own
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, err := parse(strings.NewReader("0::/\n"), strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "no control groups are mounted") {
		t.Errorf("without mounts: %v", err)
	}
}
