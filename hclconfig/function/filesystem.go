package function

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

func filesystem() []Entry {
	return []Entry{
		{"abspath", Filesystem, "abspath(path)", "The absolute path.", "abspath(path.root)", absPath},
		{"basename", Filesystem, "basename(path)", "The last part of a path.", "basename(\"a/b.txt\") → \"b.txt\"", is(ofText(func(s string) (string, error) { return filepath.Base(s), nil }))},
		{"dirname", Filesystem, "dirname(path)", "The path without its last part.", "dirname(\"a/b.txt\") → \"a\"", is(ofText(func(s string) (string, error) { return filepath.Dir(s), nil }))},
		{"file", Filesystem, "file(path)", "The text in a file. Relative paths start at the root directory: write path.module in modules.", "file(\"${path.module}/motd\")", ofFile(asText)},
		{"filebase64", Filesystem, "filebase64(path)", "The bytes of a file in Base64.", "filebase64(\"logo.png\")", ofFile(func(b []byte) (string, error) { return base64.StdEncoding.EncodeToString(b), nil })},
		{"fileexists", Filesystem, "fileexists(path)", "Whether there is a file.", "fileexists(\"extra.yaml\")", fileExists},
		{"fileset", Filesystem, "fileset(path, pattern)", "The files below a directory whose names match: * within a name, ** across directories, {a,b} for either.", "fileset(path.module, \"manifests/*.yaml\")", fileSet},
		{"pathexpand", Filesystem, "pathexpand(path)", "The path with ~ at its start replaced by your home directory.", "pathexpand(\"~/.ssh/id.pub\")", pathExpand},
		{"templatefile", Filesystem, "templatefile(path, vars)", "The template in a file, with the values put in.", "templatefile(\"motd.tftpl\", { name = \"lab\" })", nil},
	}
}

// expand replaces ~ at the start of a path.
func (e Env) expand(path string) (string, error) {
	if path != "~" && !strings.HasPrefix(path, "~/") {
		return path, nil
	}
	if e.Home == "" {
		return "", errors.New("there is no home directory that ~ could stand for")
	}
	return filepath.Join(e.Home, path[1:]), nil
}

func (e Env) read(path string) ([]byte, error) {
	full, err := e.expand(path)
	if err != nil {
		return nil, err
	}
	data, err := e.Files.ReadFile(full)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %q; relative paths start at the root directory, so write \"${path.module}/…\" for files beside this one", path)
	}
	if err != nil {
		return nil, fmt.Errorf("the file %q cannot be read: %w", path, cause(err))
	}
	return data, nil
}

// cause is an error without the path, which the caller names as it was given.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

func asText(data []byte) (string, error) {
	if !utf8.Valid(data) {
		return "", errors.New("the file is not UTF-8 text; use filebase64() for other contents")
	}
	return string(data), nil
}

// ofFile makes a function from the path of a file to something about its bytes.
func ofFile(f func([]byte) (string, error)) func(Env) function.Function {
	return func(e Env) function.Function {
		return function.New(&function.Spec{
			Params: []function.Parameter{{Name: "path", Type: cty.String}},
			Type:   function.StaticReturnType(cty.String),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				data, err := e.read(args[0].AsString())
				if err != nil {
					return cty.NilVal, function.NewArgError(0, err)
				}
				s, err := f(data)
				if err != nil {
					return cty.NilVal, function.NewArgError(0, err)
				}
				return cty.StringVal(s), nil
			},
		})
	}
}

func fileExists(e Env) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			path, err := e.expand(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			ok, err := e.Files.Exists(path)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "%q: %s", args[0].AsString(), cause(err))
			}
			return cty.BoolVal(ok), nil
		},
	})
}

func fileSet(e Env) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}, {Name: "pattern", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Set(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			dir, err := e.expand(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			found, err := e.Files.Glob(dir, args[1].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(1, "%q: %s", args[1].AsString(), cause(err))
			}
			if len(found) == 0 {
				return cty.SetValEmpty(cty.String), nil
			}
			out := make([]cty.Value, len(found))
			for i, name := range found {
				out[i] = cty.StringVal(name)
			}
			return cty.SetVal(out), nil
		},
	})
}

func absPath(e Env) function.Function {
	return ofText(func(s string) (string, error) {
		if filepath.IsAbs(s) {
			return filepath.ToSlash(filepath.Clean(s)), nil
		}
		return filepath.ToSlash(filepath.Join(e.Dir, s)), nil
	})
}

func pathExpand(e Env) function.Function { return ofText(e.expand) }
