package source

import (
	"errors"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, stderr string
		want         []string
		never        string
	}{
		{
			name:   "refused by the proxy",
			stderr: "go: downloading a.test/b v1.0.0\ngo: module a.test/b/c: reading https://user:word@proxy.test/a.test/b/c/@v/v1.0.0.info: 403 Forbidden\n",
			want:   []string{"a.test/b/c", "403 Forbidden"}, never: "word",
		},
		{
			name:   "refused, with its version",
			stderr: "x.go:3:8: a.test/b@v1.0.0: reading https://user:word@proxy.test/a.test/b/@v/v1.0.0.zip: 403 Forbidden\n\tserver response: Not for you.\n",
			want:   []string{"does not serve a.test/b@v1.0.0", "403 Forbidden", "Not for you.", "GOPROXY"}, never: "word",
		},
		{
			name:   "not in the checksum database",
			stderr: "go: a.test/b@v0.27.4: verifying go.mod: a.test/b@v0.27.4/go.mod: reading https://user:word@proxy.test/sumdb/lookup/a.test/b@v0.27.4: 404 Not Found\n",
			want:   []string{"a.test/b@v0.27.4", "404 Not Found"}, never: "word",
		},
		{
			name:   "an old toolchain",
			stderr: "go: a.test/b@v1.0.0 requires go >= 1.99 (running go 1.26.8; GOTOOLCHAIN=local)\n",
			want:   []string{"too old", "requires go >= 1.99"},
		},
		{
			name:   "a full disk",
			stderr: "link: writing output: write /tmp/x: no space left on device\n", want: []string{"no space left on the disk"},
		},
		{name: "anything else", stderr: "./x.go:3: undefined: y\n", want: []string{"failed", "undefined: y"}},
		{name: "nothing said", stderr: "go: downloading a.test/b v1.0.0\n", want: []string{"failed"}, never: "downloading"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := explain(errors.New("failed"), tt.stderr).Error()
			for _, w := range tt.want {
				if !strings.Contains(got, w) {
					t.Errorf("%q does not say %q", got, w)
				}
			}
			if tt.never != "" && strings.Contains(got, tt.never) {
				t.Errorf("%q says %q", got, tt.never)
			}
		})
	}
}

func TestDropImports(t *testing.T) {
	t.Parallel()
	const text = "package main\n\nimport (\n\t\"fmt\"\n\n\t_ \"a.test/x\"\n\t_ \"a.test/y\" // stays\n\tz \"a.test/z\"\n)\n\nimport _ \"a.test/w\"\n\nfunc main() { fmt.Println(z.Z) }\n"
	got, found, err := dropImports([]byte(text), []string{"a.test/x", "a.test/w", "a.test/z", "fmt"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(found, " ") != "a.test/x a.test/w" {
		t.Errorf("dropped %v: only imports for side effects may go", found)
	}
	for _, stays := range []string{`"fmt"`, `_ "a.test/y" // stays`, `z "a.test/z"`} {
		if !strings.Contains(string(got), stays) {
			t.Errorf("%s is gone:\n%s", stays, got)
		}
	}
	if strings.Contains(string(got), "a.test/x") || strings.Contains(string(got), "a.test/w") {
		t.Errorf("still there:\n%s", got)
	}
	if _, again, err := dropImports(got, []string{"a.test/x"}); err != nil || again != nil {
		t.Errorf("the result does not parse, or has it still: %v, %v", again, err)
	}
}
