package kubeconfig_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/kubeconfig"
)

func config(t *testing.T, name, server string) []byte {
	t.Helper()
	c := api.NewConfig()
	c.Clusters[name] = &api.Cluster{Server: server}
	c.AuthInfos[name] = &api.AuthInfo{Token: "token of " + name}
	c.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	c.CurrentContext = name
	data, err := clientcmd.Write(*c)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestMergeKeepsWhatOthersPutThere(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), ".kube", "config")
	for _, data := range [][]byte{
		config(t, "other", "https://other:6443"), config(t, "lab", "https://old:6443"), config(t, "lab", "https://new:6443"),
	} {
		if err := kubeconfig.Merge(file, data); err != nil {
			t.Fatal(err)
		}
	}
	got, err := clientcmd.LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Contexts) != 2 || got.CurrentContext != "lab" || got.Clusters["lab"].Server != "https://new:6443" || got.Clusters["other"] == nil {
		t.Errorf("merged into %+v", got)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o, want 600", info.Mode().Perm())
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("files were left beside it: %v", entries)
	}
}

func TestMergeLeavesAFileAloneThatIsNoKubeconfig(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("\tnot: [yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := kubeconfig.Merge(file, config(t, "lab", "https://new:6443"))
	if err == nil || !strings.Contains(err.Error(), "is not changed") {
		t.Errorf("error %v", err)
	}
	if data, _ := os.ReadFile(file); string(data) != "\tnot: [yaml" {
		t.Errorf("the file is now %q", data)
	}
}

func TestMergeFollowsALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := filepath.Join(dir, "real"), filepath.Join(dir, "config")
	if err := os.WriteFile(target, config(t, "other", "https://other:6443"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := kubeconfig.Merge(link, config(t, "lab", "https://new:6443")); err != nil {
		t.Fatal(err)
	}
	if got, err := clientcmd.LoadFromFile(target); err != nil || len(got.Contexts) != 2 {
		t.Errorf("behind the link are %+v, %v", got, err)
	}
}

func TestMergeWaitsForNobodyForEver(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := kubeconfig.Merge(file, config(t, "lab", "https://new:6443"))
	if err == nil || !strings.Contains(err.Error(), ".lock exists") {
		t.Errorf("error %v", err)
	}
}
