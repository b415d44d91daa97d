package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/store"
)

// Builder compiles programs into a store.
type Builder struct {
	Toolchain *Toolchain
	Store     *store.Store
	Target    Target
	// Parallel bounds how many packages are compiled at a time; 0 is Go's default, one per processor.
	Parallel int
}

// programTimeout bounds one program: downloads of its modules and its compilation, on a slow machine.
const programTimeout = 90 * time.Minute

// Cached returns a program that was compiled before from the same inputs.
func (b *Builder) Cached(c Component, p Program) (store.File, bool, error) {
	k, err := key(c, p, b.Target, b.Toolchain.Version)
	if err != nil {
		return store.File{}, false, err
	}
	f, ok := b.Store.Get(k)
	return f, ok, nil
}

// Build compiles a program of a component.
func (b *Builder) Build(ctx context.Context, c Component, p Program) (store.File, error) {
	k, err := key(c, p, b.Target, b.Toolchain.Version)
	if err != nil {
		return store.File{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, programTimeout, fmt.Errorf("not finished after %s", programTimeout))
	defer cancel()
	f, err := b.Store.Put(k, p.Name, func(path string) error { return b.compile(ctx, c, p, path) })
	if err != nil {
		return store.File{}, fmt.Errorf("building %s %s: %w", p.Name, c.Version, err)
	}
	return f, nil
}

func (b *Builder) compile(ctx context.Context, c Component, p Program, output string) error {
	dir := filepath.Dir(output)
	if err := b.writeModule(ctx, dir, c); err != nil {
		return err
	}
	target := p.Package
	if target == "" {
		target = "./" + p.Name + ".main"
		main := filepath.Join(dir, p.Name+".main")
		if err := os.Mkdir(main, 0o700); err != nil {
			return err
		}
		if err := b.writeMain(ctx, dir, main, c, p); err != nil {
			return err
		}
	}
	ldflags := "-s -w"
	for _, x := range p.Stamp {
		ldflags += " -X " + x
	}
	args := []string{"build", "-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags=" + ldflags, "-o", output}
	if b.Parallel > 0 {
		args = append(args, "-p="+strconv.Itoa(b.Parallel))
	}
	_, err := b.Toolchain.run(ctx, dir, b.Target, append(args, target)...)
	return err
}

// writeModule writes the go.mod that the program is built with. Its language version is the component's own, which also
// decides the defaults of GODEBUG: the program behaves as in upstream's build.
func (b *Builder) writeModule(ctx context.Context, dir string, c Component) error {
	var mod strings.Builder
	mod.WriteString("module build\n\n")
	if c.Module == "" {
		mod.WriteString("go 1.24\n")
		return os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod.String()), 0o600)
	}
	own, err := b.goMod(ctx, dir, c)
	if err != nil {
		return err
	}
	if own.Go != "" {
		fmt.Fprintf(&mod, "go %s\n\n", own.Go)
	}
	fmt.Fprintf(&mod, "require %s %s\n", c.Module, c.Version)
	if c.Staging != "" {
		mod.WriteByte('\n')
		for _, r := range own.Replace {
			if strings.HasPrefix(r.New.Path, "./") {
				fmt.Fprintf(&mod, "replace %s => %s %s\n", r.Old.Path, r.Old.Path, c.Staging)
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod.String()), 0o600)
}

// download makes sure that the component's module is in the module cache, and tells where.
func (b *Builder) download(ctx context.Context, dir string, c Component) (moduleDir, goModFile string, err error) {
	out, err := b.Toolchain.run(ctx, dir, b.Target, "mod", "download", "-json", c.Module+"@"+c.Version)
	var answer struct{ Dir, GoMod, Error string }
	if err != nil && len(out) == 0 {
		return "", "", err
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return "", "", fmt.Errorf("%s@%s: the answer of `go mod download` is not understood: %w", c.Module, c.Version, err)
	}
	if answer.Error != "" {
		return "", "", explain(errors.New("downloading "+c.Module+"@"+c.Version), answer.Error)
	}
	if err != nil {
		return "", "", err
	}
	return answer.Dir, answer.GoMod, nil
}

// goMod is what is needed of a go.mod.
type goMod struct {
	Go      string
	Replace []struct{ Old, New struct{ Path string } }
}

func (b *Builder) goMod(ctx context.Context, dir string, c Component) (goMod, error) {
	var parsed goMod
	_, file, err := b.download(ctx, dir, c)
	if err != nil {
		return parsed, err
	}
	out, err := b.Toolchain.run(ctx, dir, b.Target, "mod", "edit", "-json", file)
	if err != nil {
		return parsed, err
	}
	if err := json.Unmarshal(out, &parsed); err != nil {
		return parsed, fmt.Errorf("go.mod of %s@%s: %w", c.Module, c.Version, err)
	}
	return parsed, nil
}

// writeMain writes the main package of a program that is not built as it is in its module.
func (b *Builder) writeMain(ctx context.Context, dir, main string, c Component, p Program) error {
	if p.From == nil {
		return os.WriteFile(filepath.Join(main, "main.go"), []byte(p.Main), 0o600)
	}
	moduleDir, _, err := b.download(ctx, dir, c)
	if err != nil {
		return err
	}
	sources, err := filepath.Glob(filepath.Join(moduleDir, filepath.FromSlash(p.From.Dir), "*.go"))
	if err != nil {
		return err
	}
	dropped := map[string]bool{}
	for _, path := range sources {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text, found, err := dropImports(text, p.From.Drop)
		if err != nil {
			return fmt.Errorf("%s of %s@%s: %w", filepath.Base(path), c.Module, c.Version, err)
		}
		for _, f := range found {
			dropped[f] = true
		}
		if err := os.WriteFile(filepath.Join(main, filepath.Base(path)), text, 0o600); err != nil {
			return err
		}
	}
	for _, d := range p.From.Drop {
		if !dropped[d] {
			return fmt.Errorf("%s@%s does not import %s for its side effects any more: the recipe does not fit this version", c.Module, c.Version, d)
		}
	}
	return nil
}

// dropImports removes imports for side effects from a source file and returns the ones it removed.
func dropImports(text []byte, paths []string) ([]byte, []string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "main.go", text, parser.ParseComments)
	if err != nil {
		return nil, nil, err
	}
	var found []string
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.IMPORT {
			continue
		}
		group.Specs = slices.DeleteFunc(group.Specs, func(s ast.Spec) bool {
			spec := s.(*ast.ImportSpec)
			path, err := strconv.Unquote(spec.Path.Value)
			drop := err == nil && spec.Name != nil && spec.Name.Name == "_" && slices.Contains(paths, path)
			if drop {
				found = append(found, path)
			}
			return drop
		})
	}
	if len(found) == 0 {
		return text, nil, nil
	}
	var out bytes.Buffer
	if err := format.Node(&out, fset, file); err != nil {
		return nil, nil, err
	}
	return out.Bytes(), found, nil
}

// ReadFile returns a file of a component's module.
func (b *Builder) ReadFile(ctx context.Context, c Component, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, programTimeout, fmt.Errorf("not finished after %s", programTimeout))
	defer cancel()
	dir, _, err := b.download(ctx, b.Store.Dir(), c)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, fmt.Errorf("%s@%s has no %s any more: the recipe does not fit this version", c.Module, c.Version, name)
	}
	return data, nil
}
