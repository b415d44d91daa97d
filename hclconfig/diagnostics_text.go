package hclconfig

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// WriteDiagnostics writes diagnostics for people: severity and summary, the
// place with the source line and the part that is meant, what references stood
// for, and what to write instead. sources gives the lines; color asks for ANSI
// sequences; width is that of the terminal in columns, 0 for 78.
func WriteDiagnostics(w io.Writer, diags Diagnostics, sources Sources, color bool, width int) error {
	if width <= 0 {
		width = 78
	}
	p := painter{color: color, width: max(width, 30)}
	for _, d := range diags {
		if _, err := io.WriteString(w, p.diagnostic(d, sources)); err != nil {
			return err
		}
	}
	return nil
}

// painter writes boxes of text.
type painter struct {
	color bool
	width int
}

const (
	ansiReset     = "\x1b[0m"
	ansiBold      = "\x1b[1m"
	ansiUnderline = "\x1b[4m"
	ansiRed       = "\x1b[31m"
	ansiYellow    = "\x1b[33m"
	ansiDim       = "\x1b[2m"
)

func (p painter) paint(code, s string) string {
	if !p.color || s == "" {
		return s
	}
	return code + s + ansiReset
}

func (p painter) diagnostic(d Diagnostic, sources Sources) string {
	title, tint := "Error: ", ansiRed
	if d.Severity == Warning {
		title, tint = "Warning: ", ansiYellow
	}
	var lines []string
	for i, l := range wrap(PrintableLine(d.Summary), p.width-2-len(title)) {
		if i == 0 {
			l = p.paint(tint+ansiBold, title) + p.paint(ansiBold, l)
		}
		lines = append(lines, l)
	}
	if d.Subject != nil {
		lines = append(lines, "")
		lines = append(lines, p.source(d, sources)...)
	}
	if d.Detail != "" {
		lines = append(lines, "")
		lines = append(lines, wrap(Printable(d.Detail), p.width-2)...)
	}
	var b strings.Builder
	b.WriteString(p.paint(tint, "╷") + "\n")
	for _, l := range lines {
		b.WriteString(p.paint(tint, "│"))
		if l != "" {
			b.WriteString(" " + l)
		}
		b.WriteByte('\n')
	}
	b.WriteString(p.paint(tint, "╵") + "\n")
	return b.String()
}

// source is the place, the lines there, and what references stood for.
func (p painter) source(d Diagnostic, sources Sources) []string {
	head := fmt.Sprintf("  on %s line %d", PrintableLine(d.Subject.Filename), d.Subject.Start.Line)
	if d.Within != "" {
		head += ", in " + PrintableLine(d.Within)
	}
	if d.Address != "" {
		head += " (" + PrintableLine(string(d.Address)) + ")"
	}
	lines := []string{head + ":"}
	if d.Hidden {
		return append(lines, p.paint(ansiDim, "    (the line is not shown, as it may hold a sensitive value)"))
	}
	if x, ok := excerptOf(sources.Bytes(d.Subject.Filename), *d.Subject); ok {
		lines = append(lines, p.code(x)...)
	}
	if len(d.Values) == 0 {
		return lines
	}
	lines = append(lines, "    "+p.paint(ansiDim, "├────────────────"))
	for _, v := range d.Values {
		text := p.paint(ansiBold, PrintableLine(v.Traversal)) + " " + PrintableLine(v.Statement)
		lines = append(lines, "    "+p.paint(ansiDim, "│")+" "+text)
	}
	return lines
}

// maxLine bounds what is shown of a line of source, in columns, also where nobody says how wide the terminal is.
const maxLine = 200

func (p painter) code(x excerpt) []string {
	var out []string
	offset := 0
	for i, line := range strings.Split(x.code, "\n") {
		start, end := min(max(x.start-offset, 0), len(line)), min(max(x.end-offset, 0), len(line))
		offset += len(line) + 1
		number := fmt.Sprintf("%4d: ", x.firstLine+i)
		line, start, end = clipped(line, start, end, min(p.width, maxLine)-len(number)-4)
		before, meant, after := shown(line[:start]), shown(line[start:end]), shown(line[end:])
		if p.color {
			out = append(out, number+before+p.paint(ansiUnderline, meant)+after)
			continue
		}
		out = append(out, number+before+meant+after)
		if i == 0 {
			under := strings.Repeat("^", max(columns(meant), 1))
			out = append(out, strings.Repeat(" ", len(number)+columns(before))+under)
		}
	}
	if x.cut {
		out = append(out, "      …")
	}
	return out
}

// shown is source as a terminal may show it: tabs as spaces, nothing else that moves.
func shown(s string) string {
	return Printable(strings.ReplaceAll(s, "\t", "    "))
}

// columns is how wide text is on a terminal.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r >= 0x300 && r <= 0x36f, r == 0x200d, r >= 0xfe00 && r <= 0xfe0f:
		case r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 ||
			r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe4f || r >= 0xff00 && r <= 0xff60 ||
			r >= 0x1f300 && r <= 0x1faff || r >= 0x20000 && r <= 0x3fffd):
			n += 2
		default:
			n++
		}
	}
	return n
}

// wrap breaks text at spaces. Lines that are indented stay as they are.
func wrap(s string, width int) []string {
	var out []string
	for para := range strings.SplitSeq(strings.TrimRight(s, "\n"), "\n") {
		if strings.HasPrefix(para, " ") || utf8.RuneCountInString(para) <= width {
			out = append(out, para)
			continue
		}
		line := ""
		for word := range strings.FieldsSeq(para) {
			if line != "" && columns(line)+1+columns(word) > width {
				out = append(out, line)
				line = word
				continue
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		out = append(out, line)
	}
	return out
}
