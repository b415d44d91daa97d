package render

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with testdata/NAME.golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run the test with -update to make it)", err)
	}
	if got != string(want) {
		t.Errorf("%s differs; if that is meant, run the test with -update.\n--- got\n%s\n--- want\n%s", path, got, want)
	}
}

// printed is what f prints.
func printed(t *testing.T, colour bool, f func(*Printer)) string {
	t.Helper()
	var b bytes.Buffer
	p := NewPrinter(&b, colour)
	f(p)
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestOutsideTextCannotDriveTheTerminal(t *testing.T) {
	t.Parallel()
	hostile := "a\x1b[2Jb\x07c\u202ed\r\x9bx"
	for _, colour := range []bool{false, true} {
		got := printed(t, colour, func(p *Printer) {
			p.Text(hostile)
			p.Line(hostile)
			p.styled(red, hostile)
		})
		ours := strings.NewReplacer("\x1b[31m", "", "\x1b[0m", "").Replace(got)
		for _, bad := range []string{"\x1b", "\x07", "\u202e", "\r", "\x9b"} {
			if strings.Contains(ours, bad) {
				t.Errorf("colour %t: %q got through: %q", colour, bad, got)
			}
		}
		for _, kept := range []string{"a", "b", "c", "d", "x"} {
			if !strings.Contains(ours, kept) {
				t.Errorf("colour %t: the letter %q is gone: %q", colour, kept, got)
			}
		}
	}
}
