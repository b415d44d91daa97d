package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
)

// style is an SGR code.
type style string

// The styles. Each is used with a symbol or word that says the same.
const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

// Printer writes text to one writer and is the only place where escape sequences are made: everything it is given is
// stripped of control characters first. It keeps the first error of the writer for Flush.
type Printer struct {
	w     *bufio.Writer
	color bool
}

// NewPrinter returns a Printer; color asks for SGR sequences.
func NewPrinter(w io.Writer, color bool) *Printer {
	return &Printer{w: bufio.NewWriterSize(w, 1<<16), color: color}
}

// Flush writes what is buffered.
func (p *Printer) Flush() error { return p.w.Flush() }

// Text writes s without control characters other than newline and tab.
func (p *Printer) Text(s string) { p.w.WriteString(hclconfig.Printable(s)) }

// Textf is Text with a format.
func (p *Printer) Textf(format string, args ...any) { p.Text(fmt.Sprintf(format, args...)) }

// Line writes s, on one line whatever it holds.
func (p *Printer) Line(s string) {
	p.w.WriteString(hclconfig.PrintableLine(s))
	p.w.WriteByte('\n')
}

// Linef is Line with a format.
func (p *Printer) Linef(format string, args ...any) { p.Line(fmt.Sprintf(format, args...)) }

// Newline writes an empty line.
func (p *Printer) Newline() { p.w.WriteByte('\n') }

func (p *Printer) styled(st style, s string) {
	if !p.color || st == plain {
		p.Text(s)
		return
	}
	p.w.WriteString("\x1b[" + string(st) + "m")
	p.Text(s)
	p.w.WriteString("\x1b[0m")
}

// cut shortens s to at most width runes, on one line; width 0 leaves it.
func cut(s string, width int) string {
	s = hclconfig.PrintableLine(s)
	if width <= 0 {
		return s
	}
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	if width <= 1 {
		return string(r[:width])
	}
	return string(r[:width-1]) + "…"
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

// thousands writes 12345 as 12,345.
func thousands(n int) string {
	s := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}
