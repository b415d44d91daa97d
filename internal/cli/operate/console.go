package operate

import (
	"regexp"
	"strings"
)

var (
	// sequence is what moves a terminal's cursor or changes its colours.
	sequence = regexp.MustCompile("\x1b(\\[[0-9;?]*[ -/]*[@-~]|[@-Z\\\\-_])")
	// spinner is a line that systemd draws over and over while something starts.
	spinner = regexp.MustCompile(`^\[[ *]{6}\] `)
)

// consoleLines are the lines of a console as a terminal would have shown them in the end.
func consoleLines(text string) []string {
	var out []string
	for line := range strings.Lines(sequence.ReplaceAllString(text, "")) {
		line = strings.TrimRight(line, "\r\n ")
		line = line[strings.LastIndexByte(line, '\r')+1:] // what came before was drawn over
		if line != "" && !spinner.MatchString(line) {
			out = append(out, line)
		}
	}
	return out
}
