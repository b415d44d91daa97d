package machine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTrimKeepsTheEndForWhoeverAppends(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "console.log")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct{ write, want string }{
		{"0123456789", "0123456789"}, // as long as allowed
		{"abc", "9abc"},
		{"def", "9abcdef"},
	} {
		if _, err := f.WriteString(c.write); err != nil {
			t.Fatal(err)
		}
		if err := trim(path, 10, 4); err != nil {
			t.Fatal(err)
		}
		if got, err := tail(path, 100); err != nil || string(got) != c.want {
			t.Errorf("after %q the file holds %q, %v; want %q", c.write, got, err, c.want)
		}
	}
}
