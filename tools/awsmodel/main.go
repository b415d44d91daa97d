// Command awsmodel writes the Go types of the lab's endpoint from the service models that AWS publishes and botocore
// carries. It takes names and types, never prose.
//
// Run it as `make generate` does:
//
//	go run ./awsmodel -actions awsmodel/actions.txt -out ../internal/lab/api/wire
//
// It asks python3 where botocore lives, unless -models says so.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	actions := flag.String("actions", "awsmodel/actions.txt", "file with the services and their actions")
	out := flag.String("out", "../internal/lab/api/wire", "directory that receives one package per service")
	models := flag.String("models", "", "botocore's data directory (default: ask python3)")
	flag.Parse()
	if err := run(*actions, *out, *models); err != nil {
		fmt.Fprintf(os.Stderr, "awsmodel: %v\n", err)
		os.Exit(1)
	}
}

func run(actionsFile, out, models string) error {
	services, err := readActions(actionsFile)
	if err != nil {
		return err
	}
	if models == "" {
		if models, err = botocoreData(); err != nil {
			return err
		}
	}
	for _, svc := range services {
		m, err := loadModel(models, svc.name)
		if err != nil {
			return err
		}
		src, err := generate(m, svc)
		if err != nil {
			return fmt.Errorf("%s: %w", svc.name, err)
		}
		dir := filepath.Join(out, svc.name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		file := filepath.Join(dir, "zz_generated_"+svc.name+".go")
		if err := os.WriteFile(file, src, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// service is one section of the actions file.
type service struct {
	name    string
	actions []string
}

// readActions parses lines of "[service]" and action names; "#" starts a comment.
func readActions(file string) ([]service, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out []service
	for n, line := range strings.Split(string(data), "\n") {
		line, _, _ = strings.Cut(line, "#")
		for _, word := range strings.Fields(line) {
			if name, ok := strings.CutPrefix(word, "["); ok {
				out = append(out, service{name: strings.TrimSuffix(name, "]")})
				continue
			}
			if len(out) == 0 {
				return nil, fmt.Errorf("%s:%d: action %s before the first [service]", file, n+1, word)
			}
			last := &out[len(out)-1]
			if slices.Contains(last.actions, word) {
				return nil, fmt.Errorf("%s:%d: action %s is named twice", file, n+1, word)
			}
			last.actions = append(last.actions, word)
		}
	}
	for i := range out {
		slices.Sort(out[i].actions)
	}
	return out, nil
}

func botocoreData() (string, error) {
	out, err := exec.Command("python3", "-c", "import botocore; print(botocore.__file__)").Output()
	if err != nil {
		return "", fmt.Errorf("ask python3 for botocore (install it with `pip install botocore`, or pass -models): %w", err)
	}
	return filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "data"), nil
}
