package image

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHostSources(t *testing.T) {
	t.Parallel()
	const debian12 = "ID=debian\nVERSION_CODENAME=bookworm\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []source
	}{
		{"stanzas; other people's are left out", map[string]string{
			"etc/os-release": debian12,
			"etc/apt/sources.list.d/debian.sources": "Types: deb\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\nComponents: main contrib\nSigned-By: /k.gpg\n\n" +
				"# security\nTypes: deb deb-src\nURIs: http://mirror.test/security\nSuites: bookworm-security\nComponents: main\n",
			"etc/apt/sources.list.d/other.sources": "Types: deb\nURIs: http://other.test\nSuites: bookworm-pgdg nodistro\nComponents: main\n",
			"etc/apt/sources.list.d/off.sources":   "Enabled: no\nTypes: deb\nURIs: http://off.test\nSuites: bookworm\nComponents: main\n",
		}, []source{
			{"http://mirror.test/debian", "bookworm", []string{"main"}, "/k.gpg"},
			{"http://mirror.test/debian", "bookworm-updates", []string{"main"}, "/k.gpg"},
			{"http://mirror.test/security", "bookworm-security", []string{"main"}, ""},
		}},
		{"lines, twice the same", map[string]string{
			"etc/os-release":       debian12,
			"etc/apt/sources.list": "deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian bookworm main # comment\ndeb-src http://mirror.test/debian bookworm main\ndeb http://mirror.test/debian bookworm main\n",
		}, []source{{"http://mirror.test/debian", "bookworm", []string{"main"}, "/k.gpg"}}},
		{"a newer Debian gives its mirror for the image's suite", map[string]string{
			"etc/os-release":       "ID=debian\nVERSION_CODENAME=\"trixie\"\n",
			"etc/apt/sources.list": "deb http://mirror.test/debian trixie main\n",
		}, []source{{"http://mirror.test/debian", "bookworm", []string{"main"}, ""}}},
		{"another distribution", map[string]string{
			"etc/os-release":       "ID=ubuntu\nVERSION_CODENAME=noble\n",
			"etc/apt/sources.list": "deb http://mirror.test/ubuntu noble main\n",
		}, nil},
		{"nothing", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for path, text := range c.files {
				path = filepath.Join(root, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := recipeOf(&systems[0]).hostSources(root)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(got, parseDeb822(formatSources(got))); diff != "" {
				t.Errorf("written and read again:\n%s", diff)
			}
		})
	}
}

func FuzzParseSources(f *testing.F) {
	f.Add("Types: deb\nURIs: http://mirror.test\nSuites: bookworm\nComponents: main\n")
	f.Add("deb [signed-by=/k] http://mirror.test bookworm main")
	f.Add(" continued\n:\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range append(parseDeb822(text), parseOneLine(text)...) {
			if s.URI == "" || s.Suite == "" {
				t.Fatalf("%+v out of %q", s, text)
			}
		}
	})
}
