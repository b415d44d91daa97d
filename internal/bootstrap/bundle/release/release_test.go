package release_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
)

func TestFind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, version, want, wantErr string }{
		{name: "whole", version: "1.34.4", want: "1.34.4"},
		{name: "with a v", version: "v1.34.4", want: "1.34.4"},
		{name: "a minor version is its newest", version: "1.33", want: "1.33.13"},
		{name: "a prefix of a number is none", version: "1.3", wantErr: `"1.3"`},
		{name: "a major version is too little", version: "1", wantErr: `"1"`},
		{name: "unknown ones are answered with the known", version: "1.20.1", wantErr: "there are 1.33.13 and 1.34.4"},
		{name: "nothing", version: "", wantErr: `""`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := release.Find(tt.version)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("got %v, want an error with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil || got.Kubernetes != tt.want {
				t.Fatalf("got %q, %v; want %q", got.Kubernetes, err, tt.want)
			}
		})
	}
}

// An upgrade goes one minor version at a time: there must be no gap.
func TestReleasesAreWholeAndWithoutGaps(t *testing.T) {
	t.Parallel()
	number := regexp.MustCompile(`^\d+\.\d+(\.\d+)?(-\w+)?$`)
	previous := ""
	for _, r := range release.All() {
		for field, v := range map[string]string{
			"Kubernetes": r.Kubernetes, "Etcd": r.Etcd, "EtcdImage": r.EtcdImage, "CoreDNS": r.CoreDNS, "Pause": r.Pause,
			"CNIPlugins": r.CNIPlugins, "Flannel": r.Flannel, "FlannelCNI": r.FlannelCNI, "CRITools": r.CRITools,
			"Containerd": r.Containerd, "Runc": r.Runc, "MetricsServer": r.MetricsServer,
		} {
			if !number.MatchString(v) {
				t.Errorf("%s: %s is %q", r.Kubernetes, field, v)
			}
		}
		if !strings.HasPrefix(r.EtcdImage, r.Etcd+"-") {
			t.Errorf("%s: image %s does not hold etcd %s", r.Kubernetes, r.EtcdImage, r.Etcd)
		}
		if r.CRITools[:4] != r.Minor() {
			t.Errorf("%s: crictl %s is of another minor version", r.Kubernetes, r.CRITools)
		}
		if previous != "" && (r.Minor() < previous || len(r.Minor()) != len(previous)) {
			t.Errorf("%s comes after %s", r.Kubernetes, previous)
		}
		previous = r.Minor()
	}
	if release.Newest().Kubernetes != "1.34.4" {
		t.Errorf("the newest is %s", release.Newest().Kubernetes)
	}
}
