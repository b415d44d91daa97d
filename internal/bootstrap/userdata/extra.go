package userdata

import (
	"fmt"
	"strings"
)

// boundary is between parts where the user's own user-data is not a script; it is part of neither.
const boundary = "==clusterform=="

// extraPath is where the user's own script is on a node, and runExtra runs it.
const (
	extraPath = "/etc/clusterform/user-data"
	runExtra  = "# The user_data of the files.\n" + extraPath + "\n"
)

func isScript(extra string) bool { return strings.HasPrefix(extra, "#!") }

// withExtra adds the user's own user-data to ours.
func withExtra(script, extra string) string {
	switch {
	case strings.TrimSpace(extra) == "":
		return script
	case isScript(extra):
		end := "USER_DATA"
		for strings.Contains(extra, end) {
			end += "_"
		}
		return fmt.Sprintf("%scat >%s <<'%s'\n%s\n%s\nchmod 700 %s\n%s",
			script, extraPath, end, strings.TrimSuffix(extra, "\n"), end, extraPath, runExtra)
	default:
		// cloud-init finds out by a part's first line what it is.
		part := func(text string) string {
			return "--" + boundary + "\nContent-Type: text/plain; charset=\"utf-8\"\nMIME-Version: 1.0\n\n" + strings.TrimSuffix(text, "\n") + "\n"
		}
		return "Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\nMIME-Version: 1.0\n\n" + part(script) + part(extra) + "--" + boundary + "--\n"
	}
}
