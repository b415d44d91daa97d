package hclconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// Configuration is what Load made of a directory. It does not change, and may
// be used by several goroutines.
type Configuration struct {
	dir    string // absolute
	home   string
	opts   Options
	files  *files
	parsed map[string]*hcl.File
	root   *module
	values map[string]*rootValue
	// incomplete: a required variable is unset, and may be. What cannot be planned for that reason alone is no mistake.
	incomplete bool
}

// Load reads the files of a directory and of the modules it calls, checks
// them as far as that needs no evaluation, and finds the values of variables.
// The Configuration is never nil and holds what could be understood.
func Load(dir string, opts Options) (*Configuration, Diagnostics) {
	opts.Limits = opts.Limits.withDefaults()
	if opts.Now.IsZero() {
		opts.Now = time.Now()
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	l := &loader{
		given:   dir,
		files:   newFiles(abs, opts.Limits, opts.Snapshot),
		parser:  &parser{nesting: opts.Limits.Nesting, files: map[string]*hcl.File{}},
		limits:  opts.Limits,
		modules: map[string]*module{},
	}
	home := homeDir()
	if s := opts.Snapshot; s != nil && s.Dir != "" {
		abs, home = s.Dir, s.Home
	}
	c := &Configuration{dir: abs, home: home, opts: opts, files: l.files, parsed: l.parser.files}
	c.root = l.load(".", nil)
	if c.root == nil {
		c.root = newModule(".")
	}
	l.diags.add(c.checkVersion()...)
	for _, dir := range slices.Sorted(maps.Keys(l.modules)) {
		if m := l.modules[dir]; m != nil {
			m.checkReferences(&l.diags)
		}
	}
	l.diags.add(c.findValues(l.parser)...)
	return c, c.finish(l.diags)
}

func (l Limits) withDefaults() Limits {
	set := func(n *int, fallback int) {
		if *n <= 0 {
			*n = fallback
		}
	}
	if l.FileBytes <= 0 {
		l.FileBytes = 10 << 20
	}
	set(&l.Files, 10_000)
	set(&l.Nesting, 200)
	set(&l.Modules, 32)
	set(&l.Instances, 200_000)
	return l
}

// Sources gives every file read so far: by Load, and by functions of the
// expressions that were evaluated.
func (c *Configuration) Sources() Sources {
	s := c.files.sources()
	s.Dir, s.Home = c.dir, c.home
	return s
}

// finish folds repetitions and says in which block each diagnostic is.
func (c *Configuration) finish(diags Diagnostics) Diagnostics {
	return c.InContext(diags.folded())
}

// InContext says in which block of the files each diagnostic is, where that is not said yet.
func (c *Configuration) InContext(diags Diagnostics) Diagnostics {
	for i := range diags {
		if at := diags[i].Subject; at != nil && diags[i].Within == "" {
			if file := c.parsed[at.Filename]; file != nil {
				diags[i].Within = within(file, at.Start.Byte)
			}
		}
	}
	return diags
}

// loader carries what loading several directories has in common.
type loader struct {
	given   string // the root directory, as it was given
	files   *files
	parser  *parser
	limits  Limits
	modules map[string]*module // by directory; nil while it is being loaded
	stack   []string
	diags   Diagnostics
}

// load reads one directory. It gives nil when there is nothing to read.
func (l *loader) load(dir string, from *argument) *module {
	complain := func(summary, format string, args ...any) {
		d := Diagnostic{Severity: Error, Summary: summary, Detail: fmt.Sprintf(format, args...)}
		if from != nil {
			d.Subject = new(from.expr.Range())
		}
		l.diags.add(d)
	}
	if slices.Contains(l.stack, dir) {
		complain("Module cycle", "The module calls itself: %s.", strings.Join(append(l.stack[slices.Index(l.stack, dir):], dir), " → "))
		return nil
	}
	if m, ok := l.modules[dir]; ok {
		return m
	}
	if len(l.stack) > l.limits.Modules {
		complain("Modules nested too deeply", "Modules call modules more than %d deep here.", l.limits.Modules)
		return nil
	}
	names, err := l.files.list(dir, isConfigFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && dir == ".":
		complain("No such directory", "There is no directory %q.", l.given)
		return nil
	case errors.Is(err, fs.ErrNotExist):
		complain("No such directory", "There is no directory %q.", dir)
		return nil
	case err != nil:
		complain("Unreadable directory", "The directory %q cannot be read: %s.", dir, pathless(err))
		return nil
	case len(names) == 0 && dir == ".":
		complain("No configuration files", "There is no file *.cluster.hcl or *.cluster.json in this directory. `clusterform init` writes one to start from; -chdir=DIR looks elsewhere.")
		return nil
	case len(names) == 0:
		complain("No configuration files", "There is no file *.cluster.hcl or *.cluster.json in %q.", dir)
		return nil
	}
	l.stack = append(l.stack, dir)
	defer func() { l.stack = l.stack[:len(l.stack)-1] }()

	m := newModule(dir)
	for _, name := range names {
		name = path.Join(dir, name)
		src, err := l.files.load(name, SourceConfig)
		if err != nil {
			at := hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos}
			l.diags.add(Diagnostic{Severity: Error, Summary: "Unreadable file", Detail: readProblem(name, err), Subject: &at})
			continue
		}
		body, found := l.parser.parse(name, src)
		l.diags.add(found...)
		if body != nil {
			l.readFile(m, body, found.HasErrors())
		}
	}
	for _, c := range m.callOrder {
		if c.source != "" {
			c.module = l.load(path.Join(dir, c.source), c.block.attrs["source"])
		}
	}
	m.checkMoves(&l.diags)
	l.modules[dir] = m
	return m
}

// pathless is an error's cause without the path, which is said already.
func pathless(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
