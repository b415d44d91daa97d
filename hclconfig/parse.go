package hclconfig

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
)

// isConfigFile says whether a file name belongs to a configuration.
func isConfigFile(name string) bool {
	return (strings.HasSuffix(name, ".cluster.hcl") || strings.HasSuffix(name, ".cluster.json")) && !hiddenFile(name)
}

// hiddenFile says whether a file is an editor's, not the user's.
func hiddenFile(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") || strings.HasSuffix(name, "~")
}

// parser turns bytes into bodies, and refuses what a parser must not be given.
type parser struct {
	nesting int
	files   map[string]*hcl.File
}

// parse reads one file. The body is usable as far as the file could be read;
// it is nil when nothing could.
func (p *parser) parse(name string, src []byte) (hcl.Body, Diagnostics) {
	start := hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos}
	if rest, ok := bytes.CutPrefix(src, []byte("\xef\xbb\xbf")); ok {
		src = rest // a byte order mark is harmless
	}
	var diags Diagnostics
	if at, problem := badText(src); problem != "" {
		diags.errorf(rangeAt(name, src, at), "Unreadable text", "%s", problem)
		return nil, diags
	}
	isJSON := path.Ext(name) == ".json"
	if at, depth := nesting(src, isJSON, p.nesting); depth > p.nesting {
		diags.errorf(rangeAt(name, src, at), "Nested too deeply",
			"Brackets, blocks and operators are nested more than %d deep here. Split the expression up with locals.", p.nesting)
		return nil, diags
	}
	if at, huge := hugeNumber(src, isJSON); huge {
		diags.errorf(rangeAt(name, src, at), "Number beyond reason", "The exponent of this number has more than three digits.")
		return nil, diags
	}
	var file *hcl.File
	var found hcl.Diagnostics
	if isJSON {
		file, found = hcljson.Parse(src, name)
		if len(found) > 1 { // of what could not be read, nobody knows what it is
			found = slices.DeleteFunc(found, func(d *hcl.Diagnostic) bool { return d.Summary == "Root value must be object" })
		}
	} else {
		file, found = hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	}
	diags.add(fromHCL(found, nil)...)
	if file == nil || file.Body == nil {
		if !diags.HasErrors() {
			diags.errorf(start, "Unreadable file", "Nothing could be read from the file.")
		}
		return nil, diags
	}
	p.files[name] = file
	return file.Body, diags
}

// badText finds what no text file holds.
func badText(src []byte) (int, string) {
	if bytes.HasPrefix(src, []byte("\xff\xfe")) || bytes.HasPrefix(src, []byte("\xfe\xff")) {
		return 0, "The file is UTF-16. Save it as UTF-8."
	}
	if i := bytes.IndexByte(src, 0); i >= 0 {
		return i, "There is a zero byte here, so this is not a text file, or it was damaged."
	}
	if utf8.Valid(src) {
		return 0, ""
	}
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 {
			return i, fmt.Sprintf("The byte 0x%02x here is not UTF-8. Save the file as UTF-8, or repair the damage.", src[i])
		}
		i += n
	}
	return 0, ""
}

// rangeAt makes a range of one character at a byte offset.
func rangeAt(name string, src []byte, offset int) hcl.Range {
	offset = min(offset, len(src))
	line := 1 + bytes.Count(src[:offset], []byte("\n"))
	lineStart := bytes.LastIndexByte(src[:offset], '\n') + 1
	pos := hcl.Pos{Line: line, Column: 1 + utf8.RuneCount(src[lineStart:offset]), Byte: offset}
	end := pos
	if offset < len(src) && src[offset] != '\n' {
		_, n := utf8.DecodeRune(src[offset:])
		end.Byte += n
		end.Column++
	}
	return hcl.Range{Filename: name, Start: pos, End: end}
}
