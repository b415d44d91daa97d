//go:build linux

package hostlimit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const key = "fs/inotify/max_user_instances"

// host makes a /proc/sys with one setting.
func host(t *testing.T, value string) (l Limits, read func() string, write func(string)) {
	t.Helper()
	dir := t.TempDir()
	l = Limits{proc: filepath.Join(dir, "sys"), record: filepath.Join(dir, "run", "limits.json")}
	path := filepath.Join(l.proc, key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	write = func(v string) {
		if err := os.WriteFile(path, []byte(v), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(value + "\n")
	return l, func() string { data, _ := os.ReadFile(path); return strings.TrimSpace(string(data)) }, write
}

func TestLimits(t *testing.T) {
	t.Parallel()
	type step struct {
		do   string // "raise LAB" or "release LAB", or a value written by somebody else
		want int64
		is   string // the value afterwards
	}
	for _, c := range []struct {
		name  string
		start string
		steps []step
	}{
		{"put back", "128", []step{{"raise a", 8192, "8192"}, {"release a", 0, "128"}}},
		{"large enough already", "9000", []step{{"raise a", 8192, "9000"}, {"release a", 0, "9000"}}},
		{"two labs: the last one puts it back", "128", []step{{"raise a", 8192, "8192"}, {"raise b", 8192, "8192"}, {"release a", 0, "8192"}, {"release b", 0, "128"}}},
		{"a lab that was killed and raises again", "128", []step{{"raise a", 8192, "8192"}, {"raise a", 8192, "8192"}, {"release a", 0, "128"}}},
		{"one asks for more", "128", []step{{"raise a", 256, "256"}, {"raise b", 512, "512"}, {"release b", 0, "512"}, {"release a", 0, "128"}}},
		{"somebody else changed it since", "128", []step{{"raise a", 8192, "8192"}, {"10000", 0, "10000"}, {"release a", 0, "10000"}}},
		{"released twice, and never raised", "128", []step{{"release a", 0, "128"}, {"raise a", 200, "200"}, {"release a", 0, "128"}, {"release a", 0, "128"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, read, write := host(t, c.start)
			for _, s := range c.steps {
				var err error
				verb, lab, _ := strings.Cut(s.do, " ")
				switch verb {
				case "raise":
					err = l.Raise(lab, map[string]int64{key: s.want, "not/in/this/kernel": 1})
				case "release":
					err = l.Release(lab)
				default:
					write(verb)
				}
				if err != nil {
					t.Fatalf("%s: %v", s.do, err)
				}
				if got := read(); got != s.is {
					t.Errorf("after %s the value is %s, want %s", s.do, got, s.is)
				}
			}
			if _, err := os.Stat(l.record); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the record is still there: %v", err)
			}
		})
	}
}

func TestValueThatIsNoNumber(t *testing.T) {
	t.Parallel()
	l, _, _ := host(t, "many")
	if err := l.Raise("a", map[string]int64{key: 1}); err == nil {
		t.Error("no error")
	}
}
