package hclconfig

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// maxExcerptLines bounds how much source one diagnostic shows.
const maxExcerptLines = 6

// excerpt is the source lines of a diagnostic, as they stand in the file.
type excerpt struct {
	firstLine  int    // number of the first line
	code       string // the lines, without the last newline
	start, end int    // what is meant, as byte offsets into code
	cut        bool   // what is meant goes on after the last line
}

// excerptOf cuts the lines of a range out of the source. It is false when
// there are none, as with a file that could not be read.
func excerptOf(src []byte, r hcl.Range) (excerpt, bool) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	start, end := r.Start.Byte, max(r.End.Byte, r.Start.Byte)
	if len(src) == 0 || start > len(src) {
		return excerpt{}, false
	}
	end = min(end, len(src))
	from := bytes.LastIndexByte(src[:start], '\n') + 1
	to, lines := from, 0
	for to < len(src) && lines < maxExcerptLines {
		n := bytes.IndexByte(src[to:], '\n')
		lines++
		if n < 0 {
			to = len(src)
			break
		}
		to += n + 1
		if to >= end {
			break
		}
	}
	code := bytes.TrimRight(src[from:to], "\r\n")
	out := excerpt{firstLine: r.Start.Line, code: string(code), start: min(start-from, len(code)), end: min(end-from, len(code))}
	out.cut = end > to
	return out, true
}

// bounded shortens an excerpt that is longer than a number of bytes around where what is meant begins.
func (x excerpt) bounded(limit int) excerpt {
	if len(x.code) <= limit {
		return x
	}
	from := max(0, min(x.start-limit/3, len(x.code)-limit))
	for from > 0 && !utf8.RuneStart(x.code[from]) {
		from--
	}
	to := min(from+limit, len(x.code))
	for to < len(x.code) && !utf8.RuneStart(x.code[to]) {
		to--
	}
	x.firstLine += strings.Count(x.code[:from], "\n")
	x.code, x.start, x.end, x.cut = x.code[from:to], x.start-from, min(x.end, to)-from, true
	return x
}

// clipped shortens a long line around what is meant. Both offsets move along.
func clipped(line string, start, end, width int) (string, int, int) {
	width = max(width, 20)
	if utf8.RuneCountInString(line) <= width {
		return line, start, end
	}
	from := 0
	if start > width/2 {
		from = start - width/3
	}
	for from > 0 && !utf8.RuneStart(line[from]) {
		from--
	}
	to := min(from+width, len(line))
	for to < len(line) && !utf8.RuneStart(line[to]) {
		to--
	}
	out, shift := line[from:to], from
	if from > 0 {
		out, shift = "…"+out, from-len("…")
	}
	limit := len(out)
	if to < len(line) {
		out += "…"
	}
	return out, min(max(start-shift, 0), limit), min(max(end-shift, 0), limit)
}
