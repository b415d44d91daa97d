package bundle_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, m *bundle.Manifest) {
	t.Helper()
	got, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is another manifest now; run the test with -update and look at the difference", file)
	}
	back, err := bundle.Decode(got)
	if err != nil {
		t.Fatalf("it cannot be read: %v", err)
	}
	if again, err := back.Encode(); err != nil || !bytes.Equal(again, got) {
		t.Errorf("read and written again, it is another, %v", err)
	}
}

func TestManifests(t *testing.T) {
	t.Parallel()
	for _, r := range release.All() {
		golden(t, "upstream-"+r.Kubernetes+"-amd64.json", bundle.Upstream(r, "amd64"))
	}
	golden(t, "upstream-1.34.4-arm64.json", bundle.Upstream(release.Newest(), "arm64"))
	golden(t, "source-1.34.4-amd64.json", bundle.FromSource(release.Newest(), "amd64", "go1.26.0"))
}

func TestMirrored(t *testing.T) {
	t.Parallel()
	mirror, err := bundle.ParseMirror("https://mirror.test/cache/")
	if err != nil {
		t.Fatal(err)
	}
	m := bundle.Upstream(release.Newest(), "amd64")
	moved, ok := m.Mirrored(mirror).Find("kubeadm")
	const want = "https://mirror.test/cache/dl.k8s.io/release/v1.34.4/bin/linux/amd64/kubeadm"
	if !ok || moved.URL != want || moved.ChecksumURL != want+".sha256" {
		t.Errorf("got %+v, want %s", moved, want)
	}
	if original, _ := m.Find("kubeadm"); strings.Contains(original.URL, "mirror") {
		t.Error("the manifest itself was changed")
	}
	for _, wrong := range []string{"", "mirror.test", "ftp://mirror.test", "https://", "https://mirror.test/?a=b", "https://mirror.test/#x", "http://%zz"} {
		if _, err := bundle.ParseMirror(wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	sum := strings.Repeat("0", 64)
	whole := func(artifact string) string {
		return `{"format":1,"kubernetes":"1.34.4","os":"linux","arch":"amd64","origin":"upstream","locked":true,"artifacts":[` + artifact + `]}`
	}
	good := `{"name":"a","kind":"binary","version":"1","license":"MIT","provided_by":"bundle","path":"files/a","size":1,"sha256":"` + sum + `"}`
	image := `{"name":"i","kind":"image","version":"1","license":"MIT","provided_by":"bundle","reference":"r.test/i:1","size":1,"sha256":"` + sum + `","files":[{"path":"images/blobs/sha256/x","size":1,"sha256":"` + sum + `"}]}`
	if _, err := bundle.Decode([]byte(whole(good + "," + image))); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", ``, "not a bundle's manifest"},
		{"no JSON", `kind: x`, "not a bundle's manifest"},
		{"something else", `{"a":1}`, "no format"},
		{"of the future", `{"format":2}`, "use a newer clusterform"},
		{"unknown fields", strings.Replace(whole(good), `"os"`, `"oss":1,"os"`, 1), "oss"},
		{"something behind it", whole(good) + "{}", "after top-level value"},
		{"another system", strings.Replace(whole(good), `"linux"`, `"plan9"`, 1), "plan9"},
		{"another architecture", strings.Replace(whole(good), `"amd64"`, `"mips"`, 1), "mips"},
		{"another origin", strings.Replace(whole(good), `"upstream"`, `"dream"`, 1), "dream"},
		{"no artifacts", whole(``), "no artifacts"},
		{"a name twice", whole(good + "," + good), "twice"},
		{"a path twice", whole(good + "," + strings.Replace(good, `"a"`, `"b"`, 1)), "another artifact's"},
		{"a path that leads out", whole(strings.Replace(good, "files/a", "../a", 1)), "cannot be the path"},
		{"an absolute path", whole(strings.Replace(good, "files/a", "/etc/a", 1)), "cannot be the path"},
		{"a path that is not clean", whole(strings.Replace(good, "files/a", "files/./a", 1)), "cannot be the path"},
		{"the manifest itself", whole(strings.Replace(good, "files/a", "bundle.json", 1)), "cannot be the path"},
		{"no pin", whole(strings.Replace(good, sum, "", 1)), "not pinned"},
		{"a pin in capitals", whole(strings.Replace(good, sum, strings.Repeat("A", 64), 1)), "not pinned"},
		{"a negative size", whole(strings.Replace(good, `"size":1`, `"size":-1`, 1)), "cannot be"},
		{"no licence", whole(strings.Replace(good, "MIT", "", 1)), "licence"},
		{"an unknown kind", whole(strings.Replace(good, "binary", "poem", 1)), "poem"},
		{"an unknown provider", whole(strings.Replace(good, `"bundle"`, `"wind"`, 1)), "wind"},
		{"a binary with a reference", whole(strings.Replace(good, `"path"`, `"reference":"x","path"`, 1)), "reference"},
		{"an image without one", whole(strings.Replace(image, "r.test/i:1", "", 1)), "reference"},
		{"an image without files", whole(strings.Replace(image, `"files":[{"path":"images/blobs/sha256/x","size":1,"sha256":"`+sum+`"}]`, `"files":[]`, 1)), "not pinned"},
		{"an image's file elsewhere", whole(strings.Replace(image, "images/blobs", "files", 1)), "not below images"},
		{"a relative place on the node", whole(strings.Replace(good, `"path"`, `"install":{"path":"bin/a"},"path"`, 1)), "not absolute"},
		{"a strange mode", whole(strings.Replace(good, `"path"`, `"install":{"path":"/bin/a","mode":"u+s"},"path"`, 1)), "octal"},
		{"a role that is none", whole(strings.Replace(good, `"path"`, `"nodes":["boss"],"path"`, 1)), "boss"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := bundle.Decode([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// Whatever is taken leads nowhere out of the bundle, and is the same when written and read again.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := bundle.Decode(data)
		if err != nil {
			return
		}
		for file := range m.Files() {
			if !filepath.IsLocal(file.Path) {
				t.Errorf("%q leads out", file.Path)
			}
		}
		out, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bundle.Decode(out); err != nil {
			t.Errorf("written, it cannot be read again: %v", err)
		}
	})
}
