package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)

// pages are the repository's Markdown files with their text.
func pages(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != root && (strings.HasPrefix(e.Name(), ".") || e.Name() == "testdata" || e.Name() == "bin"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		out[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	links := 0
	for page, text := range pages(t, filepath.Join("..", "..")) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], ":") {
				continue // to another site
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", page, m[1])
			}
		}
	}
	if links < 10 {
		t.Errorf("only %d links found", links)
	}
}

func TestDocsAreListed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "docs")
	all := pages(t, dir)
	index := all[filepath.Join(dir, "README.md")]
	for page := range all {
		name, err := filepath.Rel(dir, page)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "provider"+string(filepath.Separator)) {
			name = filepath.Join("provider", "index.md") // which leads to the others, in the Terraform registry's layout
		}
		if name != "README.md" && !strings.Contains(index, "("+filepath.ToSlash(name)+")") {
			t.Errorf("docs/README.md does not list %s", name)
		}
	}
}
