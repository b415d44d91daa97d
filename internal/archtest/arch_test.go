package archtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/clusterform/clusterform"

type pkg struct {
	ImportPath   string
	Dir, Doc     string
	Name         string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	Incomplete   bool
}

func (p pkg) path() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// packages lists the module's packages. One that does not compile is listed all the same.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Doc,Name,GoFiles,TestGoFiles,XTestGoFiles,Imports,Incomplete", "./...")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 10 {
		t.Fatalf("only %d packages found; the test looks at the wrong place", len(list))
	}
	return list
}

func within(path, room string) bool { return path == room || strings.HasPrefix(path, room+"/") }

// rooms say what a package may import of this module; the first that holds it counts. What is not listed may be imported
// by nobody of that room.
var rooms = []struct {
	room string
	may  []string
}{
	{"hclconfig", []string{"hclconfig"}},
	{"planner/resource", nil},
	{"planner", []string{"planner", "hclconfig"}},
	{"internal/event", []string{"planner/resource"}},
	{"internal/seal", nil},
	{"internal/state", []string{"internal/state", "planner/resource"}},
	{"internal/apply", []string{"internal/apply", "internal/state", "internal/event", "planner"}},
	{"internal/aws", []string{"internal/aws", "internal/event", "planner/resource"}},
	{"internal/render", []string{"internal/render", "internal/event", "planner", "hclconfig"}},
	{"internal/orchestrator/drivers", []string{"internal/orchestrator", "internal/bootstrap", "internal/aws", "planner", "hclconfig"}},
	{"internal/orchestrator", []string{"internal/orchestrator", "internal/bootstrap", "planner", "hclconfig"}},
	{"internal/bootstrap", []string{"internal/bootstrap", "planner", "hclconfig"}},
	{"internal/lab", []string{"internal/lab"}},
	{"internal/cli/iostreams", nil},
	{"internal/cli", []string{"internal", "planner", "hclconfig"}},
	{"internal/e2e", []string{"internal", "planner", "hclconfig"}},
	{"internal/archtest", nil},
	{"provider", []string{"provider", "internal", "planner", "hclconfig"}},
	{"cmd/terraform-provider-clusterform", []string{"provider"}},
	{"cmd", []string{"internal/cli", "internal/lab"}},
	{"bench", []string{"bench", "internal", "planner", "hclconfig"}},
}

func TestImportsGoOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		i := slices.IndexFunc(rooms, func(r struct {
			room string
			may  []string
		}) bool {
			return within(p.path(), r.room)
		})
		if i < 0 {
			t.Errorf("%s is in no room of docs/design.md; give it one there and in this test", p.path())
			continue
		}
		for _, imp := range p.Imports {
			path, ours := strings.CutPrefix(imp, module+"/")
			if !ours || slices.ContainsFunc(rooms[i].may, func(may string) bool { return within(path, may) }) {
				continue
			}
			t.Errorf("%s imports %s; packages in %s may import %s", p.path(), path, rooms[i].room, strings.Join(rooms[i].may, ", "))
		}
	}
}

func TestOneRoomKnowsTheCloudsSDK(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, "github.com/aws/") && !within(p.path(), "internal/aws") {
				t.Errorf("%s imports %s; only internal/aws may", p.path(), imp)
			}
		}
	}
}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	vague := []string{"util", "utils", "common", "helpers", "helper", "misc", "shared", "base"}
	for _, p := range packages(t) {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment", p.path())
		}
		if slices.Contains(vague, p.Name) || slices.Contains(vague, filepath.Base(p.Dir)) {
			t.Errorf("%s: %s names no purpose", p.path(), p.Name)
		}
	}
}

// maxLines is where a file stops being one thing with one name. Generated files are exempt.
const maxLines = 600

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			n, generated, err := lines(filepath.Join(p.Dir, name))
			if err != nil {
				t.Error(err)
				continue
			}
			if n > maxLines && !generated {
				t.Errorf("%s/%s has %d lines, more than %d: is it still one thing?", p.path(), name, n, maxLines)
			}
		}
	}
}

func lines(path string) (n int, generated bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		n++
		if l := s.Text(); strings.HasPrefix(l, "// Code generated ") && strings.HasSuffix(l, " DO NOT EDIT.") {
			generated = true
		}
	}
	return n, generated, s.Err()
}
