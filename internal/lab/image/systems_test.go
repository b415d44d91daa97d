package image

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSystemsHaveImagesOfTheirOwn(t *testing.T) {
	t.Parallel()
	if !slices.Contains(Systems(), DefaultSystem) {
		t.Errorf("the default %s is not one of %v", DefaultSystem, Systems())
	}
	owner := map[string]string{}
	for _, name := range Systems() {
		s, err := lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := recipeOf(s).digest()
		if err != nil {
			t.Fatal(err)
		}
		if other := owner[digest]; other != "" {
			t.Errorf("%s and %s have one digest", name, other)
		}
		owner[digest] = name
	}
	if _, err := Build(t.Context(), Options{CacheDir: t.TempDir(), System: "amazon-linux-2023"}); err == nil || !strings.Contains(err.Error(), "they run debian-12") {
		t.Errorf("error %v does not say what there is", err)
	}
}

// Where packages come from: the mirror that was given for Ubuntu, else the host's own for its own distribution.
func TestMirror(t *testing.T) {
	t.Parallel()
	debianHost := map[string]string{
		"etc/os-release":       "ID=debian\nVERSION_CODENAME=bookworm\n",
		"etc/apt/sources.list": "deb http://mirror.test/debian bookworm main\n",
	}
	ubuntuHost := map[string]string{
		"etc/os-release":       "ID=ubuntu\nVERSION_CODENAME=noble\n",
		"etc/apt/sources.list": "deb http://mirror.test/ubuntu noble main restricted\ndeb http://mirror.test/ubuntu noble-security main\n",
	}
	withKeys := map[string]string{"usr/share/keyrings/ubuntu-archive-keyring.gpg": ""}
	const keyring = "/usr/share/keyrings/ubuntu-archive-keyring.gpg"
	both := []string{"main", "universe"}
	for _, c := range []struct {
		name, system string
		host         []map[string]string
		given        string
		want         []source
		refused      string
	}{
		{name: "another Debian", system: "debian-13", host: []map[string]string{debianHost},
			want: []source{{"http://mirror.test/debian", "trixie", []string{"main"}, ""}}},
		{name: "Debian is never from Ubuntu's mirror", system: "debian-13", host: []map[string]string{debianHost}, given: "http://other.test/ubuntu",
			want: []source{{"http://mirror.test/debian", "trixie", []string{"main"}, ""}}},
		{name: "Debian on another host is what mmdebstrap knows", system: "debian-13", host: []map[string]string{ubuntuHost}},
		{name: "Ubuntu from a mirror", system: "ubuntu-24.04", host: []map[string]string{debianHost, withKeys}, given: "http://other.test/ubuntu", want: []source{
			{"http://other.test/ubuntu", "noble", both, keyring}, {"http://other.test/ubuntu", "noble-updates", both, keyring},
			{"http://other.test/ubuntu", "noble-security", both, keyring},
		}},
		{name: "Ubuntu on Ubuntu", system: "ubuntu-22.04", host: []map[string]string{ubuntuHost}, want: []source{
			{"http://mirror.test/ubuntu", "jammy", both, ""}, {"http://mirror.test/ubuntu", "jammy-security", both, ""},
		}},
		{name: "Ubuntu from nowhere", system: "ubuntu-24.04", host: []map[string]string{debianHost}, refused: UbuntuMirrorVariable},
		{name: "no keys", system: "ubuntu-24.04", host: []map[string]string{debianHost}, given: "https://other.test/ubuntu", refused: "apt-get install ubuntu-keyring"},
		{name: "no URL", system: "ubuntu-24.04", host: []map[string]string{debianHost, withKeys}, given: "other.test", refused: "begins with http://"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for _, files := range c.host {
				for path, text := range files {
					path = filepath.Join(root, path)
					if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			s, err := lookup(c.system)
			if err != nil {
				t.Fatal(err)
			}
			got, err := recipeOf(s).mirror(root, c.given)
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("error %v, want one with %q", err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
